-- What a client registered of OpenID Connect, as JSON; and when what a profile shows last changed.
ALTER TABLE client ADD COLUMN openid TEXT NOT NULL DEFAULT '{}';
ALTER TABLE user_account ADD COLUMN profile_updated_at BIGINT;
