//! What the API cannot do with what applications are configured with: choose another default among those that are
//! there, and take away what the API only adds.

use crate::body;
use crate::domain;
use crate::http::extract::{Json, Path};
use crate::http::{NoContent, Operator, Routes};
use crate::kernel::Result;
use crate::kernel::check::Check;
use crate::kernel::id::{CorsOriginId, EnvironmentId, OauthResourceId, RedirectUriId};
use crate::model::oauth_resources::OauthResource;
use crate::model::redirect_uris::RedirectUri;
use crate::store;

/// The routes of applications.
pub fn routes() -> Routes {
    super::family()
        .put("/admin/v1/environments/{id}/redirect_uris/default", set_default_redirect_uri)
        .put("/admin/v1/environments/{id}/oauth_resources/default", set_default_oauth_resource)
        .delete("/admin/v1/environments/{id}/cors_origins/{origin}", delete_cors_origin)
        .delete("/admin/v1/environments/{id}/jwt_template", delete_jwt_template)
}

body! {
    struct RedirectUriBody {
        id: RedirectUriId,
    }
}

impl Check for RedirectUriBody {}

body! {
    struct OauthResourceBody {
        id: OauthResourceId,
    }
}

impl Check for OauthResourceBody {}

async fn set_default_redirect_uri(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Json(body): Json<RedirectUriBody>,
) -> Result<Json<RedirectUri>> {
    let scope = super::scope(&operator, &id).await?;
    scope.write(async |tx| domain::redirect_uris::set_default(tx, &body.id).await).await.map(Json)
}

async fn set_default_oauth_resource(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Json(body): Json<OauthResourceBody>,
) -> Result<Json<OauthResource>> {
    let scope = super::scope(&operator, &id).await?;
    scope.write(async |tx| domain::oauth_resources::set_default(tx, &body.id).await).await.map(Json)
}

async fn delete_cors_origin(
    operator: Operator,
    Path((id, origin)): Path<(EnvironmentId, CorsOriginId)>,
) -> Result<NoContent> {
    let change = async |system: &mut _| {
        let environment = store::system::environments::get(system, &id).await?;
        domain::cors_origins::delete(system, &environment, &origin).await
    };
    operator.database().write_system(change).await.map(|()| NoContent)
}

async fn delete_jwt_template(operator: Operator, Path(id): Path<EnvironmentId>) -> Result<NoContent> {
    let scope = super::scope(&operator, &id).await?;
    scope.write(async |tx| domain::jwt_templates::delete(tx).await).await.map(|()| NoContent)
}
