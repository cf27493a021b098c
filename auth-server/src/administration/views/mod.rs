//! What administrators see: one file a thing. Secrets have a view of their own, which is answered once and never listed.

mod audit_event;
mod client;
mod grant;
mod key;
mod organization;
mod resource;
mod resource_server;
mod session;
mod user;

pub(super) use audit_event::{AuditEventView, AuditVerdictView};
pub(super) use client::{ClientView, NewSecretView};
pub(super) use grant::GrantView;
pub(super) use key::{KeyView, RevokedKeyView, RotatedKeyView};
pub(super) use organization::{MemberView, OrganizationView};
pub(super) use resource::ResourceView;
pub(super) use resource_server::ResourceServerView;
pub(super) use session::SessionView;
pub(super) use user::{NewUserView, PasswordLinkView, UserView};
