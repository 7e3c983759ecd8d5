//! Types of resources, permissions, roles of the environment in their order, and roles of organizations.
//!
//! A role keeps permissions of a type that has been moved away from below its own. They reach nothing, and nobody can give
//! them to it anew, so they are left out.

use std::collections::HashMap;
use std::io::Write;

use serde::Serialize;

use super::writer::Writer;
use super::{each_page, unless};
use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::id::{OrganizationId, PermissionId, RoleId};
use crate::model::permissions;
use crate::model::resource_types::{ORGANIZATION, ResourceType as StoredType};
use crate::model::roles::{self, RoleType};
use crate::store;

#[derive(Serialize)]
struct ResourceType<'t> {
    slug: &'t str,
    name: &'t str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'t str>,
    parents: &'t [String],
}

#[derive(Serialize)]
struct Permission<'p> {
    id: &'p PermissionId,
    slug: &'p str,
    name: &'p str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_type_slug: Option<&'p str>,
}

#[derive(Serialize)]
struct Role<'r> {
    id: &'r RoleId,
    slug: &'r str,
    name: &'r str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'r str>,
    #[serde(rename = "type")]
    role_type: RoleType,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization_id: Option<&'r OrganizationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource_type_slug: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    is_default_role: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<usize>,
    permissions: Vec<&'r str>,
}

pub(super) async fn write(db: &mut Db, out: &mut Writer<impl Write>) -> Result<()> {
    let mut types = store::resource_types::list(db).await?;
    // Without ids, and whatever the order in which they were made: an import makes parents first.
    types.sort_by(|one, other| one.slug.cmp(&other.slug));
    for kind in types.iter().filter(|kind| kind.slug != ORGANIZATION) {
        let entry = ResourceType {
            slug: &kind.slug,
            name: &kind.name,
            description: kind.description.as_deref(),
            parents: &kind.parents,
        };
        out.entry("resourceTypes", &entry)?;
    }
    let mut reach = Reach { types, permissions: HashMap::new() };
    each_page(db, store::permissions::list, async |_, permissions: Vec<permissions::Permission>| {
        for permission in &permissions {
            reach.permissions.insert(permission.slug.clone(), permission.resource_type_slug.clone());
            let entry = Permission {
                id: &permission.id,
                slug: &permission.slug,
                name: &permission.name,
                description: permission.description.as_deref(),
                resource_type_slug: unless(permission.resource_type_slug.as_str(), &ORGANIZATION),
            };
            out.entry("permissions", &entry)?;
        }
        Ok(())
    })
    .await?;
    let default = store::roles::orders::find_default_of_environment(db).await?;
    for (place, role) in store::roles::list(db).await?.iter().enumerate() {
        let is_default_role = (Some(role.key) == default).then_some(true);
        out.entry("roles", &Role { is_default_role, priority: Some(place + 1), ..one(role, &reach) })?;
    }
    each_page(db, store::roles::list_of_organizations, async |_, roles: Vec<roles::Role>| {
        roles.iter().try_for_each(|role| out.entry("roles", &one(role, &reach)))
    })
    .await
}

/// A role without its place. That of one of an organization is told with the organization.
fn one<'r>(role: &'r roles::Role, reach: &Reach) -> Role<'r> {
    Role {
        id: &role.id,
        slug: &role.slug,
        name: &role.name,
        description: role.description.as_deref(),
        role_type: role.role_type,
        organization_id: role.organization_id.as_ref(),
        resource_type_slug: unless(role.resource_type_slug.as_str(), &ORGANIZATION),
        is_default_role: None,
        priority: None,
        permissions: reach.within(role),
    }
}

/// What the permissions concern, and what stands below what.
struct Reach {
    types: Vec<StoredType>,
    permissions: HashMap<String, String>,
}

impl Reach {
    /// The permissions of a role that concern its own type or one below it.
    fn within<'r>(&self, role: &'r roles::Role) -> Vec<&'r str> {
        let mut within = vec![role.resource_type_slug.as_str()];
        let mut next = 0;
        while let Some(above) = within.get(next).copied() {
            let below = self.types.iter().filter(|kind| kind.parents.iter().any(|parent| parent == above));
            let below: Vec<_> = below.map(|kind| kind.slug.as_str()).filter(|slug| !within.contains(slug)).collect();
            within.extend(below);
            next += 1;
        }
        let is_within =
            |slug: &&String| self.permissions.get(slug.as_str()).is_some_and(|kind| within.contains(&kind.as_str()));
        role.permissions.iter().filter(is_within).map(String::as_str).collect()
    }
}
