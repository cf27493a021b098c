//! Every route and how it says no: without proof, by a wrong method, with a wrong content type, a repeated parameter, too much, or
//! something that cannot be read. A new route fails here until it has a row.

mod caller;
mod rows;

use super::{TestServer, browser::Browser};
use auth_server::router::routes;
use axum::{body::Body, extract::Request};
use caller::{Caller, ENCODED_MARKER, MARKER, Sent, faults, refusal_faults};
use http::StatusCode;
use rows::{ROWS, Reads, Row, STRICT, Speaks, WITHOUT_HEAD};
use std::collections::BTreeSet;

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "ZQ9"];

fn told(problems: Vec<(String, Vec<String>)>) {
    let problems: Vec<String> = problems
        .into_iter()
        .flat_map(|(case, found)| found.into_iter().map(move |what| format!("{case}: {what}")))
        .collect();
    assert!(problems.is_empty(), "{} problems\n{}", problems.len(), problems.join("\n"));
}

fn case(row: &Row, what: &str) -> String {
    format!("{} {} {what}", row.method, row.path)
}

fn rows_that_read(reads: Reads) -> impl Iterator<Item = &'static Row> {
    ROWS.iter().filter(move |row| row.reads == reads)
}

fn methods_of(path: &str) -> BTreeSet<&'static str> {
    ROWS.iter().filter(|row| row.path == path).map(|row| row.method).collect()
}

#[tokio::test]
async fn every_route_has_a_row_for_each_of_its_methods() {
    let caller = Caller::new().await;
    let mut routed = routes(&caller.server.app.settings);
    // What administrators use is held against its document, operation by operation, in `administration/document.rs`.
    routed.retain(|path| !path.starts_with("/t/api/admin/"));
    let known: BTreeSet<String> = ROWS.iter().map(|row| row.path.to_owned()).collect();
    assert_eq!(routed.difference(&known).collect::<Vec<_>>(), Vec::<&String>::new(), "routes without a row");
    assert_eq!(known.difference(&routed).collect::<Vec<_>>(), Vec::<&String>::new(), "rows without a route");
    for row in ROWS {
        let answer = caller.send(row, "ZQ9", "", Sent::default(), false).await;
        let allowed: BTreeSet<&str> = answer
            .header("allow")
            .split(',')
            .map(str::trim)
            .filter(|method| !["HEAD", "OPTIONS"].contains(method))
            .collect();
        assert_eq!(allowed, methods_of(row.path), "{}", row.path);
    }
}

#[tokio::test]
async fn a_bare_request_is_refused_as_the_row_says() {
    let caller = Caller::new().await;
    let mut problems = Vec::new();
    for row in ROWS {
        let body = if row.reads == Reads::Json { Sent::of(row.least) } else { Sent::default() };
        let answer = caller.send(row, row.method, "", body, false).await;
        let found = match row.bare {
            200 | 303 if answer.status == row.bare => faults(row, &answer),
            status => refusal_faults(row, &answer, status),
        };
        problems.push((case(row, "bare"), found));
        if row.bare == 401 && answer.header("www-authenticate").is_empty() && row.proof != rows::Proof::Client {
            problems.push((case(row, "bare"), vec!["a challenge is missing".to_owned()]));
        }
    }
    told(problems);
}

#[tokio::test]
async fn other_methods_are_405_with_those_that_are_answered() {
    let caller = Caller::new().await;
    let mut problems = Vec::new();
    for row in ROWS {
        let own = methods_of(row.path);
        for method in METHODS.into_iter().filter(|method| !own.contains(method)) {
            let answer = caller.send(row, method, "", Sent::default(), true).await;
            let is_head_of_get = method == "HEAD" && own.contains("GET") && !WITHOUT_HEAD.contains(&row.path);
            let found = match method {
                "HEAD" if is_head_of_get => faults(row, &answer),
                "OPTIONS" if row.public => faults(row, &answer),
                "HEAD" if answer.status == 405 => faults(row, &answer),
                _ => refusal_faults(row, &answer, 405),
            };
            problems.push((case(row, method), found));
            let allow = answer.header("allow");
            if answer.status == 405 && !own.iter().all(|method| allow.contains(method)) {
                problems.push((case(row, method), vec![format!("Allow says {allow:?}")]));
            }
            if method == "HEAD" && !answer.body.is_empty() {
                problems.push((case(row, method), vec!["a body".to_owned()]));
            }
        }
    }
    told(problems);
}

#[tokio::test]
async fn another_content_type_is_415() {
    let caller = Caller::new().await;
    let mut problems = Vec::new();
    for row in rows_that_read(Reads::Form).chain(rows_that_read(Reads::Json)) {
        let (other, body) = match row.reads {
            Reads::Form => ("application/json", "{}"),
            _ => ("application/x-www-form-urlencoded", "a=b"),
        };
        for content_type in [other, "text/plain", "multipart/form-data; boundary=x", "", "zq9mark/zq9mark"] {
            let answer = caller.send(row, row.method, "", Sent::typed(content_type, body), true).await;
            problems.push((case(row, content_type), refusal_faults(row, &answer, 415)));
        }
    }
    told(problems);
}

#[tokio::test]
async fn a_repeated_parameter_is_400() {
    let caller = Caller::new().await;
    let mut problems = Vec::new();
    for row in ROWS {
        let twice = "token=zq9mark&token=zq8";
        let answer = match row.reads {
            Reads::Nothing => continue,
            Reads::Query => caller.send(row, row.method, twice, Sent::default(), true).await,
            Reads::Form => caller.send(row, row.method, "", Sent::of(twice), true).await,
            Reads::Json => caller.send(row, row.method, "", Sent::of(r#"{"zq9mark":1,"zq9mark":2}"#), true).await,
        };
        problems.push((case(row, "twice"), refusal_faults(row, &answer, 400)));
    }
    told(problems);
}

#[tokio::test]
async fn more_than_64_kib_is_413() {
    let caller = Caller::new().await;
    let mut problems = Vec::new();
    for row in rows_that_read(Reads::Form).chain(rows_that_read(Reads::Json)) {
        let body = match row.reads {
            Reads::Form => format!("a={}", "x".repeat(65 * 1024)),
            _ => format!(r#"{{"a":"{}"}}"#, "x".repeat(65 * 1024)),
        };
        let answer = caller.send(row, row.method, "", Sent::of(body), true).await;
        problems.push((case(row, "large"), refusal_faults(row, &answer, 413)));
    }
    for row in rows_that_read(Reads::Query) {
        let answer = caller.send(row, row.method, &format!("a={}", "x".repeat(65_000)), Sent::default(), true).await;
        let status = answer.status.as_u16();
        let found = if (400..500).contains(&status) || answer.status == 200 {
            faults(row, &answer)
        } else {
            vec![status.to_string()]
        };
        problems.push((case(row, "large"), found));
    }
    told(problems);
}

#[tokio::test]
async fn what_cannot_be_read_is_400() {
    let caller = Caller::new().await;
    let mut problems = Vec::new();
    let many: String = (0..200).map(|number| format!("p{number}=1&")).collect();
    for row in rows_that_read(Reads::Form).chain(rows_that_read(Reads::Query)) {
        for broken in ["a=%ff", "a=%00", "%00=a", many.as_str()] {
            let answer = match row.reads {
                Reads::Query => caller.send(row, row.method, broken, Sent::default(), true).await,
                _ => caller.send(row, row.method, "", Sent::of(broken), true).await,
            };
            problems.push((case(row, broken), refusal_faults(row, &answer, 400)));
        }
    }
    for row in rows_that_read(Reads::Json) {
        let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
        for broken in
            ["", "{", "[]", "null", "7", "\"zq9mark\"", "{\"a\":1}zq9mark", "\u{feff}{}", "{\"a\":NaN}", deep.as_str()]
        {
            let answer = caller.send(row, row.method, "", Sent::of(broken), true).await;
            problems.push((case(row, broken), refusal_faults(row, &answer, 400)));
        }
    }
    told(problems);
}

/// Unknown parameters are ignored (RFC 6749 §3.1, §3.2), and nothing that was sent comes back.
#[tokio::test]
async fn what_nobody_asked_for_changes_nothing_and_comes_back_nowhere() {
    let caller = Caller::new().await;
    let mut problems = Vec::new();
    for row in ROWS.iter().filter(|row| row.method != "DELETE") {
        let marked = format!("{ENCODED_MARKER}={ENCODED_MARKER}");
        let mut json: serde_json::Value = serde_json::from_str(row.least).expect("JSON");
        json[MARKER] = MARKER.into();
        let (query, body) = match row.reads {
            Reads::Form => ("", Sent::of(marked.clone())),
            Reads::Json => ("", Sent::of(json.to_string())),
            Reads::Nothing | Reads::Query => (marked.as_str(), Sent::default()),
        };
        let plain = if row.reads == Reads::Json { Sent::of(row.least) } else { Sent::default() };
        for proven in [false, true] {
            let expected = match proven && STRICT.contains(&row.path) {
                true => StatusCode::BAD_REQUEST,
                false => caller.send(row, row.method, "", plain.clone(), proven).await.status,
            };
            let answer = caller.send(row, row.method, query, body.clone(), proven).await;
            let mut found = faults(row, &answer);
            if answer.status != expected {
                found.push(format!("{expected} without it, {} with it", answer.status));
            }
            problems.push((case(row, "unknown"), found));
        }
    }
    told(problems);
}

#[tokio::test]
async fn a_marked_name_in_a_path_comes_back_nowhere() {
    let caller = Caller::new().await;
    let mut problems = Vec::new();
    for row in ROWS.iter().filter(|row| row.path.contains('{')) {
        let (before, _) = row.path.split_once('{').expect("a name");
        let request = Request::builder().method(row.method).uri(format!("{before}{ENCODED_MARKER}"));
        let request =
            request.header("sec-fetch-site", "same-origin").header("content-type", "application/x-www-form-urlencoded");
        let answer = caller.server.send(request.body(Body::empty()).expect("a request")).await;
        problems.push((case(row, "marked"), refusal_faults(row, &answer, row.bare)));
    }
    told(problems);
}

#[tokio::test]
async fn unknown_routes_are_404() {
    let caller = Caller::new().await;
    let row = Row { speaks: Speaks::Json, public: false, path: "/nowhere", ..ROWS[0] };
    let mut problems = Vec::new();
    for path in
        ["/nowhere", "/t/nowhere", "/t/oauth2", "/t/oauth2/token/", "/t/oauth2/token/x", "/T/oauth2/token", "//token"]
    {
        for method in ["GET", "POST", "DELETE", "OPTIONS"] {
            let request = Request::builder().method(method).uri(format!("{path}?{ENCODED_MARKER}"));
            let answer = caller.server.send(request.body(Body::empty()).expect("a request")).await;
            problems.push((format!("{method} {path}"), refusal_faults(&row, &answer, 404)));
        }
    }
    told(problems);
}

#[tokio::test]
async fn health_answers_get_alone() {
    let server = TestServer::start().await;
    for path in ["/livez", "/readyz", "/health"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, "no-store"), "{path}");
        for method in ["POST", "PUT", "DELETE"] {
            assert_eq!(Browser::new(&server).ask(method, path, &[]).await.status, 405, "{method} {path}");
        }
    }
}
