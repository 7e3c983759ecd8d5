//! CORS origins. The API only adds them; the operator takes them away.

use crate::body;
use crate::domain;
use crate::http::extract::{Json, Query};
use crate::http::{Created, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::Check;
use crate::kernel::id::CorsOriginKind;
use crate::kernel::page::{List, Page};
use crate::model::cors_origins::CorsOrigin;
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("cors_origins")
        .get("/user_management/cors_origins", list)
        .post("/user_management/cors_origins", create)
}

body! {
    struct ListQuery {
        ; page: Page<CorsOriginKind>
    }
}

impl Check for ListQuery {}

body! {
    struct CreateBody {
        origin: String,
    }
}

impl Check for CreateBody {}

async fn list(scope: Scope, Query(query): Query<ListQuery>) -> Result<Json<List<CorsOrigin>>> {
    store::cors_origins::list(&mut scope.read().await?, &query.page).await.map(Json)
}

async fn create(scope: Scope, Json(body): Json<CreateBody>) -> Result<Created<CorsOrigin>> {
    let input = domain::cors_origins::Create { id: None, origin: body.origin, plain: scope.app().plain_http() };
    scope.write(async |tx| domain::cors_origins::create(tx, input).await).await.map(Created)
}
