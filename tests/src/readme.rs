//! The README as a script: its shell blocks, to be run as they are printed.

/// A fenced block of a Markdown document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Line number of its first line of text.
    pub line: usize,
    /// What stands between the fences.
    pub text: String,
}

/// The blocks fenced as `sh`, in order. Other languages (`console`, `json`) are to be read, not run.
pub fn shell_blocks(markdown: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<(String, Block)> = None;
    for (index, line) in markdown.lines().enumerate() {
        let trimmed = line.trim();
        match &mut open {
            None => {
                if let Some(language) = trimmed.strip_prefix("```") {
                    open = Some((language.trim().to_owned(), Block { line: index + 2, text: String::new() }));
                }
            }
            Some((language, _)) if trimmed == "```" => {
                let is_shell = language == "sh";
                if let Some((_, block)) = open.take().filter(|_| is_shell) {
                    blocks.push(block);
                }
                open = None;
            }
            Some((_, block)) => {
                block.text.push_str(line);
                block.text.push('\n');
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
        let markdown = "# Title\n```sh\ncargo run --release\n```\ntext\n```json\n{}\n```\n```sh\na \\\n  b\n```\n";
        let blocks = shell_blocks(markdown);
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0], Block { line: 3, text: "cargo run --release\n".into() });
        assert_eq!(blocks[1], Block { line: 10, text: "a \\\n  b\n".into() });
    }
}
