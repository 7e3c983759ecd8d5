//! Resources that tokens can be asked for (RFC 8707).

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::FromRow;

use crate::kernel::clock::Timestamp;
use crate::kernel::id::OauthResourceId;
use crate::kernel::schema;

/// A resource indicator: a server of the application's that tokens can be asked for. One with a `*` stands for many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "authkit_oauth_resource")]
#[schemars(transform = schema::object::<Self>)]
pub struct OauthResource {
    /// Its id.
    pub id: OauthResourceId,
    /// The resource, as it was given.
    pub uri: String,
    /// Whether tokens are for it when they are asked for none. An environment has at most one.
    #[serde(rename = "default")]
    pub is_default: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
