-- What the built-in tools keep for each user of each issuer.
CREATE TABLE events (
  id         TEXT   NOT NULL PRIMARY KEY,
  issuer     TEXT   NOT NULL,
  subject    TEXT   NOT NULL,
  title      TEXT   NOT NULL,
  starts_at  TEXT,
  created_at BIGINT NOT NULL
);

CREATE INDEX events_by_owner ON events (issuer, subject, created_at, id);
