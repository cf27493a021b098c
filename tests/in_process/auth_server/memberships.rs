//! Organizations of the tests, and who belongs to them.

use super::{
    Answer, TestServer,
    test_server::{RESOURCE, RESOURCE_SERVER, START},
};
use auth_server::{
    audit::Actor,
    organizations::{
        NewOrganization, Organization, OrganizationRefusal, OrganizationRole, add_member, add_organization,
        change_role, disable_organization, remove_member,
    },
    resources::register_resource::register_resource,
};
use shared::{clock::Clock as _, protocol::resource_document::ResourceDocument, random::SystemRandom};

impl TestServer {
    /// An organization that this user owns; its name is the slug in capitals.
    pub async fn organization(&self, slug: &str, owner_id: &str) -> Organization {
        let name = slug.to_uppercase();
        let tenant = format!("tenant-of-{slug}");
        let new = NewOrganization { slug, name: &name, tenant_id: Some(&tenant), owner_id };
        add_organization(&self.app.store, &SystemRandom, &Actor::CommandLine, &new, START).await.expect("made")
    }

    /// Takes a user into an organization.
    pub async fn join(&self, organization: &Organization, user_id: &str, role: OrganizationRole) {
        add_member(&self.app.store, &SystemRandom, &Actor::CommandLine, &organization.id, user_id, role, START)
            .await
            .expect("joined");
    }

    /// Removes a user from an organization, and lets this server hear of it.
    pub async fn leave(&self, organization: &Organization, user_id: &str) -> Result<(), OrganizationRefusal> {
        let now = self.clock.now();
        remove_member(&self.app.store, &SystemRandom, &Actor::CommandLine, &organization.id, user_id, now).await?;
        self.follow().await;
        Ok(())
    }

    /// Gives a member another role, and lets this server hear of it.
    pub async fn promote(
        &self,
        organization: &Organization,
        user_id: &str,
        role: OrganizationRole,
    ) -> Result<(), OrganizationRefusal> {
        let now = self.clock.now();
        change_role(&self.app.store, &SystemRandom, &Actor::CommandLine, &organization.id, user_id, role, now).await?;
        self.follow().await;
        Ok(())
    }

    /// Closes an organization, and lets this server hear of it.
    pub async fn close(&self, organization: &Organization) {
        let now = self.clock.now();
        disable_organization(&self.app.store, &SystemRandom, &Actor::CommandLine, &organization.id, now)
            .await
            .expect("closed");
        self.follow().await;
    }
}

/// `invalid_grant`.
pub fn invalid_grant() -> (u16, String) {
    (400, "invalid_grant".to_owned())
}

impl Answer {
    /// The roles, the organization and the tenant of its access token.
    pub fn standing(&self) -> (String, String, String) {
        let claims = self.claims();
        let roles = claims["roles"].as_array().expect("roles").iter().map(|role| role.as_str().expect("a word"));
        let text = |member: &str| claims[member].as_str().unwrap_or_default().to_owned();
        (roles.collect::<Vec<_>>().join(" "), text("organization_id"), text("tenant_id"))
    }
}

impl TestServer {
    /// The resource has one more scope, for owners of an organization.
    pub async fn scope_for_owners(&self) {
        let resource = self.app.resources.find(RESOURCE).expect("registered");
        let mut document = ResourceDocument::from((*resource).clone());
        let mut scope = document.scopes[0].clone();
        (scope.name, scope.roles) = ("team.own".to_owned(), vec!["owner".to_owned()]);
        document.scopes.push(scope);
        register_resource(&self.app.store, &SystemRandom, RESOURCE_SERVER, &document, START).await.expect("registered");
        self.follow().await;
    }
}
