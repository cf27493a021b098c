-- Conventions: times are unix seconds, a boolean is a nullable time, a list is JSON text, a hash is 32 bytes of SHA-256.

-- The position of the change log: one row, so that positions follow commit order.
CREATE TABLE change_position (
    singleton INTEGER PRIMARY KEY CHECK (singleton = 1),
    position  INTEGER NOT NULL
) STRICT;
INSERT INTO change_position (singleton, position) VALUES (1, 0);

-- Every revocation and every change that an in-memory cache must follow.
CREATE TABLE change_log (
    position INTEGER PRIMARY KEY,
    kind     TEXT NOT NULL,
    subject  TEXT NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

-- Things that happen once in the life of an installation ('administrator_made').
CREATE TABLE milestone (
    name       TEXT PRIMARY KEY,
    reached_at INTEGER NOT NULL
) STRICT;

CREATE TABLE signing_key (
    kid                   TEXT PRIMARY KEY,
    algorithm             TEXT NOT NULL,
    public_jwk            TEXT NOT NULL,
    sealed_private        BLOB NOT NULL,
    key_encryption_key_id TEXT NOT NULL,
    published_at          INTEGER NOT NULL,
    activated_at          INTEGER,
    retired_at            INTEGER,
    gone_at               INTEGER
) STRICT;
CREATE UNIQUE INDEX signing_key_one_active ON signing_key (algorithm)
    WHERE activated_at IS NOT NULL AND retired_at IS NULL AND gone_at IS NULL;

-- The keys that derive a refresh token's successor.
CREATE TABLE successor_key (
    id                    TEXT PRIMARY KEY,
    sealed_key            BLOB NOT NULL,
    key_encryption_key_id TEXT NOT NULL,
    created_at            INTEGER NOT NULL,
    retired_at            INTEGER
) STRICT;

CREATE TABLE user_account (
    id                  TEXT PRIMARY KEY,
    email               TEXT NOT NULL,
    email_key           TEXT NOT NULL UNIQUE,
    display_name        TEXT NOT NULL,
    roles               TEXT NOT NULL,
    password_hash       TEXT,
    password_changed_at INTEGER,
    created_at          INTEGER NOT NULL,
    disabled_at         INTEGER
) STRICT;

-- One-time links: set-up, password reset.
CREATE TABLE one_time_link (
    hash        BLOB PRIMARY KEY,
    purpose     TEXT NOT NULL,
    user_id     TEXT,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    consumed_at INTEGER
) STRICT;

CREATE TABLE browser_session (
    hash             BLOB PRIMARY KEY,
    user_id          TEXT NOT NULL REFERENCES user_account (id),
    authenticated_at INTEGER NOT NULL,
    last_seen_at     INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    ended_at         INTEGER
) STRICT;
CREATE INDEX browser_session_user ON browser_session (user_id);

CREATE TABLE client (
    id                         TEXT PRIMARY KEY,
    name                       TEXT NOT NULL,
    origin                     TEXT NOT NULL,
    application_type           TEXT NOT NULL,
    token_endpoint_auth_method TEXT NOT NULL,
    secret_hash                BLOB,
    jwks                       TEXT,
    redirect_uris              TEXT NOT NULL,
    grant_types                TEXT NOT NULL,
    scope                      TEXT NOT NULL,
    resources                  TEXT NOT NULL,
    refresh_grace_seconds      INTEGER,
    software_id                TEXT,
    software_version           TEXT,
    client_uri                 TEXT,
    registered_from            TEXT,
    created_at                 INTEGER NOT NULL,
    confirmed_at               INTEGER,
    removed_at                 INTEGER
) STRICT;
CREATE INDEX client_unconfirmed ON client (created_at) WHERE confirmed_at IS NULL;

-- A resource server is a client with origins under which it may register resources.
CREATE TABLE resource_server (
    client_id TEXT PRIMARY KEY REFERENCES client (id),
    origins   TEXT NOT NULL
) STRICT;

-- The id is as written; equal spellings have one canonical form, and only one of them stands.
CREATE TABLE resource (
    id                       TEXT PRIMARY KEY,
    canonical                TEXT NOT NULL,
    name                     TEXT NOT NULL,
    owner_client_id          TEXT NOT NULL REFERENCES client (id),
    scopes                   TEXT NOT NULL,
    access_token_ttl_seconds INTEGER,
    algorithm                TEXT,
    policy_version           INTEGER NOT NULL,
    created_at               INTEGER NOT NULL,
    updated_at               INTEGER NOT NULL,
    removed_at               INTEGER
) STRICT;
CREATE UNIQUE INDEX resource_one_a_canonical ON resource (canonical) WHERE removed_at IS NULL;

-- Authorization requests that were decided: the request itself travels sealed, its id is consumed here.
CREATE TABLE decided_request (
    id         TEXT PRIMARY KEY,
    decided_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

-- A grant is what a user allowed a client: a code buys it once, a family of refresh tokens carries it on.
CREATE TABLE authorization_grant (
    id                TEXT PRIMARY KEY,
    user_id           TEXT NOT NULL REFERENCES user_account (id),
    client_id         TEXT NOT NULL REFERENCES client (id),
    resource          TEXT NOT NULL,
    scope             TEXT NOT NULL,
    organization_id   TEXT,
    redirect_uri      TEXT NOT NULL,
    code_hash         BLOB NOT NULL UNIQUE,
    code_challenge    TEXT NOT NULL,
    code_expires_at   INTEGER NOT NULL,
    code_attempted_at INTEGER,
    nonce             TEXT,
    authenticated_at  INTEGER NOT NULL,
    successor_key_id  TEXT,
    created_at        INTEGER NOT NULL,
    expires_at        INTEGER NOT NULL,
    revoked_at        INTEGER,
    revocation_reason TEXT
) STRICT;
CREATE INDEX authorization_grant_user ON authorization_grant (user_id);
CREATE INDEX authorization_grant_client ON authorization_grant (client_id);

CREATE TABLE refresh_token (
    hash          BLOB PRIMARY KEY,
    grant_id      TEXT NOT NULL REFERENCES authorization_grant (id),
    generation    INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    answered_at   INTEGER,
    superseded_at INTEGER,
    replays       INTEGER NOT NULL,
    address_block TEXT,
    UNIQUE (grant_id, generation)
) STRICT;
-- A family has one live token.
CREATE UNIQUE INDEX refresh_token_one_live ON refresh_token (grant_id) WHERE answered_at IS NULL AND superseded_at IS NULL;

-- Client assertions already used (RFC 7523 §3, jti).
CREATE TABLE used_assertion (
    client_id  TEXT NOT NULL,
    jti        TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (client_id, jti)
) STRICT;

-- Consents that may be remembered.
CREATE TABLE remembered_consent (
    user_id        TEXT NOT NULL REFERENCES user_account (id),
    client_id      TEXT NOT NULL REFERENCES client (id),
    redirect_host  TEXT NOT NULL,
    resource       TEXT NOT NULL,
    scope          TEXT NOT NULL,
    policy_version INTEGER NOT NULL,
    created_at     INTEGER NOT NULL,
    PRIMARY KEY (user_id, client_id, redirect_host, resource)
) STRICT;

-- Security-relevant acts, by pseudonymous ids.
CREATE TABLE audit_event (
    id            TEXT PRIMARY KEY,
    at            INTEGER NOT NULL,
    kind          TEXT NOT NULL,
    user_id       TEXT,
    client_id     TEXT,
    grant_id      TEXT,
    address_block TEXT,
    detail        TEXT
) STRICT;
CREATE INDEX audit_event_at ON audit_event (at);
