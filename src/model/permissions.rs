//! Permissions.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::FromRow;

use super::keys::{PermissionKey, ResourceTypeKey};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::PermissionId;
use crate::kernel::schema;

/// Something that may be allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "permission")]
#[schemars(transform = schema::object::<Self>)]
pub struct Permission {
    /// The key by which rows name it.
    #[serde(skip)]
    pub key: PermissionKey,
    /// Its id.
    pub id: PermissionId,
    /// The name that programs use. It does not change.
    pub slug: String,
    /// The name that people use.
    pub name: String,
    /// What it allows.
    pub description: Option<String>,
    /// Whether it belongs to the server, which needs it: such a one cannot be changed or deleted.
    pub system: bool,
    /// The key of the type of resources that it concerns.
    #[serde(skip)]
    pub resource_type: ResourceTypeKey,
    /// The type of resources that it concerns.
    pub resource_type_slug: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

crate::events! { Permission, |_| None;
    created = "permission.created",
    updated = "permission.updated",
    deleted = "permission.deleted",
}
