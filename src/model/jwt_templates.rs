//! Templates of access tokens.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::FromRow;

use crate::kernel::clock::Timestamp;
use crate::kernel::schema;

/// What an environment's access tokens say beyond the ordinary. It has no id: there is at most one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "jwt_template")]
#[schemars(transform = schema::object::<Self>)]
pub struct JwtTemplate {
    /// The template, as it was given; its language is `protocol::jwt_template`.
    pub content: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
