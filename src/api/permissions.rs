//! Permissions.

use crate::body;
use crate::domain;
use crate::http::extract::{Json, Path, Query};
use crate::http::{Created, NoContent, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::PermissionKind;
use crate::kernel::page::{List, Page};
use crate::kernel::patch::Patch;
use crate::model::permissions::Permission;
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("permissions")
        .get("/authorization/permissions", list)
        .post("/authorization/permissions", create)
        .get("/authorization/permissions/{slug}", find)
        .patch("/authorization/permissions/{slug}", update)
        .delete("/authorization/permissions/{slug}", delete)
}

body! {
    struct ListQuery {;
        page: Page<PermissionKind>
    }
}

impl Check for ListQuery {}

body! {
    struct CreateBody {
        slug: String,
        name: String,
        description: Option<String>,
        resource_type_slug: Option<String>,
    }
}

impl Check for CreateBody {
    fn check(&self, faults: &mut Faults) {
        faults.slug("slug", &self.slug, "-_:.*");
        faults.described(Some(&self.name), self.description.as_deref());
    }
}

body! {
    struct UpdateBody {
        name: Option<String>,
        description: Patch<String>,
    }
}

impl Check for UpdateBody {
    fn check(&self, faults: &mut Faults) {
        faults.described(self.name.as_deref(), self.description.as_value().map(String::as_str));
    }
}

async fn list(scope: Scope, Query(query): Query<ListQuery>) -> Result<Json<List<Permission>>> {
    store::permissions::list(&mut scope.read().await?, &query.page).await.map(Json)
}

async fn create(scope: Scope, Json(body): Json<CreateBody>) -> Result<Created<Permission>> {
    let CreateBody { slug, name, description, resource_type_slug } = body;
    let input = domain::permissions::Create { id: None, slug, name, description, resource_type_slug };
    scope.write(async |tx| domain::permissions::create(tx, input).await).await.map(Created)
}

async fn find(scope: Scope, Path(slug): Path<String>) -> Result<Json<Permission>> {
    store::permissions::get(&mut scope.read().await?, &slug).await.map(Json)
}

async fn update(scope: Scope, Path(slug): Path<String>, Json(body): Json<UpdateBody>) -> Result<Json<Permission>> {
    let UpdateBody { name, description } = body;
    let input = domain::permissions::Update { name, description };
    scope.write(async |tx| domain::permissions::update(tx, &slug, input).await).await.map(Json)
}

async fn delete(scope: Scope, Path(slug): Path<String>) -> Result<NoContent> {
    scope.write(async |tx| domain::permissions::delete(tx, &slug).await).await.map(|()| NoContent)
}
