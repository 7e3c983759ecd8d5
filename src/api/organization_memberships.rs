//! Organization memberships.

use crate::body;
use crate::domain;
use crate::http::extract::{Json, Path, Query};
use crate::http::{Created, Done, Routes, Scope};
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::{OrganizationId, OrganizationMembershipId, OrganizationMembershipKind, UserId};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::organization_memberships::{OrganizationMembership, Status};
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("organization_memberships")
        .get("/user_management/organization_memberships", list)
        .post("/user_management/organization_memberships", create)
        .get("/user_management/organization_memberships/{id}", find)
        .put("/user_management/organization_memberships/{id}", update)
        .delete("/user_management/organization_memberships/{id}", delete)
        .put("/user_management/organization_memberships/{id}/deactivate", deactivate)
        .put("/user_management/organization_memberships/{id}/reactivate", reactivate)
}

body! {
    struct ListQuery {
        user_id: Option<UserId>,
        organization_id: Option<OrganizationId>,
        statuses: Option<Vec<Status>>;
        page: Page<OrganizationMembershipKind>
    }
}

impl Check for ListQuery {}

body! {
    struct CreateBody {
        user_id: UserId,
        organization_id: OrganizationId,
        role_slug: Option<String>,
        role_slugs: Option<Vec<String>>,
    }
}

impl Check for CreateBody {
    fn check(&self, faults: &mut Faults) {
        check_roles(faults, self.role_slug.as_deref(), self.role_slugs.as_deref());
    }
}

body! {
    struct UpdateBody {
        role_slug: Option<String>,
        role_slugs: Option<Vec<String>>,
    }
}

impl Check for UpdateBody {
    fn check(&self, faults: &mut Faults) {
        check_roles(faults, self.role_slug.as_deref(), self.role_slugs.as_deref());
    }
}

/// A membership is given one role or several, by one of the two fields; never none.
fn check_roles(faults: &mut Faults, one: Option<&str>, several: Option<&[String]>) {
    if let Some(several) = several {
        if one.is_some() {
            faults.add("role_slugs", "mutually_exclusive", "Provide either role_slug or role_slugs, not both.");
        }
        if several.is_empty() {
            faults.add("role_slugs", "required", "role_slugs must name at least one role.");
        }
    }
}

/// The slugs that a body names, if it names any.
fn slugs(one: Option<String>, several: Option<Vec<String>>) -> Option<Vec<String>> {
    several.or_else(|| one.map(|slug| vec![slug]))
}

/// Without statuses, those who take part now.
async fn list(scope: Scope, Query(query): Query<ListQuery>) -> Result<Json<List<OrganizationMembership>>> {
    if query.user_id.is_none() && query.organization_id.is_none() {
        let message = "Provide user_id, organization_id or both.";
        return Err(Error::refused("missing_user_id_or_organization_id", message));
    }
    let statuses = query.statuses.filter(|statuses| !statuses.is_empty()).unwrap_or_else(|| vec![Status::Active]);
    let filter =
        store::organization_memberships::Filter { user: query.user_id, organization: query.organization_id, statuses };
    store::organization_memberships::list(&mut scope.read().await?, &filter, &query.page).await.map(Json)
}

async fn create(scope: Scope, Json(body): Json<CreateBody>) -> Result<Created<OrganizationMembership>> {
    let input = domain::organization_memberships::Create {
        id: None,
        user_id: body.user_id,
        organization_id: body.organization_id,
        status: Status::Active,
        roles: slugs(body.role_slug, body.role_slugs).unwrap_or_default(),
        multiple_roles: scope.environment.settings.multiple_roles,
    };
    scope.write(async |tx| domain::organization_memberships::create(tx, input).await).await.map(Created)
}

async fn find(scope: Scope, Path(id): Path<OrganizationMembershipId>) -> Result<Json<OrganizationMembership>> {
    store::organization_memberships::get(&mut scope.read().await?, &id).await.map(Json)
}

async fn update(
    scope: Scope,
    Path(id): Path<OrganizationMembershipId>,
    Json(body): Json<UpdateBody>,
) -> Result<Json<OrganizationMembership>> {
    let Some(slugs) = slugs(body.role_slug, body.role_slugs) else {
        return store::organization_memberships::get(&mut scope.read().await?, &id).await.map(Json);
    };
    let several = scope.environment.settings.multiple_roles;
    scope.write(async |tx| domain::organization_memberships::update(tx, &id, &slugs, several).await).await.map(Json)
}

async fn delete(scope: Scope, Path(id): Path<OrganizationMembershipId>) -> Result<Done> {
    scope.write(async |tx| domain::organization_memberships::delete(tx, &id).await).await.map(|()| Done)
}

async fn deactivate(scope: Scope, Path(id): Path<OrganizationMembershipId>) -> Result<Json<OrganizationMembership>> {
    scope.write(async |tx| domain::organization_memberships::deactivate(tx, &id).await).await.map(Json)
}

async fn reactivate(scope: Scope, Path(id): Path<OrganizationMembershipId>) -> Result<Json<OrganizationMembership>> {
    scope.write(async |tx| domain::organization_memberships::reactivate(tx, &id).await).await.map(Json)
}
