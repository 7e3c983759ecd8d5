//! Users.

use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use workos::enums::PaginationOrder;
use workos::models::{User, UserCreateResponse};
use workos::user_management::{CreateUserParams, ListUsersParams, UpdateUserParams};

use crate::sdk::{Sdk, body, story};

async fn create(sdk: &Sdk, fields: Value) -> UserCreateResponse {
    sdk.ok(sdk.client.user_management().create_user(CreateUserParams::new(body(fields))).await)
}

fn emails(users: &[User]) -> Vec<&str> {
    users.iter().map(|user| user.email.as_str()).collect()
}

#[test]
fn a_user_is_made_found_changed_and_deleted() {
    story(async |_, sdk| {
        let fields = json!({
            "email": "ann@example.com", "first_name": "Ann", "last_name": "Lee", "email_verified": true,
            "external_id": "crm/7", "metadata": { "tier": "gold" }, "password": "correct horse battery staple",
        });
        let made = create(sdk, fields).await;
        assert_eq!((made.object.as_str(), made.email.as_str(), made.email_verified), ("user", "ann@example.com", true));
        assert_eq!((made.first_name.as_deref(), made.last_name.as_deref()), (Some("Ann"), Some("Lee")));
        assert_eq!((made.last_sign_in_at, made.radar_auth_attempt_id), (None, None));

        let api = sdk.client.user_management();
        let found = sdk.ok(api.get_user(&made.id).await);
        assert_eq!((&found.created_at, &found.metadata.unwrap()["tier"]), (&made.created_at, &"gold".to_owned()));
        assert_eq!(sdk.ok(api.get_user_by_external_id("crm/7").await).id, made.id);

        let fields = json!({ "name": "Ann B. Lee", "locale": "en-GB", "password": "another horse of mine" });
        let changed = sdk.ok(api.update_user(&made.id, UpdateUserParams::new(body(fields))).await);
        assert_eq!((changed.name.as_deref(), changed.locale.as_deref()), (Some("Ann B. Lee"), Some("en-GB")));
        assert_eq!(changed.first_name.as_deref(), Some("Ann"));
        assert!(sdk.ok(api.get_user_identities(&made.id).await).is_empty());

        sdk.ok(api.delete_user(&made.id).await);
        sdk.missing(api.get_user(&made.id).await);
        sdk.missing(api.get_user_identities(&made.id).await);
        sdk.missing(api.delete_user(&made.id).await);
    });
}

#[test]
fn users_are_listed_and_found_by_address() {
    story(async |_, sdk| {
        for email in ["a@example.com", "b@example.com", "c@example.com"] {
            create(sdk, json!({ "email": email })).await;
        }
        let api = sdk.client.user_management();
        let two = ListUsersParams { limit: Some(2), order: Some(PaginationOrder::Asc), ..Default::default() };
        let page = sdk.ok(api.list_users(two.clone()).await);
        assert_eq!((page.object.as_str(), emails(&page.data)), ("list", vec!["a@example.com", "b@example.com"]));
        assert_eq!(page.list_metadata.after.as_deref(), Some(page.data[1].id.as_str()));
        let all: Vec<_> = api.list_users_auto_paging(two).try_collect().await.unwrap();
        assert_eq!(emails(&all), ["a@example.com", "b@example.com", "c@example.com"]);
        let by_address = ListUsersParams { email: Some("B@example.com".to_owned()), ..Default::default() };
        assert_eq!(emails(&sdk.ok(api.list_users(by_address).await).data), ["b@example.com"]);
    });
}

#[test]
fn refusals_have_their_codes() {
    story(async |t, sdk| {
        let made = create(sdk, json!({ "email": "ann@example.com" })).await;
        let api = sdk.client.user_management();
        let refused = async |fields: Value, status, code| {
            let answer = api.create_user(CreateUserParams::new(body(fields))).await;
            sdk.fails(answer, status, code)
        };
        let twin = refused(json!({ "email": "ANN@example.com" }), 400, "user_creation_error").await;
        let told: Value = serde_json::from_slice(&twin.raw_body).unwrap();
        assert_eq!(told["errors"][0]["code"], "email_not_available");
        refused(json!({ "email": "nobody" }), 422, "invalid_request_parameters").await;
        refused(json!({ "email": "b@example.com", "password": "12345678" }), 400, "password_strength_error").await;
        let hashed = json!({ "email": "b@example.com", "password_hash": "x", "password_hash_type": "bcrypt" });
        refused(hashed, 400, "invalid_password_hash").await;

        let locale = UpdateUserParams::new(body(json!({ "locale": "tlh" })));
        sdk.fails(api.update_user(&made.id, locale).await, 400, "invalid_locale");
        let stranger = Sdk::of(&t.neighbour().await);
        stranger.missing(stranger.client.user_management().get_user(&made.id).await);
    });
}
