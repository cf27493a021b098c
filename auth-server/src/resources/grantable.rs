//! Who may be granted what: asked ∩ registered for the client ∩ held by the user's roles. Who somebody is, everybody may tell.

use super::Resource;
use crate::{clients::Client, identity};
use shared::protocol::scope::ScopeSet;

/// The scopes of `resource` that `client` may be granted for a user with `roles`.
///
/// Scopes that the resource does not know are ignored (clients repeat `offline_access`); when nothing that was asked is
/// known, [`default_scope`] stands for it, so that a client that falls back to `openid email profile` gets a token of use. The
/// scopes of [`identity::scopes`] come along. An empty answer means that what was asked exists and may not be granted: `invalid_scope`.
pub fn grantable(asked: &ScopeSet, client: &Client, roles: &[String], resource: &Resource) -> ScopeSet {
    let known = asked.intersection(&resource.all_scopes());
    if known.is_empty() {
        return default_scope(client, roles, resource).union(&identity_part(asked, client));
    }
    let held: ScopeSet = known.iter().filter(|name| may_hold(name, client, roles, resource)).collect();
    if held.is_empty() { held } else { held.union(&identity_part(asked, client)) }
}

/// What a request without a usable scope gets: the first scope of the resource that may be granted. A resource server
/// lists its scopes from the least on, and the first is what its challenge names too: silence
/// never buys more than the first challenge would have.
pub fn default_scope(client: &Client, roles: &[String], resource: &Resource) -> ScopeSet {
    resource
        .scopes
        .iter()
        .map(|scope| scope.name.as_str())
        .find(|name| may_hold(name, client, roles, resource))
        .into_iter()
        .collect()
}

/// What of a person's identity was asked, and may be by this client.
pub fn identity_part(asked: &ScopeSet, client: &Client) -> ScopeSet {
    let open = identity::scopes::of(asked).iter().filter(|name| client.may_ask_for(name)).collect();
    identity::scopes::of(&open)
}

fn may_hold(name: &str, client: &Client, roles: &[String], resource: &Resource) -> bool {
    client.may_ask_for(name) && resource.scope(name).is_some_and(|scope| scope.may_be_held_by(roles))
}

#[cfg(test)]
mod tests {
    use super::grantable;
    use crate::{clients::ClientOrigin, clients::client::tests::client, resources::resource::tests::resource};

    fn granted(asked: &str, origin: ClientOrigin, role: &str) -> String {
        let mut client = client("c");
        client.origin = origin;
        grantable(&asked.parse().expect("scope"), &client, &[role.to_owned()], &resource()).to_string()
    }

    #[test]
    fn cut_to_roles() {
        assert_eq!(granted("mcp.read mcp.admin", ClientOrigin::Dynamic, "member"), "mcp.read");
        assert_eq!(granted("mcp.admin", ClientOrigin::Dynamic, "member"), "");
        assert_eq!(granted("mcp.admin openid", ClientOrigin::Dynamic, "member"), "");
        assert_eq!(granted("mcp.admin", ClientOrigin::Dynamic, "administrator"), "mcp.admin");
        assert_eq!(granted("mcp.read", ClientOrigin::Dynamic, "stranger"), "");
    }

    #[test]
    fn cut_to_what_an_administrator_registered() {
        assert_eq!(granted("mcp.read mcp.write", ClientOrigin::Administered, "member"), "mcp.read");
        assert_eq!(granted("mcp.write", ClientOrigin::Administered, "member"), "");
        assert_eq!(granted("mcp.read openid email", ClientOrigin::Administered, "member"), "mcp.read");
    }

    #[test]
    fn silence_and_unknown_scopes_get_the_least() {
        assert_eq!(granted("", ClientOrigin::Dynamic, "administrator"), "mcp.read");
        assert_eq!(granted("openid email profile", ClientOrigin::Dynamic, "member"), "email mcp.read openid profile");
        assert_eq!(granted("email profile", ClientOrigin::Dynamic, "member"), "mcp.read", "nothing without openid");
        assert_eq!(granted("mcp.write offline_access", ClientOrigin::Dynamic, "member"), "mcp.write");
    }
}
