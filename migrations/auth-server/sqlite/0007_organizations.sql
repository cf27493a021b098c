-- Organizations, who belongs to them, and what was allowed for which of them.

CREATE TABLE organization (
    id          TEXT PRIMARY KEY,
    slug        TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    tenant_id   TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    disabled_at INTEGER
) STRICT;

CREATE TABLE organization_member (
    organization_id TEXT NOT NULL REFERENCES organization (id),
    user_id         TEXT NOT NULL REFERENCES user_account (id),
    role            TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (organization_id, user_id)
) STRICT;
CREATE INDEX organization_member_user ON organization_member (user_id);

CREATE INDEX authorization_grant_organization ON authorization_grant (organization_id) WHERE organization_id IS NOT NULL;

-- A consent is remembered for one organization; empty where the grant chose none.
CREATE TABLE remembered_consent_by_organization (
    user_id         TEXT NOT NULL REFERENCES user_account (id),
    client_id       TEXT NOT NULL REFERENCES client (id),
    redirect_host   TEXT NOT NULL,
    resource        TEXT NOT NULL,
    organization_id TEXT NOT NULL,
    scope           TEXT NOT NULL,
    policy_version  INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    PRIMARY KEY (user_id, client_id, redirect_host, resource, organization_id)
) STRICT;
INSERT INTO remembered_consent_by_organization
    (user_id, client_id, redirect_host, resource, organization_id, scope, policy_version, created_at)
    SELECT user_id, client_id, redirect_host, resource, '', scope, policy_version, created_at FROM remembered_consent;
DROP TABLE remembered_consent;
ALTER TABLE remembered_consent_by_organization RENAME TO remembered_consent;

-- What was allowed for a resource that was removed since does not come back with the next owner of its name.
UPDATE authorization_grant
    SET revoked_at = (SELECT r.removed_at FROM resource r WHERE r.id = authorization_grant.resource),
        revocation_reason = 'resource_removed'
    WHERE revoked_at IS NULL
        AND EXISTS (SELECT 1 FROM resource r WHERE r.id = authorization_grant.resource AND r.removed_at IS NOT NULL);
DELETE FROM remembered_consent
    WHERE EXISTS (SELECT 1 FROM resource r WHERE r.id = remembered_consent.resource AND r.removed_at IS NOT NULL);
