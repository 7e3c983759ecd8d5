//! Organizations.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::FromRow;

use super::metadata::Metadata;
use super::organization_domains::OrganizationDomain;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::OrganizationId;
use crate::kernel::schema;

/// A customer of the application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "organization")]
#[schemars(transform = schema::object::<Self>)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// What people call it.
    pub name: String,
    /// Whether people may sign in through its connections whose addresses are of other domains.
    pub allow_profiles_outside_organization: bool,
    /// Its domains, oldest first.
    #[sqlx(json)]
    pub domains: Vec<OrganizationDomain>,
    /// What the application keeps on it.
    #[sqlx(json)]
    pub metadata: Metadata,
    /// What the application calls it.
    pub external_id: Option<String>,
    /// What Stripe calls it. Left out when it is not set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stripe_customer_id: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

crate::events! { Organization, |organization| Some(organization.id.clone());
    created = "organization.created",
    updated = "organization.updated",
    deleted = "organization.deleted",
}
