//! What verifiers of access tokens need: the keys, and the document that says where they are.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sqlx::types::Json as Column;

use crate::http::extract::{Json, Path};
use crate::http::routes::Access;
use crate::http::{App, Routes, client};
use crate::kernel::Result;
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("jwks")
        .access(Access::Public)
        .get("/sso/jwks/{client_id}", list)
        .get("/user_management/{client_id}/.well-known/openid-configuration", discover)
}

#[derive(Debug, Serialize, JsonSchema)]
struct KeySet {
    #[schemars(with = "Vec<Map<String, Value>>")]
    keys: Vec<Column<Box<RawValue>>>,
}

/// All keys of the environment. An environment that has none yet gets its first one here: verifiers keep what they
/// have read, and an empty set would make them refuse the tokens of the minutes to come.
async fn list(State(app): State<App>, Path(client_id): Path<String>) -> Result<Json<KeySet>> {
    let scope = client::named(&app, &client_id).await?;
    scope.signing_key().await?;
    let keys = store::signing_keys::list_public(&mut scope.read().await?).await?;
    Ok(Json(KeySet { keys }))
}

/// Metadata of the issuer (OpenID Connect Discovery 1.0, RFC 8414): what exists, and nothing that does not.
#[derive(Debug, Serialize, JsonSchema)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
    token_endpoint: String,
    token_endpoint_auth_methods_supported: [&'static str; 2],
    grant_types_supported: [&'static str; 3],
    /// Required by both documents. No response types without an authorization endpoint.
    response_types_supported: [&'static str; 0],
    subject_types_supported: [&'static str; 1],
    id_token_signing_alg_values_supported: [&'static str; 1],
}

async fn discover(State(app): State<App>, Path(client_id): Path<String>) -> Result<Json<Discovery>> {
    let scope = client::named(&app, &client_id).await?;
    let url = app.public_url();
    Ok(Json(Discovery {
        issuer: scope.issuer(),
        jwks_uri: format!("{url}/sso/jwks/{client_id}"),
        token_endpoint: format!("{url}/user_management/authenticate"),
        token_endpoint_auth_methods_supported: ["client_secret_post", "none"],
        grant_types_supported: super::authentication::GRANT_TYPES,
        response_types_supported: [],
        subject_types_supported: ["public"],
        id_token_signing_alg_values_supported: ["RS256"],
    }))
}
