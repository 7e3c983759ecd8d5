//! Authorization: what memberships may do, on which resources, and who may.

use schemars::JsonSchema;
use serde::Serialize;

use crate::authz::lists;
use crate::body;
use crate::http::extract::{Json, Path, Query};
use crate::http::{Routes, Scope};
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::{
    OrganizationId, OrganizationMembershipId, OrganizationMembershipKind, PermissionKind, ResourceId, ResourceKind,
};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::organization_memberships::Member;
use crate::model::permissions::Permission;
use crate::model::resources::{ParentTarget, Resource, ResourceAddress, ResourceTarget};
use crate::store::authorization::Question;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("authorization")
        .post("/authorization/organization_memberships/{organization_membership_id}/check", check)
        .get("/authorization/organization_memberships/{organization_membership_id}/resources", list_resources)
        .get(
            "/authorization/organization_memberships/{organization_membership_id}/resources/{resource_id}/permissions",
            list_permissions,
        )
        .get(
            "/authorization/organization_memberships/{organization_membership_id}/resources/{resource_type_slug}/{external_id}/permissions",
            list_permissions_of_named,
        )
        .get("/authorization/resources/{resource_id}/organization_memberships", list_members)
        .get(
            "/authorization/organizations/{organization_id}/resources/{resource_type_slug}/{external_id}/organization_memberships",
            list_members_of_named,
        )
        // The Node SDK alone asks here.
        .get(
            "/authorization/resources/{resource_id}/organization_memberships/{organization_membership_id}/permissions",
            list_permissions_of_member,
        )
}

body! {
    struct CheckBody {
        permission_slug: String;
        target: ResourceTarget
    }
}

impl Check for CheckBody {}

body! {
    struct ResourcesQuery {
        permission_slug: String;
        place: (Page<ResourceKind>, ParentTarget)
    }
}

impl Check for ResourcesQuery {
    fn check(&self, faults: &mut Faults) {
        if self.place.1.0.is_none() {
            let message = "parent_resource_id is required, or parent_resource_external_id and \
                           parent_resource_type_slug in its place.";
            faults.add("parent_resource_id", "required", message);
        }
    }
}

body! {
    struct PermissionsQuery {;
        page: Page<PermissionKind>
    }
}

impl Check for PermissionsQuery {}

crate::words! {
    /// Whose roles count.
    enum Assignment {
        /// Those that were given on the resource itself.
        Direct = "direct",
        /// Those too that were given above it: everybody with the permission.
        Indirect = "indirect",
    }
}

body! {
    struct MembersQuery {
        permission_slug: String,
        assignment: Option<Assignment>;
        page: Page<OrganizationMembershipKind>
    }
}

impl Check for MembersQuery {}

#[derive(Debug, Serialize, JsonSchema)]
struct Checked {
    authorized: bool,
}

async fn check(
    scope: Scope,
    Path(membership): Path<OrganizationMembershipId>,
    Json(body): Json<CheckBody>,
) -> Result<Json<Checked>> {
    let question = Question { membership, permission: body.permission_slug, target: body.target };
    let authorized = scope.app().checks().check(scope.environment.key, question).await?;
    Ok(Json(Checked { authorized }))
}

async fn list_resources(
    scope: Scope,
    Path(membership): Path<OrganizationMembershipId>,
    Query(query): Query<ResourcesQuery>,
) -> Result<Json<List<Resource>>> {
    let ResourcesQuery { permission_slug: permission, place: (page, ParentTarget(parent)) } = query;
    let target = parent.ok_or_else(|| Error::internal("a question without a parent was let pass"))?;
    let question = Question { membership, permission, target };
    lists::resources(&mut scope.read().await?, &question, &page).await.map(Json)
}

async fn list_permissions(
    scope: Scope,
    Path((membership, resource)): Path<(OrganizationMembershipId, ResourceId)>,
    Query(query): Query<PermissionsQuery>,
) -> Result<Json<List<Permission>>> {
    permissions(&scope, membership, ResourceTarget::Id(resource), &query.page).await
}

async fn list_permissions_of_named(
    scope: Scope,
    Path((membership, resource_type_slug, external_id)): Path<(OrganizationMembershipId, String, String)>,
    Query(query): Query<PermissionsQuery>,
) -> Result<Json<List<Permission>>> {
    let target = ResourceTarget::External { resource_type_slug, external_id };
    permissions(&scope, membership, target, &query.page).await
}

async fn list_permissions_of_member(
    scope: Scope,
    Path((resource, membership)): Path<(ResourceId, OrganizationMembershipId)>,
    Query(query): Query<PermissionsQuery>,
) -> Result<Json<List<Permission>>> {
    permissions(&scope, membership, ResourceTarget::Id(resource), &query.page).await
}

async fn permissions(
    scope: &Scope,
    membership: OrganizationMembershipId,
    target: ResourceTarget,
    page: &Page<PermissionKind>,
) -> Result<Json<List<Permission>>> {
    let question = Question { membership, permission: String::new(), target };
    lists::permissions(&mut scope.read().await?, &question, page).await.map(Json)
}

async fn list_members(
    scope: Scope,
    Path(resource): Path<ResourceId>,
    Query(query): Query<MembersQuery>,
) -> Result<Json<List<Member>>> {
    members(&scope, &ResourceAddress::Id(resource), &query).await
}

async fn list_members_of_named(
    scope: Scope,
    Path((organization_id, resource_type_slug, external_id)): Path<(OrganizationId, String, String)>,
    Query(query): Query<MembersQuery>,
) -> Result<Json<List<Member>>> {
    members(&scope, &ResourceAddress::External { organization_id, resource_type_slug, external_id }, &query).await
}

async fn members(scope: &Scope, address: &ResourceAddress, query: &MembersQuery) -> Result<Json<List<Member>>> {
    let inherited = query.assignment == Some(Assignment::Indirect);
    lists::members(&mut scope.read().await?, address, &query.permission_slug, inherited, &query.page).await.map(Json)
}
