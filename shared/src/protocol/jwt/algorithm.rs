//! What jsonwebtoken calls our algorithms.

use crate::protocol::{jwk::JwsAlgorithm, token_algorithm::TokenAlgorithm};
use jsonwebtoken::Algorithm;

impl From<TokenAlgorithm> for Algorithm {
    fn from(algorithm: TokenAlgorithm) -> Self {
        match algorithm {
            TokenAlgorithm::Es256 => Self::ES256,
            TokenAlgorithm::Rs256 => Self::RS256,
        }
    }
}

impl From<JwsAlgorithm> for Algorithm {
    fn from(algorithm: JwsAlgorithm) -> Self {
        match algorithm {
            JwsAlgorithm::Es256 => Self::ES256,
            JwsAlgorithm::Rs256 => Self::RS256,
            JwsAlgorithm::Ps256 => Self::PS256,
            JwsAlgorithm::EdDsa => Self::EdDSA,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{JwsAlgorithm, TokenAlgorithm};

    #[test]
    fn both_libraries_mean_the_same() {
        for algorithm in TokenAlgorithm::ALL {
            assert_eq!(format!("{:?}", jsonwebtoken::Algorithm::from(algorithm)), algorithm.as_str());
        }
        for algorithm in JwsAlgorithm::CLIENT {
            assert_eq!(format!("{:?}", jsonwebtoken::Algorithm::from(algorithm)), algorithm.as_str());
        }
    }
}
