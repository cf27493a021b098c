//! The README as a script: its shell blocks, to be run as they are printed.

/// A fenced block of a Markdown document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What follows `sh` on the fence: for whom the block is. Empty where nothing follows.
    pub kind: String,
    /// Line number of its first line of text.
    pub line: usize,
    /// What stands between the fences.
    pub text: String,
}

/// The blocks fenced as `sh` or `sh KIND`, in order. Other languages (`json`) are to be read, not run.
pub fn shell_blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(bool, Block)> = None;
    for (index, line) in markdown.lines().enumerate() {
        let fence = line.trim().strip_prefix("```");
        match (open.take(), fence) {
            (None, Some(info)) => {
                let (language, kind) = info.split_once(' ').unwrap_or((info, ""));
                let block = Block { kind: kind.trim().to_owned(), line: index + 2, text: String::new() };
                open = Some((language == "sh", block));
            }
            (None, None) => {}
            (Some((is_shell, block)), Some(_)) => blocks.extend(is_shell.then_some(block)),
            (Some((is_shell, mut block)), None) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some((is_shell, block));
            }
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_shell_blocks_are_taken() {
        let markdown =
            "# Title\n```sh\ncargo run --release\n```\ntext\n```json\n{}\n```\n```sh machine\na \\\n  b\n```\n";
        let blocks = shell_blocks(markdown);
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0], Block { kind: String::new(), line: 3, text: "cargo run --release\n".into() });
        assert_eq!(blocks[1], Block { kind: "machine".into(), line: 10, text: "a \\\n  b\n".into() });
    }
}
