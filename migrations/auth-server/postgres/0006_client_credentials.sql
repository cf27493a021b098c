-- What a client that registered itself manages its registration with, and the secret that a rotation replaced.
ALTER TABLE client ADD COLUMN registration_token_hash BYTEA;
ALTER TABLE client ADD COLUMN previous_secret_hash BYTEA;
ALTER TABLE client ADD COLUMN previous_secret_ends_at BIGINT;
