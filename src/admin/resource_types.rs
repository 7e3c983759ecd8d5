//! Types of resources: made, changed and deleted. The API has none of it.

use crate::body;
use crate::domain;
use crate::domain::resource_types::{Create, Update};
use crate::http::extract::{Json, Path};
use crate::http::{Created, NoContent, Operator, Routes};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::EnvironmentId;
use crate::kernel::page::BareList;
use crate::kernel::patch::Patch;
use crate::model::resource_types::ResourceType;
use crate::store;

/// The routes of resource types.
pub fn routes() -> Routes {
    super::family()
        .get("/admin/v1/environments/{id}/resource_types", list)
        .post("/admin/v1/environments/{id}/resource_types", create)
        .get("/admin/v1/environments/{id}/resource_types/{slug}", find)
        .patch("/admin/v1/environments/{id}/resource_types/{slug}", update)
        .delete("/admin/v1/environments/{id}/resource_types/{slug}", delete)
}

body! {
    struct CreateBody {
        slug: String,
        name: String,
        description: Option<String>,
        parents: Option<Vec<String>>,
    }
}

impl Check for CreateBody {
    fn check(&self, faults: &mut Faults) {
        faults.slug("slug", &self.slug, "-_");
        faults.described(Some(&self.name), self.description.as_deref());
    }
}

body! {
    struct UpdateBody {
        name: Option<String>,
        description: Patch<String>,
        parents: Option<Vec<String>>,
    }
}

impl Check for UpdateBody {
    fn check(&self, faults: &mut Faults) {
        faults.described(self.name.as_deref(), self.description.as_value().map(String::as_str));
    }
}

/// All of them: they are few.
async fn list(operator: Operator, Path(id): Path<EnvironmentId>) -> Result<Json<BareList<ResourceType>>> {
    let scope = super::scope(&operator, &id).await?;
    store::resource_types::list(&mut scope.read().await?).await.map(|types| Json(BareList::new(types)))
}

async fn create(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Json(body): Json<CreateBody>,
) -> Result<Created<ResourceType>> {
    let scope = super::scope(&operator, &id).await?;
    let CreateBody { slug, name, description, parents } = body;
    let input = Create { slug, name, description, parents };
    scope.write(async |tx| domain::resource_types::create(tx, input).await).await.map(Created)
}

async fn find(operator: Operator, Path((id, slug)): Path<(EnvironmentId, String)>) -> Result<Json<ResourceType>> {
    let scope = super::scope(&operator, &id).await?;
    store::resource_types::get(&mut scope.read().await?, &slug).await.map(Json)
}

async fn update(
    operator: Operator,
    Path((id, slug)): Path<(EnvironmentId, String)>,
    Json(body): Json<UpdateBody>,
) -> Result<Json<ResourceType>> {
    let scope = super::scope(&operator, &id).await?;
    let UpdateBody { name, description, parents } = body;
    let input = Update { name, description, parents };
    scope.write(async |tx| domain::resource_types::update(tx, &slug, input).await).await.map(Json)
}

async fn delete(operator: Operator, Path((id, slug)): Path<(EnvironmentId, String)>) -> Result<NoContent> {
    let scope = super::scope(&operator, &id).await?;
    while scope.write(async |tx| domain::resource_types::delete(tx, &slug).await).await?.is_continue() {}
    Ok(NoContent)
}
