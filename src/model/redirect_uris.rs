//! Redirect URIs.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::FromRow;

use crate::kernel::clock::Timestamp;
use crate::kernel::id::RedirectUriId;
use crate::kernel::schema;

/// An address that sign-in may send people back to. One with a `*` stands for many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "redirect_uri")]
#[schemars(transform = schema::object::<Self>)]
pub struct RedirectUri {
    /// Its id.
    pub id: RedirectUriId,
    /// The address, as it was given.
    pub uri: String,
    /// Whether it is the one to go to when a sign-in names none. An environment has at most one.
    #[serde(rename = "default")]
    pub is_default: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
