//! Types of resources.
//!
//! They are the operator's: the API has no operation that shows or changes one.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::FromRow;

use super::keys::ResourceTypeKey;
use crate::kernel::clock::Timestamp;

/// The type of the root of every organization's tree. It is there from the start and has no parent.
pub const ORGANIZATION: &str = "organization";

/// A type of resources. Roles and permissions belong to one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
pub struct ResourceType {
    /// The key by which rows name it.
    #[serde(skip)]
    pub key: ResourceTypeKey,
    /// The name that programs use. It does not change.
    pub slug: String,
    /// The name that people use.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The slugs of the types that its resources may stand below, in their order. A type that is its own parent nests,
    /// as folders do.
    pub parents: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed, its parents included.
    pub updated_at: Timestamp,
}
