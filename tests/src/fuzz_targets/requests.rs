//! What stands around an MCP message: the token, the host, the page that calls, and what a browser asks before.

use super::text;
use axum::{body::Body, extract::Request};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, uri::Authority};
use resource_server::{
    bearer::extract::{NoToken, TOKEN_MAX_BYTES, carries_token, extract},
    mcp::host_and_origin::{Foreign, HostAndOrigin},
};
use shared::{
    config::PublicUrl,
    http::{Cors, Manner as _},
    trace::{TraceContext, TraceState},
};
use std::sync::LazyLock;
use url::Url;

const TOKEN_PARAMETERS: [&str; 3] = ["access_token", "token", "api_key"];

fn headers<'v>(name: &HeaderName, values: impl IntoIterator<Item = &'v str>) -> HeaderMap {
    let values = values.into_iter().filter_map(|value| HeaderValue::from_bytes(value.as_bytes()).ok());
    values.map(|value| (name.clone(), value)).fold(HeaderMap::new(), |mut all, (name, value)| {
        all.append(name, value);
        all
    })
}

/// Lines: a query, and `Authorization` headers. Second reader of the query: `form_urlencoded`.
pub(super) fn bearer_token(bytes: &[u8]) {
    let Some((query, values)) = text(bytes).map(|text| text.split_once('\n').unwrap_or((text, ""))) else { return };
    let has_token = form_urlencoded::parse(query.as_bytes())
        .any(|(name, _)| TOKEN_PARAMETERS.iter().any(|parameter| name.eq_ignore_ascii_case(parameter)));
    assert_eq!(carries_token(query), has_token, "a form or a query with a token in it");
    let sent = headers(&header::AUTHORIZATION, values.split('\n').filter(|value| !value.is_empty()));
    let count = sent.get_all(header::AUTHORIZATION).iter().count();
    match extract(&sent, Some(query)) {
        Ok(token) => {
            assert!(count == 1 && !has_token, "one way at a time");
            let value = sent[header::AUTHORIZATION].to_str().expect("ASCII");
            assert!(value[..7].eq_ignore_ascii_case("bearer ") && value[7..].trim_matches(' ') == token);
            assert!((1..=TOKEN_MAX_BYTES).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic()));
            assert!(!token.contains([',', '"', '\\', ';', '<', '&']), "one word of a header");
            let again = headers(&header::AUTHORIZATION, [format!("BEARER {token}").as_str()]);
            assert_eq!(extract(&again, None), Ok(token), "it reads back");
        }
        Err(NoToken::TwoMethods) => assert!(count > 1 || has_token),
        Err(NoToken::Missing | NoToken::Malformed) => assert!(count <= 1),
    }
}

static PUBLIC: LazyLock<HostAndOrigin> = LazyLock::new(|| {
    let origins = ["https://app.example".to_owned(), "http://dev.example:*".to_owned()];
    let url = PublicUrl::parse("https://mcp.example/tools").expect("a URL");
    HostAndOrigin::new(&url, &["mcp.internal".to_owned()], &origins).expect("origins")
});

/// Lines: `Host`, and `Origin` headers. Second readers: `http` and `url`.
pub(super) fn host_and_origin(bytes: &[u8]) {
    let Some((host, origins)) = text(bytes).map(|text| text.split_once('\n').unwrap_or((text, ""))) else { return };
    let mut sent = headers(&header::ORIGIN, origins.split('\n').filter(|value| !value.is_empty()));
    let origins: Vec<HeaderValue> = sent.get_all(header::ORIGIN).iter().cloned().collect();
    if let Ok(host) = HeaderValue::from_bytes(host.as_bytes()) {
        sent.insert(header::HOST, host);
    }
    let checked = PUBLIC.check(&Uri::from_static("/tools"), &sent);
    let is_ours = is_our_host(host);
    assert!(is_ours || checked == Err(Foreign::Host), "{host:?} is another server");
    if checked.is_ok() {
        assert!(origins.len() <= 1, "one page calls");
        assert!(origins.iter().all(|origin| origin.to_str().is_ok_and(may_call)), "{origins:?} may not call");
    }
}

fn is_our_host(host: &str) -> bool {
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().to_ascii_lowercase();
    let port = authority.port_u16();
    let plain = !host.contains('@');
    plain && (name == "mcp.internal" || (name == "mcp.example" && port.is_none_or(|port| port == 443)))
}

fn may_call(origin: &str) -> bool {
    let Ok(url) = Url::parse(origin) else { return false };
    let place = (url.scheme(), url.host_str().unwrap_or_default(), url.port_or_known_default());
    let bare = url.username().is_empty() && url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    let listed = [("https", "mcp.example", Some(443)), ("https", "app.example", Some(443))];
    bare && (listed.contains(&place) || (place.0, place.1) == ("http", "dev.example"))
}

/// Lines are `Access-Control-Request-Headers`. What comes back can be read as a list of names, and holds nothing but what was asked for.
pub(super) fn cors_preflight(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let answer = |asked: HeaderMap| {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = Method::OPTIONS;
        *request.headers_mut() = asked;
        request.headers_mut().insert(header::ORIGIN, HeaderValue::from_static("https://app.example"));
        request.headers_mut().insert(header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static("POST"));
        let answer = Cors::public().begin(&mut request).expect_err("a preflight is answered");
        assert!(!answer.headers().contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
        let allowed = answer.headers()[header::ACCESS_CONTROL_ALLOW_HEADERS].to_str().expect("ASCII").to_owned();
        allowed.split(',').map(|name| name.trim().to_ascii_lowercase()).collect::<Vec<String>>()
    };
    let fixed = answer(HeaderMap::new());
    let allowed = answer(headers(&header::ACCESS_CONTROL_REQUEST_HEADERS, text.split('\n')));
    let (own, echoed) = allowed.split_at(fixed.len());
    assert_eq!(own, fixed);
    assert!(echoed.len() <= 64, "an answer is not as long as anybody likes");
    let asked = text.to_ascii_lowercase();
    for name in echoed {
        assert!(HeaderName::try_from(name).is_ok() && name.len() <= 128, "{name:?}");
        assert!(name.starts_with("mcp-param-") && asked.contains(name.as_str()), "{name:?}");
    }
}

/// Bytes are a `traceparent`. What is taken goes on as it came, but for what later versions say beside it.
pub(super) fn traceparent(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let Some(context) = TraceContext::parse(text) else { return };
    let parts: Vec<&str> = text.splitn(5, '-').collect();
    let (trace, span) = (context.trace_id.to_string(), context.span_id.to_string());
    assert_eq!((parts[1], parts[2]), (trace.as_str(), span.as_str()), "one spelling");
    assert!(parts[0] != "ff" && (parts[0] != "00" || parts.len() == 4));
    assert!(trace.bytes().any(|digit| digit != b'0') && span.bytes().any(|digit| digit != b'0'), "nobody is nowhere");
    assert_eq!(u8::from_str_radix(parts[3], 16).map(|flags| flags & 1 == 1), Ok(context.sampled));
    let written = context.to_string();
    assert!(HeaderValue::from_str(&written).is_ok());
    assert_eq!(TraceContext::parse(&written), Some(context), "it reads back");
}

/// Each line is a `tracestate` field of one request. What is handed on is a bounded list of what came in, in its order, and reads back.
pub(super) fn tracestate(bytes: &[u8]) {
    let Some(text) = text(bytes) else { return };
    let state = TraceState::parse(text.split('\n'));
    let Some(written) = state.as_str() else { return };
    assert!(written.len() <= 512 && HeaderValue::from_str(written).is_ok());
    let mut sent = text.split(['\n', ',']).map(|member| member.trim_matches([' ', '\t']));
    let mut keys = Vec::new();
    for member in written.split(',') {
        assert!(sent.any(|other| other == member), "{member:?} was not sent, or not in this order");
        keys.push(member.split_once('=').expect("a key and a value").0);
    }
    keys.sort_unstable();
    assert!(keys.len() <= 32 && keys.windows(2).all(|pair| pair[0] != pair[1]), "each key once");
    assert_eq!(TraceState::parse([written]), state, "it reads back");
}
