//! What applications are configured with: redirect URIs, CORS origins, the token's template, OAuth resources.

use serde_json::json;
use workos::user_management::{
    CreateAuthkitOAuthResourceParams, CreateCorsOriginParams, CreateRedirectUriParams, ListAuthkitOAuthResourcesParams,
    ListCorsOriginsParams, ListRedirectUrisParams, UpdateJWTTemplateParams,
};

use crate::sdk::{body, story};

#[test]
fn redirect_uris_are_made_listed_and_deleted() {
    story(async |_, sdk| {
        let api = sdk.client.user_management();
        let mut made = Vec::new();
        for n in 1..=3 {
            let fields = json!({ "uri": format!("https://app.example.com/{n}") });
            made.push(sdk.ok(api.create_redirect_uri(CreateRedirectUriParams::new(body(fields))).await));
        }
        assert_eq!((made[0].object.as_str(), made[0].default, made[1].default), ("redirect_uri", true, false));
        let page = sdk.ok(api.list_redirect_uris(ListRedirectUrisParams::default()).await);
        assert_eq!(page.data.len(), 3);
        sdk.ok(api.delete_redirect_uris(&made[1].id).await);
        sdk.missing(api.delete_redirect_uris(&made[1].id).await);
        sdk.fails(api.delete_redirect_uris(&made[0].id).await, 409, "default_redirect_uri");
        let again = CreateRedirectUriParams::new(body(json!({ "uri": made[0].uri })));
        sdk.fails(api.create_redirect_uri(again).await, 422, "redirect_uri_already_exists");
    });
}

#[test]
fn cors_origins_are_made_and_listed() {
    story(async |_, sdk| {
        let api = sdk.client.user_management();
        let params = || CreateCorsOriginParams::new(body(json!({ "origin": "https://app.example.com" })));
        let made = sdk.ok(api.create_cors_origin(params()).await);
        assert_eq!((made.object.as_str(), made.origin.as_str()), ("cors_origin", "https://app.example.com"));
        sdk.fails(api.create_cors_origin(params()).await, 409, "duplicate_cors_origin");
        let page = sdk.ok(api.list_cors_origins(ListCorsOriginsParams::default()).await);
        assert_eq!(page.data[0].id, made.id);
        let wrong = CreateCorsOriginParams::new(body(json!({ "origin": "nowhere" })));
        sdk.fails(api.create_cors_origin(wrong).await, 422, "invalid_request_parameters");
    });
}

#[test]
fn the_template_of_tokens_is_set_and_read() {
    story(async |_, sdk| {
        let api = sdk.client.user_management();
        sdk.missing(api.list_jwt_template().await);
        let fields = json!({ "content": "{ \"tier\": {{ user.metadata.tier || 'free' }} }" });
        let set = sdk.ok(api.update_jwt_template(UpdateJWTTemplateParams::new(body(fields))).await);
        let found = sdk.ok(api.list_jwt_template().await);
        assert_eq!((found.object.as_str(), found.content), ("jwt_template", set.content));
        let wrong = UpdateJWTTemplateParams::new(body(json!({ "content": "{}" })));
        sdk.fails(api.update_jwt_template(wrong).await, 422, "invalid_request_parameters");
    });
}

#[test]
fn oauth_resources_are_made_listed_and_deleted() {
    story(async |_, sdk| {
        let api = sdk.client.user_management();
        let fields = json!({ "uri": "https://mcp.example.com", "default": true });
        let params = CreateAuthkitOAuthResourceParams::new(body(fields));
        let made = sdk.ok(api.create_authkit_oauth_resource(params).await);
        assert_eq!((made.object.as_str(), made.default), ("authkit_oauth_resource", true));
        let page = sdk.ok(api.list_authkit_oauth_resources(ListAuthkitOAuthResourcesParams::default()).await);
        assert_eq!(page.data[0].id, made.id);
        sdk.ok(api.delete_authkit_oauth_resource(&made.id).await);
        sdk.missing(api.delete_authkit_oauth_resource(&made.id).await);
    });
}
