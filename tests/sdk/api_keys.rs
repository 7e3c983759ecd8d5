//! API keys.

use serde_json::json;
use workos::api_keys::{
    CreateApiKeyExpireParams, CreateOrganizationApiKeyParams, CreateValidationParams, ListOrganizationApiKeysParams,
};
use workos::models::{ApiKey, ApiKeyOwnerOneOf};
use workos::user_management::{CreateUserApiKeyParams, ListUserApiKeysParams};

use crate::sdk::{Sdk, body, story};

async fn validate(sdk: &Sdk, value: &str) -> Option<ApiKey> {
    let params = CreateValidationParams::new(body(json!({ "value": value })));
    sdk.ok(sdk.client.api_keys().create_validation(params).await).api_key
}

#[test]
fn a_key_of_an_organization_is_made_validated_expired_and_deleted() {
    story(async |t, sdk| {
        t.post("/authorization/permissions", json!({ "slug": "read", "name": "Read" })).await.created();
        let organization = t.organization("Acme").await["id"].as_str().unwrap().to_owned();
        let api = sdk.client.api_keys();
        let new = CreateOrganizationApiKeyParams::new(body(json!({ "name": "CI", "permissions": ["read"] })));
        let made = sdk.ok(api.create_organization_api_key(&organization, new).await);
        assert_eq!((made.object.as_str(), made.owner.type_.as_str()), ("api_key", "organization"));
        let found = validate(sdk, made.value.expose()).await.unwrap();
        assert!(matches!(&found.owner, ApiKeyOwnerOneOf::ApiKeyOwner(owner) if owner.id == organization));
        assert_eq!((found.id.as_str(), found.permissions), (made.id.as_str(), vec!["read".to_owned()]));
        let list = api.list_organization_api_keys(&organization, ListOrganizationApiKeysParams::default()).await;
        let list = sdk.ok(list);
        assert_eq!((list.data.len(), &list.data[0].last_used_at), (1, &found.last_used_at));

        let later = CreateApiKeyExpireParams::new(body(json!({ "expires_at": "2999-01-01T00:00:00.000Z" })));
        let planned = sdk.ok(api.create_api_key_expire(&made.id, later).await);
        assert_eq!(planned.expires_at.as_deref(), Some("2999-01-01T00:00:00.000Z"));
        let now = || CreateApiKeyExpireParams::new(body(json!({})));
        sdk.ok(api.create_api_key_expire(&made.id, now()).await);
        assert!(validate(sdk, made.value.expose()).await.is_none());
        sdk.fails(api.create_api_key_expire(&made.id, now()).await, 409, "api_key_already_expired");
        sdk.ok(api.delete_api_key(&made.id).await);
        sdk.missing(api.delete_api_key(&made.id).await);
    });
}

#[test]
fn a_key_of_a_user_is_made_and_listed() {
    story(async |t, sdk| {
        let organization = t.organization("Acme").await["id"].as_str().unwrap().to_owned();
        let user = t.user("ann@example.com").await["id"].as_str().unwrap().to_owned();
        let api = sdk.client.user_management();
        let new =
            || CreateUserApiKeyParams::new(body(json!({ "name": "Laptop", "organization_id": organization.as_str() })));
        sdk.fails(api.create_user_api_key(&user, new()).await, 400, "invalid_request_parameters");
        let pair = json!({ "user_id": user, "organization_id": organization });
        t.post("/user_management/organization_memberships", pair).await.created();
        let made = sdk.ok(api.create_user_api_key(&user, new()).await);
        assert_eq!((made.owner.type_.as_str(), &made.owner.organization_id), ("user", &organization));
        let list = sdk.ok(api.list_user_api_keys(&user, ListUserApiKeysParams::default()).await);
        assert_eq!((list.data.len(), &list.data[0].owner.id), (1, &user));
        let found = validate(sdk, made.value.expose()).await.unwrap();
        assert!(matches!(found.owner, ApiKeyOwnerOneOf::UserApiKeyOwner(owner) if owner.id == user));
        let past = json!({ "name": "K", "expires_at": "2020-01-01T00:00:00.000Z" });
        let past = CreateOrganizationApiKeyParams::new(body(past));
        let past = sdk.client.api_keys().create_organization_api_key(&organization, past).await;
        sdk.fails(past, 422, "invalid_request_parameters");
    });
}
