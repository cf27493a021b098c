//! HTTP Basic as clients send it (RFC 7617, RFC 6749 §2.3.1).
//!
//! The RFC wants id and secret form-encoded first; many clients put them in raw. Ids and secrets that we make are the
//! same either way; a secret is tried both ways.

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use shared::secret::Secret;

/// Id and secret of a `Basic` header.
#[derive(Debug, Clone)]
pub struct BasicCredentials {
    /// The client id, form-decoded.
    pub client_id: String,
    /// The secret as it stands, and form-decoded where that differs.
    pub secret: PresentedSecret,
}

/// A secret with the readings it may have.
#[derive(Debug, Clone)]
pub struct PresentedSecret {
    /// As it stands.
    pub raw: Secret,
    /// Form-decoded, where that differs.
    pub decoded: Option<Secret>,
}

/// Reads the header; `None` when it is not `Basic` with an id and a secret in UTF-8.
pub fn parse(header: &HeaderValue) -> Option<BasicCredentials> {
    let (scheme, encoded) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = STANDARD_NO_PAD.decode(encoded.trim().trim_end_matches('=')).ok()?;
    let text = Secret::new(String::from_utf8(bytes).ok()?);
    let (client_id, secret) = text.expose().split_once(':')?;
    let client_id = form_decode(client_id)?;
    if client_id.is_empty() || client_id.contains('\0') || secret.is_empty() {
        return None;
    }
    let decoded = form_decode(secret).filter(|decoded| decoded != secret).map(Secret::new);
    Some(BasicCredentials { client_id, secret: PresentedSecret { raw: Secret::new(secret), decoded } })
}

fn form_decode(text: &str) -> Option<String> {
    percent_decode_str(&text.replace('+', " ")).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::parse;
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    use http::HeaderValue;
    use proptest::prelude::{any, proptest};

    fn header(scheme: &str, text: &str) -> HeaderValue {
        format!("{scheme} {}", STANDARD.encode(text)).parse().expect("header")
    }

    #[test]
    fn raw_and_encoded_secrets_are_both_read() {
        // RFC 6749 §2.3.1's own example.
        let header_value = HeaderValue::from_static("Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3");
        let plain = parse(&header_value).expect("basic");
        assert_eq!(plain.client_id, "s6BhdRkqt3");
        assert!(plain.secret.raw.matches("7Fjfp0ZBr1KtDRbnfVdmIw"));
        assert!(plain.secret.decoded.is_none());
        let odd = parse(&header("bASIC", "client%2Did:a%2Bb+c:d")).expect("basic");
        assert_eq!(odd.client_id, "client-id");
        assert!(odd.secret.raw.matches("a%2Bb+c:d"));
        assert!(odd.secret.decoded.expect("differs").matches("a+b c:d"));
    }

    #[test]
    fn what_is_not_basic_is_not_read() {
        for bad in [
            header("Bearer", "a:b"),
            header("Basic", "ab"),
            header("Basic", ":b"),
            header("Basic", "a:"),
            header("Basic", "a\0:b"),
            header("Basic", "a%00:b"),
        ] {
            assert!(parse(&bad).is_none(), "{bad:?}");
        }
        for bad in ["Basic", "Basic !!!", "Basic /w==", ""] {
            assert!(parse(&HeaderValue::from_static(bad)).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_header_is_judged_without_panic(text in any::<Vec<u8>>(), inside in any::<Vec<u8>>()) {
            if let Ok(value) = HeaderValue::from_bytes(&text) {
                let _ = parse(&value);
            }
            let value = HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(inside))).expect("ascii");
            let _ = parse(&value);
        }
    }
}
