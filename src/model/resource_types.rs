//! Types of resources.

use sqlx::FromRow;

use super::keys::ResourceTypeKey;
use crate::kernel::clock::Timestamp;

/// The type of the root of every organization's tree. It is there from the start and has no parent.
pub const ORGANIZATION: &str = "organization";

/// A type of resources. Roles and permissions belong to one.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ResourceType {
    /// The key by which rows name it.
    pub key: ResourceTypeKey,
    /// The name that programs use. It does not change.
    pub slug: String,
    /// The name that people use.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}
