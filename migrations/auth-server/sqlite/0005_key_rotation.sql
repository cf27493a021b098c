-- A key that is published next begins to sign at activates_at, at the earliest. A revoked key is gone at once.
ALTER TABLE signing_key ADD COLUMN activates_at INTEGER;
ALTER TABLE signing_key ADD COLUMN revoked_at INTEGER;
CREATE UNIQUE INDEX signing_key_one_next ON signing_key (algorithm) WHERE activated_at IS NULL AND gone_at IS NULL;

-- One key for new families.
CREATE UNIQUE INDEX successor_key_one_current ON successor_key ((retired_at IS NULL)) WHERE retired_at IS NULL;
