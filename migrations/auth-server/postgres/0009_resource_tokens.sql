-- What an administrator says of a resource's tokens, which outlasts what its resource server registers.
ALTER TABLE resource ADD COLUMN set_access_token_ttl_seconds BIGINT;
ALTER TABLE resource ADD COLUMN set_algorithm TEXT;
