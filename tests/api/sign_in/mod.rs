//! Signing in by password, and choosing an organization.

mod choices;
mod hashing;
mod requests;
mod tokens;

use serde_json::Value;
use vestibule::domain::access_tokens::Issuer;
use vestibule::http::Scope;
use vestibule::protocol::jwt::SigningKey;

use crate::harness::Test;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The hash of a user's password, as it is stored.
async fn stored_hash(t: &Test, user: &Value) -> Option<String> {
    sqlx::query_scalar("select hash from user_passwords where user_id = $1")
        .bind(user["id"].as_str())
        .fetch_optional(t.app.database().pool())
        .await
        .unwrap()
}

/// Who makes the tokens of an environment.
fn issuer<'i>(scope: &'i Scope, key: &'i SigningKey) -> Issuer<'i> {
    let (environment, keyring) = (&scope.environment, scope.app().keyring());
    let (client_id, settings) = (&environment.client_id, &environment.settings);
    Issuer { url: scope.issuer(), client_id, settings, key, keyring }
}
