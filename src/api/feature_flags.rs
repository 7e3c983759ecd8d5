//! Feature flags: reading them, switching them, naming who has them, and what clients poll that evaluate for themselves.
//!
//! They are made by the operator; see `admin/feature_flags`.

use crate::body;
use crate::domain;
use crate::domain::feature_flags::Update;
use crate::domain::feature_flags::targets::{Name, Set};
use crate::http::extract::{Json, Path, Query};
use crate::http::{NoContent, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::{FeatureFlagKind, OrganizationId, UserId};
use crate::kernel::page::{List, Page};
use crate::model::feature_flags::FeatureFlag;
use crate::model::feature_flags::payload::Payload;
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("feature_flags")
        .get("/feature-flags", list)
        .get("/feature-flags/{slug}", find)
        .put("/feature-flags/{slug}/enable", enable)
        .put("/feature-flags/{slug}/disable", disable)
        .post("/feature-flags/{slug}/targets/{resource_id}", add_target)
        .delete("/feature-flags/{slug}/targets/{resource_id}", remove_target)
        .get("/organizations/{organization_id}/feature-flags", list_of_organization)
        .get("/user_management/users/{user_id}/feature-flags", list_of_user)
        .get("/sdk/feature-flags", payload)
}

body! {
    struct ListQuery {;
        page: Page<FeatureFlagKind>
    }
}

impl Check for ListQuery {}

body! {
    struct PayloadQuery {
        payload_version: Option<i64>,
    }
}

impl Check for PayloadQuery {
    fn check(&self, faults: &mut Faults) {
        if let Some(version) = self.payload_version {
            faults.between("payload_version", version, &(1..=2));
        }
    }
}

async fn list(scope: Scope, Query(query): Query<ListQuery>) -> Result<Json<List<FeatureFlag>>> {
    store::feature_flags::list(&mut scope.read().await?, &query.page).await.map(Json)
}

async fn find(scope: Scope, Path(slug): Path<String>) -> Result<Json<FeatureFlag>> {
    store::feature_flags::get(&mut scope.read().await?, &slug).await.map(Json)
}

async fn enable(scope: Scope, Path(slug): Path<String>) -> Result<Json<FeatureFlag>> {
    switch(&scope, &slug, true).await
}

async fn disable(scope: Scope, Path(slug): Path<String>) -> Result<Json<FeatureFlag>> {
    switch(&scope, &slug, false).await
}

async fn switch(scope: &Scope, slug: &str, enabled: bool) -> Result<Json<FeatureFlag>> {
    let input = Update { enabled: Some(enabled), ..Default::default() };
    scope.write(async |tx| domain::feature_flags::update(tx, &scope.actor, slug, input).await).await.map(Json)
}

async fn add_target(scope: Scope, Path((slug, resource_id)): Path<(String, String)>) -> Result<NoContent> {
    let input = Set { id: None, name: Name::of_resource(&resource_id)?, value: true };
    let change = async |tx: &mut _| domain::feature_flags::targets::set(tx, &scope.actor, &slug, input).await;
    scope.write(change).await.map(|_| NoContent)
}

async fn remove_target(scope: Scope, Path((slug, resource_id)): Path<(String, String)>) -> Result<NoContent> {
    let name = Name::of_resource(&resource_id)?;
    let change = async |tx: &mut _| domain::feature_flags::targets::delete(tx, &scope.actor, &slug, &name).await;
    scope.write(change).await.map(|()| NoContent)
}

async fn list_of_organization(
    scope: Scope,
    Path(id): Path<OrganizationId>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<FeatureFlag>>> {
    let mut db = scope.read().await?;
    store::organizations::get(&mut db, &id).await?;
    store::feature_flags::list_of_organization(&mut db, &id, &query.page).await.map(Json)
}

async fn list_of_user(
    scope: Scope,
    Path(id): Path<UserId>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<FeatureFlag>>> {
    let mut db = scope.read().await?;
    store::users::get(&mut db, &id).await?;
    store::feature_flags::list_of_user(&mut db, &id, &query.page).await.map(Json)
}

/// All flags with all that decides about them. Clients poll it, and ask for the older form by asking for none.
async fn payload(scope: Scope, Query(query): Query<PayloadQuery>) -> Result<Json<Payload>> {
    let flags = store::feature_flags::list_definitions(&mut scope.read().await?).await?;
    Ok(Json(if query.payload_version == Some(2) { Payload::second(flags) } else { Payload::first(flags) }))
}
