//! Roles, of the environment and of organizations.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::FromRow;

use super::keys::{ResourceTypeKey, RoleKey};
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::kernel::event::Event;
use crate::kernel::id::{OrganizationId, RoleId};
use crate::kernel::schema;

crate::words! {
    /// Whose role it is.
    pub enum RoleType {
        /// Every organization of the environment has it.
        Environment = "EnvironmentRole",
        /// One organization has it.
        Organization = "OrganizationRole",
    }
}

/// A set of permissions that is given under a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "role")]
#[schemars(transform = schema::object::<Self>)]
pub struct Role {
    /// The key by which rows name it.
    #[serde(skip)]
    pub key: RoleKey,
    /// Its id.
    pub id: RoleId,
    /// The name that programs use. It does not change.
    pub slug: String,
    /// The name that people use.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whose role it is.
    #[serde(rename = "type")]
    pub role_type: RoleType,
    /// The organization, if it belongs to one.
    #[serde(skip)]
    pub organization_id: Option<OrganizationId>,
    /// The key of the type of resources that it is given on.
    #[serde(skip)]
    pub resource_type: ResourceTypeKey,
    /// The type of resources that it is given on.
    pub resource_type_slug: String,
    /// The slugs of its permissions, in their order.
    pub permissions: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed, its permissions included.
    pub updated_at: Timestamp,
}

/// A role of the environment, as events show it: without id, name and description.
#[derive(Serialize)]
#[serde(tag = "object", rename = "role")]
struct EnvironmentRole<'r> {
    slug: &'r str,
    resource_type_slug: &'r str,
    permissions: &'r [String],
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// A role of an organization, as events show it: without id.
#[derive(Serialize)]
#[serde(tag = "object", rename = "organization_role")]
struct OrganizationRole<'r> {
    organization_id: &'r OrganizationId,
    slug: &'r str,
    name: &'r str,
    description: Option<&'r str>,
    resource_type_slug: &'r str,
    permissions: &'r [String],
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl Role {
    /// The event `role.created` or `organization_role.created`.
    pub fn created(&self) -> Result<Event> {
        self.event("role.created", "organization_role.created")
    }

    /// The event `role.updated` or `organization_role.updated`.
    pub fn updated(&self) -> Result<Event> {
        self.event("role.updated", "organization_role.updated")
    }

    /// The event `role.deleted` or `organization_role.deleted`.
    pub fn deleted(&self) -> Result<Event> {
        self.event("role.deleted", "organization_role.deleted")
    }

    fn event(&self, of_environment: &'static str, of_organization: &'static str) -> Result<Event> {
        let Self { slug, name, resource_type_slug, permissions, .. } = self;
        let (created_at, updated_at) = (self.created_at, self.updated_at);
        let Some(organization_id) = &self.organization_id else {
            let data = EnvironmentRole { slug, resource_type_slug, permissions, created_at, updated_at };
            return Event::new(of_environment, None, &data);
        };
        let data = OrganizationRole {
            organization_id,
            slug,
            name,
            description: self.description.as_deref(),
            resource_type_slug,
            permissions,
            created_at,
            updated_at,
        };
        Event::new(of_organization, Some(organization_id.clone()), &data)
    }
}
