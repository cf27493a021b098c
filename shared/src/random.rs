//! Randomness as a parameter: ids and secrets come from an injected source.

use std::sync::Arc;

/// A source of unpredictable bytes.
pub trait Random: Send + Sync + 'static {
    /// Fills `destination` with bytes nobody can predict.
    fn fill(&self, destination: &mut [u8]);
}

/// The source that an application shares.
pub type SharedRandom = Arc<dyn Random>;

/// The operating system's generator through aws-lc-rs.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::disallowed_methods, reason = "the one place where ambient randomness enters")]
    fn fill(&self, destination: &mut [u8]) {
        aws_lc_rs::rand::fill(destination).expect("the operating system's generator answers once it is seeded");
    }
}

/// 32 bytes (256 bits): what every secret of ours is made of.
pub fn random_32(random: &dyn Random) -> [u8; 32] {
    let mut bytes = [0; 32];
    random.fill(&mut bytes);
    bytes
}

/// An identifier that nobody can guess and that is safe everywhere: 127 random bits as 22 characters of base64url. It begins with a letter,
/// because people give ids to commands, which take a hyphen for an option.
pub fn random_id(random: &dyn Random) -> String {
    use base64::Engine as _;
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    bytes[0] &= 0x7f;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::{Random, random_id};

    struct Every(u8);

    impl Random for Every {
        fn fill(&self, destination: &mut [u8]) {
            destination.fill(self.0);
        }
    }

    #[test]
    fn an_id_begins_with_a_letter_whatever_was_drawn() {
        for byte in 0..=u8::MAX {
            let id = random_id(&Every(byte));
            assert_eq!(id.len(), 22, "{id}");
            assert!(id.starts_with(|first: char| first.is_ascii_alphabetic()), "{id}");
        }
    }
}
