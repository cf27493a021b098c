//! Forms and queries, and the sealed state that travels in them.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use auth_server::authorization::{PageRefusal, PendingRequest, ShownRequest};
use auth_server::parameters::{FORM_MAX_BYTES, FormError, PARAMETERS_MAX_COUNT, Parameters};
use http::{HeaderMap, HeaderValue, header};
use shared::random::SystemRandom;
use shared::sealing::{KeyEncryptionKeys, Sealing};

const NOW: i64 = 1_800_000_000;

/// Bytes are a form body. Second reader: `form_urlencoded`.
pub(super) fn form_parameters(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    let read = Parameters::from_form(&headers, bytes);
    let Some(text) = super::text(bytes) else {
        assert!(matches!(read, Err(FormError::NotUtf8 | FormError::TooLarge)));
        return;
    };
    assert_eq!(read, Parameters::from_query(Some(text)), "a body and a query are read alike");
    let peer: Vec<(String, String)> = form_urlencoded::parse(bytes).into_owned().collect();
    match read {
        Ok(parameters) => accepted(&parameters, &peer),
        Err(FormError::Repeated) => {
            let mut seen = HashSet::new();
            assert!(peer.iter().any(|(name, _)| name != "resource" && !seen.insert(name)), "nothing is repeated");
        }
        Err(FormError::Nul) => assert!(peer.iter().any(|(name, value)| name.contains('\0') || value.contains('\0'))),
        Err(FormError::TooMany) => assert!(peer.len() > PARAMETERS_MAX_COUNT),
        Err(FormError::TooLarge) => assert!(text.len() > FORM_MAX_BYTES),
        Err(FormError::NotUtf8) => assert!(text.contains('%'), "the text itself is UTF-8"),
        Err(FormError::ContentType) => unreachable!("it is a form"),
    }
}

fn accepted(parameters: &Parameters, peer: &[(String, String)]) {
    let ours: Vec<(String, String)> = parameters.iter().map(|(name, value)| (name.into(), value.into())).collect();
    assert_eq!(ours, peer, "both readers see the same");
    let mut seen = HashSet::new();
    for (name, value) in &ours {
        assert!(name == "resource" || seen.insert(name), "{name} is repeated");
        assert!(!name.contains('\0') && !value.contains('\0'));
        let first = ours.iter().find(|(other, value)| other == name && !value.is_empty());
        assert_eq!(parameters.get(name), first.map(|(_, value)| value.as_str()));
    }
    let printed = form_urlencoded::Serializer::new(String::new()).extend_pairs(&ours).finish();
    if printed.len() <= FORM_MAX_BYTES {
        assert_eq!(Parameters::from_query(Some(&printed)).as_ref(), Ok(parameters), "it reads back");
    }
}

/// Bytes are a sealed text, an order to change one, or the request inside.
pub(super) fn sealed_form(bytes: &[u8]) {
    let (sealing, sealed) = sealed_example();
    if let Some(text) = super::text(bytes) {
        assert_eq!(PendingRequest::open(sealing, NOW, text).is_ok(), text == sealed, "only our own text opens");
        assert!(ShownRequest::open(sealing, NOW, text).is_err(), "nor does it open for another purpose");
    }
    if let [high, low, replacement, ..] = *bytes {
        let at = (usize::from(high) << 8 | usize::from(low)) % sealed.len();
        let mut changed = sealed.clone().into_bytes();
        changed[at] = replacement & 0x7f;
        let changed = String::from_utf8(changed).expect("ASCII");
        assert_eq!(PendingRequest::open(sealing, NOW, &changed).is_ok(), changed == *sealed, "no change is accepted");
        let cut = &sealed[..at];
        assert_eq!(PendingRequest::open(sealing, NOW, cut), Err(PageRefusal::Forged), "nor a beginning");
    }
    if let Ok(request) = serde_json::from_slice::<PendingRequest>(bytes)
        && (0..=NOW).contains(&request.created_at)
    {
        let sealed = request.seal(sealing);
        let (last, over) = (request.expires_at() - 1, request.expires_at());
        assert_eq!(PendingRequest::open(sealing, last, &sealed), Ok(request), "what is sealed comes back");
        assert_eq!(PendingRequest::open(sealing, over, &sealed), Err(PageRefusal::Expired), "until its end");
    }
}

fn sealed_example() -> &'static (Sealing, String) {
    static EXAMPLE: OnceLock<(Sealing, String)> = OnceLock::new();
    EXAMPLE.get_or_init(|| {
        let sealing = Sealing::new(KeyEncryptionKeys::generate(&SystemRandom), Arc::new(SystemRandom));
        let request = r#"{"id":"i","client_id":"c","address":{"redirect_uri":"https://client.example/callback","state":"s"},
            "resource":"https://mcp.example/mcp","scope":"mcp.read","unknown_scope":"","code_challenge":"x","nonce":null,
            "person":{"prompt":{"none":false,"login":false,"consent":false}},"created_at":1799999999,"signed_in":null}"#;
        let request: PendingRequest = serde_json::from_str(request).expect("a request");
        let sealed = request.seal(&sealing);
        (sealing, sealed)
    })
}
