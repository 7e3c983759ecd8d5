//! CORS origins.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::FromRow;

use crate::kernel::clock::Timestamp;
use crate::kernel::id::CorsOriginId;
use crate::kernel::schema;

/// An origin whose pages may call the public routes of the API from a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "cors_origin")]
#[schemars(transform = schema::object::<Self>)]
pub struct CorsOrigin {
    /// Its id.
    pub id: CorsOriginId,
    /// The origin as browsers write it: no slash at the end, no port that the scheme has anyway.
    pub origin: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
