//! Redirect URIs.

use crate::body;
use crate::domain;
use crate::http::extract::{Json, Path, Query};
use crate::http::{Created, NoContent, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::Check;
use crate::kernel::id::{RedirectUriId, RedirectUriKind};
use crate::kernel::page::{List, Page};
use crate::model::redirect_uris::RedirectUri;
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("redirect_uris")
        .get("/user_management/redirect_uris", list)
        .post("/user_management/redirect_uris", create)
        .delete("/user_management/redirect_uris/{id}", delete)
}

body! {
    struct ListQuery {
        ; page: Page<RedirectUriKind>
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

async fn list(scope: Scope, Query(query): Query<ListQuery>) -> Result<Json<List<RedirectUri>>> {
    store::redirect_uris::list(&mut scope.read().await?, &query.page).await.map(Json)
}

async fn create(scope: Scope, Json(body): Json<CreateBody>) -> Result<Created<RedirectUri>> {
    let input = domain::redirect_uris::Create {
        id: None,
        uri: body.uri,
        is_default: body.default,
        plain: scope.app().plain_http(),
    };
    scope.write(async |tx| domain::redirect_uris::create(tx, input).await).await.map(Created)
}

async fn delete(scope: Scope, Path(id): Path<RedirectUriId>) -> Result<NoContent> {
    scope.write(async |tx| domain::redirect_uris::delete(tx, &id).await).await.map(|()| NoContent)
}
