-- Which user and client acted, on what else, on behalf of which request; and where the event stands in the chain.
ALTER TABLE audit_event ADD COLUMN actor_user_id TEXT;
ALTER TABLE audit_event ADD COLUMN actor_person TEXT;
ALTER TABLE audit_event ADD COLUMN actor_client_id TEXT;
ALTER TABLE audit_event ADD COLUMN person TEXT;
ALTER TABLE audit_event ADD COLUMN target TEXT;
ALTER TABLE audit_event ADD COLUMN request_id TEXT;
ALTER TABLE audit_event ADD COLUMN sequence INTEGER;
ALTER TABLE audit_event ADD COLUMN hash BLOB;
ALTER TABLE audit_event ADD COLUMN mac BLOB;
CREATE UNIQUE INDEX audit_event_sequence ON audit_event (sequence) WHERE sequence IS NOT NULL;
CREATE INDEX audit_event_unchained ON audit_event (at) WHERE sequence IS NULL;
CREATE INDEX audit_event_user ON audit_event (user_id, at) WHERE user_id IS NOT NULL;
CREATE INDEX audit_event_actor ON audit_event (actor_user_id) WHERE actor_user_id IS NOT NULL;

-- The chain runs from behind its anchor (what was forgotten by age) to its head.
CREATE TABLE audit_chain (
    singleton       INTEGER PRIMARY KEY CHECK (singleton = 1),
    anchor_sequence INTEGER NOT NULL,
    anchor_hash     BLOB NOT NULL,
    sequence        INTEGER NOT NULL,
    hash            BLOB NOT NULL,
    mac             BLOB NOT NULL
) STRICT;

CREATE TABLE audit_key (
    id                    TEXT PRIMARY KEY,
    sealed_key            BLOB NOT NULL,
    key_encryption_key_id TEXT NOT NULL,
    created_at            INTEGER NOT NULL
) STRICT;

-- Joins a user to the pseudonym under which the chain knows them; it goes when the person is erased.
CREATE TABLE audit_person (
    user_id TEXT PRIMARY KEY,
    salt    BLOB NOT NULL
) STRICT;

ALTER TABLE user_account ADD COLUMN erased_at INTEGER;
