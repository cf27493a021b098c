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

pub(crate) use audit_event::{AuditEventView, AuditExportView, AuditVerdictView};
pub(crate) use client::{ClientView, NewSecretView};
pub(crate) use grant::GrantView;
pub(crate) use key::{KeyView, RevokedKeyView, RotatedKeyView};
pub(crate) use organization::{MemberView, OrganizationView};
pub(crate) use resource::ResourceView;
pub(crate) use resource_server::ResourceServerView;
pub(crate) use session::SessionView;
pub(crate) use user::{NewUserView, PasswordLinkView, UserView};
