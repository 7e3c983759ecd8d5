//! Roles, of the environment and of organizations.

use crate::body;
use crate::domain;
use crate::domain::roles::{Create, Update};
use crate::http::extract::{Json, Path};
use crate::http::{Created, NoContent, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::OrganizationId;
use crate::kernel::page::BareList;
use crate::kernel::patch::Patch;
use crate::model::roles::Role;
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("roles")
        .get("/authorization/roles", list)
        .post("/authorization/roles", create)
        .get("/authorization/roles/{slug}", find)
        .patch("/authorization/roles/{slug}", update)
        .put("/authorization/roles/{slug}/permissions", set_permissions)
        .post("/authorization/roles/{slug}/permissions", add_permission)
        .get("/authorization/organizations/{organization_id}/roles", list_of_organization)
        .post("/authorization/organizations/{organization_id}/roles", create_of_organization)
        .get("/authorization/organizations/{organization_id}/roles/{slug}", find_of_organization)
        .patch("/authorization/organizations/{organization_id}/roles/{slug}", update_of_organization)
        .delete("/authorization/organizations/{organization_id}/roles/{slug}", delete_of_organization)
        .put("/authorization/organizations/{organization_id}/roles/{slug}/permissions", set_permissions_of_organization)
        .post("/authorization/organizations/{organization_id}/roles/{slug}/permissions", add_permission_of_organization)
        .delete(
            "/authorization/organizations/{organization_id}/roles/{slug}/permissions/{permission}",
            remove_permission_of_organization,
        )
        .get("/organizations/{organization_id}/roles", list_of_organization)
}

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
        check_new(faults, Some(&self.slug), &self.name, self.description.as_deref());
    }
}

body! {
    struct CreateOfOrganizationBody {
        slug: Option<String>,
        name: String,
        description: Option<String>,
        resource_type_slug: Option<String>,
    }
}

impl Check for CreateOfOrganizationBody {
    fn check(&self, faults: &mut Faults) {
        check_new(faults, self.slug.as_deref(), &self.name, self.description.as_deref());
    }
}

fn check_new(faults: &mut Faults, slug: Option<&str>, name: &str, description: Option<&str>) {
    if let Some(slug) = slug {
        faults.slug("slug", slug, "-_");
    }
    faults.described(Some(name), description);
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

body! {
    struct PermissionsBody {
        permissions: Vec<String>,
    }
}

impl Check for PermissionsBody {}

body! {
    struct PermissionBody {
        slug: String,
    }
}

impl Check for PermissionBody {}

async fn list(scope: Scope) -> Result<Json<BareList<Role>>> {
    store::roles::list(&mut scope.read().await?).await.map(BareList::new).map(Json)
}

async fn create(scope: Scope, Json(body): Json<CreateBody>) -> Result<Created<Role>> {
    let CreateBody { slug, name, description, resource_type_slug } = body;
    let input = Create { id: None, slug: Some(slug), name, description, resource_type_slug };
    scope.write(async |tx| domain::roles::create(tx, input).await).await.map(Created)
}

async fn find(scope: Scope, Path(slug): Path<String>) -> Result<Json<Role>> {
    store::roles::get(&mut scope.read().await?, &slug).await.map(Json)
}

async fn update(scope: Scope, Path(slug): Path<String>, Json(body): Json<UpdateBody>) -> Result<Json<Role>> {
    let UpdateBody { name, description } = body;
    let input = Update { name, description };
    scope.write(async |tx| domain::roles::update(tx, None, &slug, input).await).await.map(Json)
}

async fn set_permissions(
    scope: Scope,
    Path(slug): Path<String>,
    Json(body): Json<PermissionsBody>,
) -> Result<Json<Role>> {
    let slugs = &body.permissions;
    scope.write(async |tx| domain::roles::permissions::set(tx, None, &slug, slugs).await).await.map(Json)
}

async fn add_permission(
    scope: Scope,
    Path(slug): Path<String>,
    Json(body): Json<PermissionBody>,
) -> Result<Json<Role>> {
    scope.write(async |tx| domain::roles::permissions::add(tx, None, &slug, &body.slug).await).await.map(Json)
}

async fn list_of_organization(scope: Scope, Path(organization): Path<OrganizationId>) -> Result<Json<BareList<Role>>> {
    let mut db = scope.read().await?;
    store::roles::list_of_organization(&mut db, &organization).await.map(BareList::new).map(Json)
}

async fn create_of_organization(
    scope: Scope,
    Path(organization): Path<OrganizationId>,
    Json(body): Json<CreateOfOrganizationBody>,
) -> Result<Created<Role>> {
    let CreateOfOrganizationBody { slug, name, description, resource_type_slug } = body;
    let input = Create { id: None, slug, name, description, resource_type_slug };
    let create = async |tx: &mut _| domain::roles::create_of_organization(tx, &organization, input).await;
    scope.write(create).await.map(Created)
}

async fn find_of_organization(
    scope: Scope,
    Path((organization, slug)): Path<(OrganizationId, String)>,
) -> Result<Json<Role>> {
    store::roles::get_of_organization(&mut scope.read().await?, &organization, &slug).await.map(Json)
}

async fn update_of_organization(
    scope: Scope,
    Path((organization, slug)): Path<(OrganizationId, String)>,
    Json(body): Json<UpdateBody>,
) -> Result<Json<Role>> {
    let UpdateBody { name, description } = body;
    let input = Update { name, description };
    scope.write(async |tx| domain::roles::update(tx, Some(&organization), &slug, input).await).await.map(Json)
}

async fn delete_of_organization(
    scope: Scope,
    Path((organization, slug)): Path<(OrganizationId, String)>,
) -> Result<NoContent> {
    let delete = async |tx: &mut _| domain::roles::delete_of_organization(tx, &organization, &slug).await;
    scope.write(delete).await.map(|()| NoContent)
}

async fn set_permissions_of_organization(
    scope: Scope,
    Path((organization, slug)): Path<(OrganizationId, String)>,
    Json(body): Json<PermissionsBody>,
) -> Result<Json<Role>> {
    let (owner, slugs) = (Some(&organization), &body.permissions);
    scope.write(async |tx| domain::roles::permissions::set(tx, owner, &slug, slugs).await).await.map(Json)
}

async fn add_permission_of_organization(
    scope: Scope,
    Path((organization, slug)): Path<(OrganizationId, String)>,
    Json(body): Json<PermissionBody>,
) -> Result<Json<Role>> {
    let owner = Some(&organization);
    scope.write(async |tx| domain::roles::permissions::add(tx, owner, &slug, &body.slug).await).await.map(Json)
}

async fn remove_permission_of_organization(
    scope: Scope,
    Path((organization, slug, permission)): Path<(OrganizationId, String, String)>,
) -> Result<Json<Role>> {
    let owner = Some(&organization);
    scope.write(async |tx| domain::roles::permissions::remove(tx, owner, &slug, &permission).await).await.map(Json)
}
