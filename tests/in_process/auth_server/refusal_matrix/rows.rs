//! The rows of the matrix: what each route reads, whom it answers, and what it says to a bare request.

/// What a route reads beside its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Nothing.
    Nothing,
    /// A query.
    Query,
    /// A form.
    Form,
    /// A JSON object.
    Json,
}

/// What a caller proves itself with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// Nothing.
    None,
    /// A client's id and secret, in the header.
    Client,
    /// The token of a resource server for our own interface.
    ResourceServer,
    /// A person's access token with `openid`.
    Person,
    /// The token of a registration.
    Registration,
}

/// How a route speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// JSON that no cache keeps.
    Json,
    /// Pages.
    Pages,
    /// What everybody may keep for a while.
    Files,
}

/// One method of one route.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    pub method: &'static str,
    pub path: &'static str,
    pub reads: Reads,
    pub proof: Proof,
    pub speaks: Speaks,
    /// The status of a request with nothing in it: no proof, no parameter, an empty object.
    pub bare: u16,
    /// The least that is read, when that is JSON.
    pub least: &'static str,
    /// Whether pages of other origins may read the answers.
    pub public: bool,
}

const fn file(path: &'static str) -> Row {
    Row {
        method: "GET",
        path,
        reads: Reads::Nothing,
        proof: Proof::None,
        speaks: Speaks::Files,
        bare: 200,
        least: "{}",
        public: true,
    }
}

const fn api(method: &'static str, path: &'static str, reads: Reads, proof: Proof, bare: u16) -> Row {
    Row { method, path, reads, proof, speaks: Speaks::Json, bare, least: "{}", public: true }
}

const fn private(row: Row) -> Row {
    Row { public: false, ..row }
}

const fn page(method: &'static str, path: &'static str, reads: Reads, bare: u16) -> Row {
    Row { method, path, reads, proof: Proof::None, speaks: Speaks::Pages, bare, least: "{}", public: false }
}

/// Every method of every route. A route without a row makes the matrix fail, and so does a row without a route.
pub const ROWS: &[Row] = &[
    file("/.well-known/oauth-authorization-server"),
    file("/.well-known/oauth-authorization-server/t"),
    file("/t/.well-known/oauth-authorization-server"),
    file("/.well-known/openid-configuration"),
    file("/.well-known/openid-configuration/t"),
    file("/t/.well-known/openid-configuration"),
    file("/.well-known/jwks.json"),
    file("/t/.well-known/jwks.json"),
    file("/t/api/openapi.json"),
    api("POST", "/t/oauth2/token", Reads::Form, Proof::Client, 401),
    api("POST", "/token", Reads::Form, Proof::Client, 401),
    api("POST", "/t/oauth2/introspect", Reads::Form, Proof::Client, 401),
    api("POST", "/t/oauth2/revoke", Reads::Form, Proof::Client, 401),
    api("POST", "/t/oauth2/register", Reads::Json, Proof::None, 400),
    api("POST", "/register", Reads::Json, Proof::None, 400),
    api("GET", "/t/oauth2/register/{client_id}", Reads::Nothing, Proof::Registration, 401),
    api("PUT", "/t/oauth2/register/{client_id}", Reads::Json, Proof::Registration, 401),
    api("DELETE", "/t/oauth2/register/{client_id}", Reads::Nothing, Proof::Registration, 401),
    api("GET", "/t/oauth2/userinfo", Reads::Nothing, Proof::Person, 401),
    // Its form is only another place for the token (RFC 6750 §2.2): with another content type there is none.
    api("POST", "/t/oauth2/userinfo", Reads::Nothing, Proof::Person, 401),
    private(api("PUT", "/t/api/resources", Reads::Json, Proof::ResourceServer, 401)),
    // It waits for something to tell unless it is asked not to.
    private(Row {
        least: r#"{"returnImmediately":true}"#,
        ..api("POST", "/t/api/events", Reads::Json, Proof::ResourceServer, 401)
    }),
    page("GET", "/t/oauth2/authorize", Reads::Query, 400),
    page("GET", "/authorize", Reads::Query, 400),
    page("POST", "/t/oauth2/authorize", Reads::Form, 400),
    page("POST", "/authorize", Reads::Form, 400),
    page("GET", "/t/oauth2/end-session", Reads::Query, 200),
    page("POST", "/t/oauth2/end-session", Reads::Form, 303),
    page("POST", "/t/oauth2/end-session/confirm", Reads::Form, 400),
    page("GET", "/t/oauth2/consent", Reads::Query, 400),
    page("POST", "/t/oauth2/consent", Reads::Form, 400),
    page("GET", "/t/step-up", Reads::Query, 410),
    page("POST", "/t/step-up", Reads::Form, 410),
    page("GET", "/t/sign-in", Reads::Nothing, 200),
    page("POST", "/t/sign-in", Reads::Form, 400),
    page("POST", "/t/sign-out", Reads::Form, 303),
    page("POST", "/t/sign-out/everywhere", Reads::Form, 303),
    page("POST", "/t/grants/end", Reads::Form, 303),
    page("POST", "/t/clients/end", Reads::Form, 303),
    page("POST", "/t/sessions/end", Reads::Form, 303),
    page("GET", "/t/change-password", Reads::Nothing, 303),
    page("POST", "/t/change-password", Reads::Form, 303),
    page("GET", "/t/signed-out", Reads::Nothing, 200),
    page("GET", "/t/set-up/{link}", Reads::Nothing, 410),
    page("POST", "/t/set-up/{link}", Reads::Form, 410),
    page("GET", "/t/reset-password/{link}", Reads::Nothing, 410),
    page("POST", "/t/reset-password/{link}", Reads::Form, 410),
    page("GET", "/t/assets/{name}", Reads::Nothing, 404),
    page("GET", "/t", Reads::Nothing, 200),
];

/// `GET` here may make a grant, so `HEAD` is refused (RFC 9110 §9.2.1).
pub const WITHOUT_HEAD: [&str; 4] = ["/t/oauth2/authorize", "/authorize", "/t/oauth2/consent", "/t/oauth2/end-session"];

/// Routes that refuse members they do not know, for those that know them are servers of ours.
pub const STRICT: [&str; 1] = ["/t/api/events"];
