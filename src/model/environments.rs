//! Environments and their management keys.

use std::ops::RangeInclusive;

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::FromRow;

use crate::kernel::clock::Timestamp;
use crate::kernel::id::{EnvironmentId, EnvironmentKey, ManagementKeyId};
use crate::kernel::schema;

/// An environment: a tenant of the server, with everything in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "environment")]
#[schemars(transform = schema::object::<Self>)]
pub struct Environment {
    /// The key by which its rows name it.
    #[serde(skip)]
    pub key: EnvironmentKey,
    /// Its id.
    pub id: EnvironmentId,
    /// What people call it.
    pub name: String,
    /// The id by which applications name it in sign-in.
    pub client_id: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// What the operator may set.
    #[serde(skip)]
    #[sqlx(flatten)]
    pub settings: Settings,
}

/// What an environment is called by others: for events that name it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Identity {
    /// Its id.
    pub id: EnvironmentId,
    /// The id by which applications name it in sign-in.
    pub client_id: String,
}

/// The settings of an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "environment_settings")]
#[schemars(transform = schema::object::<Self>)]
pub struct Settings {
    /// Whether a membership may have several roles of the organization.
    pub multiple_roles: bool,
    /// How long an access token is valid, in seconds.
    pub access_token_seconds: i32,
    /// How long a session lasts at most, in seconds.
    pub session_seconds: i32,
    /// After how many seconds without a refresh a session ends; null is never.
    pub session_idle_seconds: Option<i32>,
    /// The page where invitations are accepted, which is given the token; null is the one of this server.
    pub invitation_url: Option<String>,
    /// For how many days an invitation is good if whoever invites does not say.
    pub invitation_days: i32,
    /// Whether those who join a waitlist may be told so by mail.
    pub waitlist_confirmation_mail: bool,
}

impl Settings {
    /// How long an access token may be valid, in seconds: long enough to be used, short enough to count as revoked.
    pub const ACCESS_TOKEN_SECONDS: RangeInclusive<i64> = 60..=86_400;
    /// How long a session may last, or lie idle, in seconds: up to a year.
    pub const SESSION_SECONDS: RangeInclusive<i64> = 60..=31_536_000;
    /// For how many days an invitation may be good.
    pub const INVITATION_DAYS: RangeInclusive<i64> = 1..=30;
}

/// A key by which an application manages an environment. Its value is shown once, when it is made.
#[derive(Debug, Clone, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "management_key")]
#[schemars(transform = schema::object::<Self>)]
pub struct ManagementKey {
    /// Its id.
    pub id: ManagementKeyId,
    /// What people call it.
    pub name: String,
    /// Enough of the value to recognise it: `sk_...3456`.
    pub obfuscated_value: String,
    /// When it was made.
    pub created_at: Timestamp,
}
