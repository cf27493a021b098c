-- What somebody keeps while acting for an organization is that organization's; empty where a token is for none.
ALTER TABLE events ADD COLUMN organization_id TEXT NOT NULL DEFAULT '';
DROP INDEX events_by_owner;
CREATE INDEX events_by_owner ON events (issuer, subject, organization_id, created_at, id);
