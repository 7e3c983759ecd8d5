//! Resources that tokens can be asked for.

use crate::body;
use crate::domain;
use crate::http::extract::{Json, Path, Query};
use crate::http::{Created, NoContent, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::Check;
use crate::kernel::id::{OauthResourceId, OauthResourceKind};
use crate::kernel::page::{List, Page};
use crate::model::oauth_resources::OauthResource;
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("oauth_resources")
        .get("/user_management/authkit_oauth_resources", list)
        .post("/user_management/authkit_oauth_resources", create)
        .delete("/user_management/authkit_oauth_resources/{id}", delete)
}

body! {
    struct ListQuery {
        ; page: Page<OauthResourceKind>
    }
}

impl Check for ListQuery {}

body! {
    struct CreateBody {
        uri: String,
        default: Option<bool>,
    }
}

impl Check for CreateBody {}

async fn list(scope: Scope, Query(query): Query<ListQuery>) -> Result<Json<List<OauthResource>>> {
    store::oauth_resources::list(&mut scope.read().await?, &query.page).await.map(Json)
}

async fn create(scope: Scope, Json(body): Json<CreateBody>) -> Result<Created<OauthResource>> {
    let input = domain::oauth_resources::Create {
        id: None,
        uri: body.uri,
        is_default: body.default.unwrap_or(false),
        plain: scope.app().plain_http(),
    };
    scope.write(async |tx| domain::oauth_resources::create(tx, input).await).await.map(Created)
}

async fn delete(scope: Scope, Path(id): Path<OauthResourceId>) -> Result<NoContent> {
    scope.write(async |tx| domain::oauth_resources::delete(tx, &id).await).await.map(|()| NoContent)
}
