//! Resources, by their ids and by what the application calls them.

use crate::body;
use crate::domain;
use crate::domain::resources::{Create, Update};
use crate::http::extract::{Json, Path, Query};
use crate::http::{Created, NoContent, Routes, Scope};
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::{OrganizationId, ResourceId, ResourceKind};
use crate::kernel::page::{List, Page};
use crate::kernel::patch::Patch;
use crate::kernel::{Error, Result};
use crate::model::resources::{ParentFilter, ParentTarget, Resource, ResourceAddress, ResourceTarget};
use crate::store;

const ONE: &str = "/authorization/resources/{resource_id}";
const NAMED: &str = "/authorization/organizations/{organization_id}/resources/{resource_type_slug}/{external_id}";

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("resources")
        .get("/authorization/resources", list)
        .post("/authorization/resources", create)
        .get(ONE, find)
        .patch(ONE, update)
        .delete(ONE, delete)
        .get(NAMED, find_named)
        .patch(NAMED, update_named)
        .delete(NAMED, delete_named)
}

body! {
    struct ListQuery {
        organization_id: Option<OrganizationId>,
        resource_type_slug: Option<String>,
        resource_external_id: Option<String>,
        search: Option<String>;
        place: (Page<ResourceKind>, ParentFilter)
    }
}

impl Check for ListQuery {}

body! {
    struct CreateBody {
        external_id: String,
        name: String,
        description: Option<String>,
        resource_type_slug: String,
        organization_id: OrganizationId;
        parent: ParentTarget
    }
}

impl Check for CreateBody {
    fn check(&self, faults: &mut Faults) {
        faults.external_id("external_id", &self.external_id);
        faults.described(Some(&self.name), self.description.as_deref());
    }
}

body! {
    struct UpdateBody {
        name: Option<String>,
        description: Patch<String>;
        parent: ParentTarget
    }
}

impl Check for UpdateBody {
    fn check(&self, faults: &mut Faults) {
        faults.described(self.name.as_deref(), self.description.as_value().map(String::as_str));
    }
}

impl From<UpdateBody> for Update {
    fn from(UpdateBody { name, description, parent }: UpdateBody) -> Self {
        Self { name, description, parent: parent.0 }
    }
}

body! {
    struct DeleteQuery {
        cascade_delete: Option<bool>,
    }
}

impl Check for DeleteQuery {}

async fn list(scope: Scope, Query(query): Query<ListQuery>) -> Result<Json<List<Resource>>> {
    let ListQuery { organization_id: organization, resource_type_slug, resource_external_id, search, place } = query;
    let (page, ParentFilter(parent)) = place;
    let is_named = resource_external_id.is_some() || matches!(parent, Some(ResourceTarget::External { .. }));
    if is_named && organization.is_none() && resource_type_slug.is_none() {
        let message = "An external id is looked for with an organization_id or a resource_type_slug.";
        return Err(Error::refused("missing_organization_id_or_resource_type_slug", message));
    }
    let mut db = scope.read().await?;
    let parents = match &parent {
        Some(parent) => Some(store::resources::list_keys(&mut db, organization.as_ref(), parent).await?),
        None => None,
    };
    let filter = store::resources::Filter {
        resource_type_slug,
        organization,
        external_id: resource_external_id,
        search,
        parents,
    };
    store::resources::list(&mut db, &filter, &page).await.map(Json)
}

async fn create(scope: Scope, Json(body): Json<CreateBody>) -> Result<Created<Resource>> {
    let CreateBody { external_id, name, description, resource_type_slug, organization_id, parent } = body;
    let parent = parent.0;
    let input = Create { id: None, organization_id, resource_type_slug, external_id, name, description, parent };
    scope.write(async |tx| domain::resources::create(tx, input).await).await.map(Created)
}

async fn find(scope: Scope, Path(id): Path<ResourceId>) -> Result<Json<Resource>> {
    store::resources::get(&mut scope.read().await?, &id).await.map(Json)
}

async fn update(scope: Scope, Path(id): Path<ResourceId>, Json(body): Json<UpdateBody>) -> Result<Json<Resource>> {
    let address = ResourceAddress::Id(id);
    scope.write(async |tx| domain::resources::update(tx, &address, body.into()).await).await.map(Json)
}

async fn delete(scope: Scope, Path(id): Path<ResourceId>, Query(query): Query<DeleteQuery>) -> Result<NoContent> {
    remove(&scope, &ResourceAddress::Id(id), query).await
}

/// Deletes in as many transactions as it takes.
async fn remove(scope: &Scope, address: &ResourceAddress, query: DeleteQuery) -> Result<NoContent> {
    let cascade = query.cascade_delete.unwrap_or(false);
    while scope.write(async |tx| domain::resources::delete(tx, address, cascade).await).await?.is_continue() {}
    Ok(NoContent)
}

/// The organization, the type and the external id of a path.
type Named = (OrganizationId, String, String);

fn named((organization_id, resource_type_slug, external_id): Named) -> ResourceAddress {
    ResourceAddress::External { organization_id, resource_type_slug, external_id }
}

async fn find_named(
    scope: Scope,
    Path((organization, resource_type_slug, external_id)): Path<Named>,
) -> Result<Json<Resource>> {
    let mut db = scope.read().await?;
    let found = store::resources::get_by_external_id(&mut db, &organization, &resource_type_slug, &external_id);
    found.await.map(Json)
}

async fn update_named(scope: Scope, Path(path): Path<Named>, Json(body): Json<UpdateBody>) -> Result<Json<Resource>> {
    let address = named(path);
    scope.write(async |tx| domain::resources::update(tx, &address, body.into()).await).await.map(Json)
}

async fn delete_named(scope: Scope, Path(path): Path<Named>, Query(query): Query<DeleteQuery>) -> Result<NoContent> {
    remove(&scope, &named(path), query).await
}
