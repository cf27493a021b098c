//! Signing keys as shown.

use crate::{
    key_lifecycle::{ActivatedKey, times::Stage},
    store::{signing_key::KeyLife, successor_key::SuccessorKeyRow},
};
use schemars::JsonSchema;
use serde::Serialize;
use shared::clock::UnixSeconds;

/// A key of this installation that is in use, was or will be.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Key")]
pub struct KeyView {
    /// Its id: the `kid` of what it signs.
    pub kid: String,
    /// `signing` for tokens that others verify, `refresh` for deriving refresh tokens.
    #[serde(rename = "use")]
    pub used_for: &'static str,
    /// `ES256` or `RS256`, of a key that signs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub algorithm: Option<String>,
    /// `next`, `active` or `retired`.
    pub state: &'static str,
    /// When it was made, and first stood in the key set if it signs; in unix seconds.
    pub published_at: UnixSeconds,
    /// When it begins to sign, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activates_at: Option<UnixSeconds>,
    /// When it began to sign, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub activated_at: Option<UnixSeconds>,
    /// When it stopped signing, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<UnixSeconds>,
    /// When it leaves the key set, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone_at: Option<UnixSeconds>,
}

impl From<KeyLife> for KeyView {
    fn from(life: KeyLife) -> Self {
        let stage = Stage::of(&life);
        let (activates_at, gone_at) = match stage {
            Stage::Next { activates_at } => (Some(activates_at), None),
            Stage::Active { .. } => (None, None),
            Stage::Retired { gone_at } => (None, Some(gone_at)),
        };
        Self {
            kid: life.kid,
            used_for: "signing",
            algorithm: Some(life.algorithm),
            state: stage.as_str(),
            published_at: life.published_at,
            activates_at,
            activated_at: life.activated_at,
            retired_at: life.retired_at,
            gone_at,
        }
    }
}

impl From<SuccessorKeyRow> for KeyView {
    fn from(row: SuccessorKeyRow) -> Self {
        Self {
            kid: row.id,
            used_for: "refresh",
            algorithm: None,
            state: if row.retired_at.is_none() { "active" } else { "retired" },
            published_at: row.created_at,
            activates_at: None,
            activated_at: Some(row.created_at),
            retired_at: row.retired_at,
            gone_at: None,
        }
    }
}

/// What became of a request for a new key.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RotatedKey")]
pub struct RotatedKeyView {
    /// `ES256` or `RS256`.
    pub algorithm: &'static str,
    /// The key that will sign, or does.
    pub kid: String,
    /// `next` or `active`.
    pub state: &'static str,
    /// When it begins to sign, in unix seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signs_at: Option<UnixSeconds>,
    /// The key that signed until now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retired: Option<String>,
}

impl RotatedKeyView {
    /// It is published and will sign.
    pub fn next(algorithm: &'static str, kid: String, signs_at: UnixSeconds) -> Self {
        Self { algorithm, kid, state: "next", signs_at: Some(signs_at), retired: None }
    }

    /// It signs.
    pub fn active(algorithm: &'static str, key: ActivatedKey) -> Self {
        Self { algorithm, kid: key.kid, state: "active", signs_at: None, retired: key.retired }
    }
}

/// A key that was revoked.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RevokedKey")]
pub struct RevokedKeyView {
    /// The key.
    pub kid: String,
    /// The key that signs in its place; none is needed for a key that did not sign.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<String>,
}
