-- What an administrator calls a session by; the hash of its cookie is nobody's business.
ALTER TABLE browser_session ADD COLUMN id TEXT;
UPDATE browser_session SET id = lower(hex(randomblob(16)));
CREATE UNIQUE INDEX browser_session_id ON browser_session (id);
