//! Role assignments: of memberships, on resources, and, in [`groups`], of groups.

mod groups;

use crate::body;
use crate::domain;
use crate::domain::role_assignments::memberships::Which;
use crate::http::extract::{Json, JsonOrQuery, Path, Query};
use crate::http::{Created, NoContent, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::Check;
use crate::kernel::id::{OrganizationId, OrganizationMembershipId, ResourceId, RoleAssignmentId, RoleAssignmentKind};
use crate::kernel::page::{List, Page};
use crate::model::resources::ResourceTarget;
use crate::model::role_assignments::RoleAssignment;
use crate::store;
use crate::store::role_assignments::{lists, targets};

const OF_MEMBERSHIP: &str = "/authorization/organization_memberships/{organization_membership_id}/role_assignments";

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("role_assignments")
        .get(OF_MEMBERSHIP, list)
        .post(OF_MEMBERSHIP, create)
        .delete(OF_MEMBERSHIP, remove)
        .delete(
            "/authorization/organization_memberships/{organization_membership_id}/role_assignments/{role_assignment_id}",
            remove_by_id,
        )
        .get("/authorization/resources/{resource_id}/role_assignments", list_on_resource)
        .get(
            "/authorization/organizations/{organization_id}/resources/{resource_type_slug}/{external_id}/role_assignments",
            list_on_resource_by_external_id,
        )
        .merge(groups::routes())
}

body! {
    struct ListQuery {
        resource_id: Option<ResourceId>,
        resource_external_id: Option<String>,
        resource_type_slug: Option<String>;
        page: Page<RoleAssignmentKind>
    }
}

impl Check for ListQuery {}

body! {
    struct ListOnResourceQuery {
        role_slug: Option<String>;
        page: Page<RoleAssignmentKind>
    }
}

impl Check for ListOnResourceQuery {}

body! {
    struct AssignmentBody {
        role_slug: String;
        target: ResourceTarget
    }
}

impl Check for AssignmentBody {}

async fn list(
    scope: Scope,
    Path(membership): Path<OrganizationMembershipId>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<RoleAssignment>>> {
    let ListQuery { resource_id, resource_external_id, resource_type_slug, page } = query;
    let mut db = scope.read().await?;
    let holder = store::organization_memberships::get_holder(&mut db, &membership).await?;
    let kind = resource_type_slug.as_deref();
    let resources = if resource_id.is_some() || resource_external_id.is_some() {
        let names = (resource_external_id.as_deref(), kind);
        Some(targets::list_keys(&mut db, &holder.organization_id, resource_id.as_ref(), names).await?)
    } else {
        None
    };
    lists::of_membership(&mut db, &holder, (resources.as_deref(), kind), &page).await.map(Json)
}

async fn create(
    scope: Scope,
    Path(membership): Path<OrganizationMembershipId>,
    Json(body): Json<AssignmentBody>,
) -> Result<Created<RoleAssignment>> {
    let several = scope.environment.settings.multiple_roles;
    let named = (body.role_slug.as_str(), &body.target);
    let create =
        async |tx: &mut _| domain::role_assignments::memberships::create(tx, &membership, named, several).await;
    scope.write(create).await.map(Created)
}

async fn remove(
    scope: Scope,
    Path(membership): Path<OrganizationMembershipId>,
    JsonOrQuery(body): JsonOrQuery<AssignmentBody>,
) -> Result<NoContent> {
    let which = Which::Of(&body.role_slug, &body.target);
    let remove = async |tx: &mut _| domain::role_assignments::memberships::remove(tx, &membership, which).await;
    scope.write(remove).await.map(|()| NoContent)
}

async fn remove_by_id(
    scope: Scope,
    Path((membership, id)): Path<(OrganizationMembershipId, RoleAssignmentId)>,
) -> Result<NoContent> {
    let which = Which::Id(&id);
    let remove = async |tx: &mut _| domain::role_assignments::memberships::remove(tx, &membership, which).await;
    scope.write(remove).await.map(|()| NoContent)
}

async fn list_on_resource(
    scope: Scope,
    Path(resource): Path<ResourceId>,
    Query(query): Query<ListOnResourceQuery>,
) -> Result<Json<List<RoleAssignment>>> {
    let mut db = scope.read().await?;
    let target = targets::get(&mut db, &resource).await?;
    lists::on_resource(&mut db, &target, query.role_slug.as_deref(), &query.page).await.map(Json)
}

async fn list_on_resource_by_external_id(
    scope: Scope,
    Path((organization, resource_type_slug, external_id)): Path<(OrganizationId, String, String)>,
    Query(query): Query<ListOnResourceQuery>,
) -> Result<Json<List<RoleAssignment>>> {
    let mut db = scope.read().await?;
    let named = ResourceTarget::External { resource_type_slug, external_id };
    let target = targets::get_of_organization(&mut db, &organization, &named).await?;
    lists::on_resource(&mut db, &target, query.role_slug.as_deref(), &query.page).await.map(Json)
}
