//! API keys: what an application gives to its customers, and the question whether one is valid.

use schemars::JsonSchema;
use serde::Serialize;

use crate::body;
use crate::domain;
use crate::domain::api_keys::Create;
use crate::http::extract::{Json, Path, Query};
use crate::http::{Created, NoContent, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::kernel::clock::Timestamp;
use crate::kernel::crypto::sha256;
use crate::kernel::id::{ApiKeyId, ApiKeyKind, OrganizationId, UserId};
use crate::kernel::page::{List, Page};
use crate::kernel::patch::Patch;
use crate::kernel::secret::Secret;
use crate::model::api_keys::{ApiKey, Owner};
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("api_keys")
        .get("/organizations/{organization_id}/api_keys", list_of_organization)
        .post("/organizations/{organization_id}/api_keys", create_of_organization)
        .get("/user_management/users/{id}/api_keys", list_of_user)
        .post("/user_management/users/{id}/api_keys", create_of_user)
        .post("/api_keys/validations", validate)
        .post("/api_keys/{id}/expire", expire)
        .delete("/api_keys/{id}", delete)
}

body! {
    struct ListQuery {;
        page: Page<ApiKeyKind>
    }
}

impl Check for ListQuery {}

body! {
    struct ListOfUserQuery {
        organization_id: Option<OrganizationId>;
        page: Page<ApiKeyKind>
    }
}

impl Check for ListOfUserQuery {}

body! {
    struct CreateBody {
        name: String,
        permissions: Option<Vec<String>>,
        expires_at: Option<Timestamp>,
    }
}

impl Check for CreateBody {
    fn check(&self, faults: &mut Faults) {
        check_name(faults, &self.name);
    }
}

body! {
    struct CreateOfUserBody {
        name: String,
        organization_id: OrganizationId,
        permissions: Option<Vec<String>>,
        expires_at: Option<Timestamp>,
    }
}

impl Check for CreateOfUserBody {
    fn check(&self, faults: &mut Faults) {
        check_name(faults, &self.name);
    }
}

fn check_name(faults: &mut Faults, name: &str) {
    faults.not_blank("name", name);
    faults.max("name", name, 255);
}

body! {
    struct ValidateBody {
        value: Secret<String>,
    }
}

impl Check for ValidateBody {}

body! {
    struct ExpireBody {
        expires_at: Patch<Timestamp>,
    }
}

impl Check for ExpireBody {}

/// A new key with its value: the one time that it is shown.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NewApiKey")]
struct New {
    #[serde(flatten)]
    key: ApiKey,
    value: String,
}

/// The key of a value, if it is valid.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ApiKeyValidation")]
struct Validation {
    api_key: Option<ApiKey>,
}

async fn list_of_organization(
    scope: Scope,
    Path(organization): Path<OrganizationId>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<ApiKey>>> {
    let mut db = scope.read().await?;
    store::organizations::get(&mut db, &organization).await?;
    store::api_keys::list_of_organization(&mut db, &organization, &query.page).await.map(Json)
}

async fn create_of_organization(
    scope: Scope,
    Path(id): Path<OrganizationId>,
    Json(body): Json<CreateBody>,
) -> Result<Created<New>> {
    let CreateBody { name, permissions, expires_at } = body;
    create(&scope, Owner::Organization { id }, name, permissions, expires_at).await
}

async fn list_of_user(
    scope: Scope,
    Path(user): Path<UserId>,
    Query(query): Query<ListOfUserQuery>,
) -> Result<Json<List<ApiKey>>> {
    let mut db = scope.read().await?;
    store::users::get(&mut db, &user).await?;
    store::api_keys::list_of_user(&mut db, &user, query.organization_id.as_ref(), &query.page).await.map(Json)
}

async fn create_of_user(
    scope: Scope,
    Path(id): Path<UserId>,
    Json(body): Json<CreateOfUserBody>,
) -> Result<Created<New>> {
    let CreateOfUserBody { name, organization_id, permissions, expires_at } = body;
    create(&scope, Owner::User { id, organization_id }, name, permissions, expires_at).await
}

async fn create(
    scope: &Scope,
    owner: Owner,
    name: String,
    permissions: Option<Vec<String>>,
    expires_at: Option<Timestamp>,
) -> Result<Created<New>> {
    let permissions = permissions.unwrap_or_default();
    let input = Create { id: None, owner, name, permissions, expires_at, value: None };
    let (key, value) = scope.write(async |tx| domain::api_keys::create(tx, input).await).await?;
    Ok(Created(New { key, value: value.expose().clone() }))
}

/// Always 200: that a value is of no key, or of one that is not valid, is an answer and not a failure.
async fn validate(scope: Scope, Json(body): Json<ValidateBody>) -> Result<Json<Validation>> {
    let now = scope.app().database().clock.now();
    let hash = sha256(body.value.expose().as_bytes());
    let found = store::api_keys::find_valid(&mut scope.read().await?, &hash, now).await?;
    let Some(mut key) = found else { return Ok(Json(Validation { api_key: None })) };
    if domain::api_keys::is_use_worth_noting(&key, now) {
        // The answer does not hang on this: a key is valid whether its use could be noted or not.
        let stamp = async |tx: &mut _| domain::api_keys::note_use(tx, &key.id, now).await;
        if let Err(error) = scope.write(stamp).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(api_key = %key.id, error, "the use of API key {} was not noted", key.id);
        }
        key.last_used_at = Some(now);
    }
    Ok(Json(Validation { api_key: Some(key) }))
}

async fn expire(scope: Scope, Path(id): Path<ApiKeyId>, Json(body): Json<ExpireBody>) -> Result<Json<ApiKey>> {
    scope.write(async |tx| domain::api_keys::expire(tx, &id, body.expires_at).await).await.map(Json)
}

async fn delete(scope: Scope, Path(id): Path<ApiKeyId>) -> Result<NoContent> {
    scope.write(async |tx| domain::api_keys::delete(tx, &id).await).await.map(|()| NoContent)
}
