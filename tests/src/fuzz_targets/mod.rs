//! What is fuzzed: for every parser of foreign bytes one function that feeds it and asserts what must hold of its answer. `fuzz/` gives each
//! to libFuzzer, and `tests/in_process/fuzz_corpora.rs` replays what was found.
//!
//! A body never asserts only that nothing panics: what was accepted must read back the same, agree with a second reader of the same format,
//! and keep the rule that the parser exists for.

mod administration;
mod authorization;
mod clients;
mod documents;
mod events;
mod foreign_issuers;
mod forms;
mod headers;
mod installation;
mod keys;
mod mcp;
mod people;
mod requests;
mod settings;
mod tokens;
mod urls;

/// One fuzzed parser.
#[derive(Debug, Clone, Copy)]
pub struct FuzzTarget {
    /// Its name: of the binary in `fuzz/fuzz_targets` and of the folder in `fuzz/corpus`.
    pub name: &'static str,
    /// Feeds the parser and panics when something that must hold does not.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($module:ident::$name:ident),+ $(,)?) => {
        /// All of them.
        pub const TARGETS: &[FuzzTarget] = &[$(FuzzTarget { name: stringify!($name), run: $module::$name }),+];
    };
}

targets![
    administration::administration_list,
    administration::administration_operation,
    administration::audit_checkpoint,
    authorization::authorization_request,
    authorization::post_logout_address,
    clients::basic_credentials,
    clients::client_credentials,
    clients::registration_document,
    documents::authorization_server_metadata,
    documents::protected_resource_metadata,
    documents::resource_document,
    documents::strict_json,
    events::event_poll,
    events::security_events,
    foreign_issuers::foreign_issuer_metadata,
    foreign_issuers::foreign_key_set,
    foreign_issuers::foreign_refusal,
    foreign_issuers::introspection_answer,
    foreign_issuers::issuer_url,
    foreign_issuers::key_caching,
    forms::form_parameters,
    forms::sealed_form,
    headers::cookie,
    headers::forwarded,
    headers::if_none_match,
    headers::same_origin,
    headers::www_authenticate,
    keys::jwk,
    keys::jwk_set,
    keys::key_encryption_keys,
    mcp::json_rpc_batch,
    mcp::json_rpc_envelope,
    mcp::message_headers,
    mcp::mirrored_name,
    people::email,
    people::password,
    requests::bearer_token,
    requests::cors_preflight,
    requests::host_and_origin,
    requests::traceparent,
    requests::tracestate,
    settings::configuration,
    settings::setting_values,
    tokens::access_token_claims,
    tokens::client_assertion_claims,
    tokens::id_token_hint,
    tokens::jws_header,
    tokens::jwt_text,
    tokens::opaque_token,
    tokens::pkce,
    tokens::security_event_token,
    urls::redirect_uri,
    urls::resource_indicator,
    urls::return_address,
    urls::scope,
];

/// Feeds the target of this name.
///
/// # Panics
/// When the target finds something, or when there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let target = TARGETS.iter().find(|target| target.name == name);
    (target.expect("a fuzz target of this name").run)(bytes);
}

/// The bytes as text; most formats refuse anything else before they look.
fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// The bytes as `N` texts, one a line; what is missing is empty, and what is left over is part of the last.
fn lines<const N: usize>(bytes: &[u8]) -> Option<[&str; N]> {
    let mut parts = text(bytes)?.splitn(N, '\n');
    Some(std::array::from_fn(|_| parts.next().unwrap_or_default()))
}
