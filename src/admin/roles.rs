//! What the API cannot do with roles: their order, the default one, and the deletion of one of the environment.
//!
//! Under `/organizations/{organization}` it is the order and the default of that organization, which leaves those of
//! the environment with it.

use crate::body;
use crate::domain;
use crate::http::extract::{Json, Path};
use crate::http::{NoContent, Operator, Routes};
use crate::kernel::Result;
use crate::kernel::check::Check;
use crate::kernel::id::{EnvironmentId, OrganizationId};
use crate::kernel::page::BareList;
use crate::model::roles::Role;

/// The routes of roles.
pub fn routes() -> Routes {
    super::family()
        .put("/admin/v1/environments/{id}/roles/order", reorder)
        .put("/admin/v1/environments/{id}/roles/default", set_default)
        .delete("/admin/v1/environments/{id}/roles/{slug}", delete)
        // Nothing keeps a role from having one of the two names above, under which the router would not look for it.
        .delete("/admin/v1/environments/{id}/roles/order", delete_order)
        .delete("/admin/v1/environments/{id}/roles/default", delete_default)
        .put("/admin/v1/environments/{id}/organizations/{organization}/roles/order", reorder_of_organization)
        .put("/admin/v1/environments/{id}/organizations/{organization}/roles/default", set_default_of_organization)
}

body! {
    struct OrderBody {
        slugs: Vec<String>,
    }
}

impl Check for OrderBody {}

body! {
    struct DefaultBody {
        slug: String,
    }
}

impl Check for DefaultBody {}

async fn reorder(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Json(body): Json<OrderBody>,
) -> Result<Json<BareList<Role>>> {
    let scope = super::scope(&operator, &id).await?;
    let roles = scope.write(async |tx| domain::roles::order::reorder(tx, None, &body.slugs).await).await?;
    Ok(Json(BareList::new(roles)))
}

async fn reorder_of_organization(
    operator: Operator,
    Path((id, organization)): Path<(EnvironmentId, OrganizationId)>,
    Json(body): Json<OrderBody>,
) -> Result<Json<BareList<Role>>> {
    let (scope, owner) = (super::scope(&operator, &id).await?, Some(&organization));
    let roles = scope.write(async |tx| domain::roles::order::reorder(tx, owner, &body.slugs).await).await?;
    Ok(Json(BareList::new(roles)))
}

async fn set_default(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Json(body): Json<DefaultBody>,
) -> Result<Json<Role>> {
    let scope = super::scope(&operator, &id).await?;
    scope.write(async |tx| domain::roles::order::set_default(tx, None, &body.slug).await).await.map(Json)
}

async fn set_default_of_organization(
    operator: Operator,
    Path((id, organization)): Path<(EnvironmentId, OrganizationId)>,
    Json(body): Json<DefaultBody>,
) -> Result<Json<Role>> {
    let (scope, owner) = (super::scope(&operator, &id).await?, Some(&organization));
    scope.write(async |tx| domain::roles::order::set_default(tx, owner, &body.slug).await).await.map(Json)
}

async fn delete(operator: Operator, Path((id, slug)): Path<(EnvironmentId, String)>) -> Result<NoContent> {
    let scope = super::scope(&operator, &id).await?;
    scope.write(async |tx| domain::roles::delete(tx, &slug).await).await.map(|()| NoContent)
}

async fn delete_order(operator: Operator, Path(id): Path<EnvironmentId>) -> Result<NoContent> {
    delete(operator, Path((id, "order".to_owned()))).await
}

async fn delete_default(operator: Operator, Path(id): Path<EnvironmentId>) -> Result<NoContent> {
    delete(operator, Path((id, "default".to_owned()))).await
}
