-- Who administered: see `audit::Actor`.
ALTER TABLE audit_event ADD COLUMN actor TEXT;
