//! What jsonwebtoken calls the algorithms of our issuer.

use crate::protocol::token_algorithm::TokenAlgorithm;
use jsonwebtoken::Algorithm;

impl From<TokenAlgorithm> for Algorithm {
    fn from(algorithm: TokenAlgorithm) -> Self {
        match algorithm {
            TokenAlgorithm::Es256 => Self::ES256,
            TokenAlgorithm::Rs256 => Self::RS256,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TokenAlgorithm;

    #[test]
    fn both_libraries_mean_the_same() {
        for algorithm in TokenAlgorithm::ALL {
            assert_eq!(format!("{:?}", jsonwebtoken::Algorithm::from(algorithm)), algorithm.as_str());
        }
    }
}
