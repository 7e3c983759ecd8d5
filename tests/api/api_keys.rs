//! API keys of organizations and users.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Test, story};

const VALIDATIONS: &str = "/api_keys/validations";

fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap()
}

/// Where the keys of an organization are.
fn of_organization(organization: &Value) -> String {
    format!("/organizations/{}/api_keys", id(organization))
}

/// Where the keys of a user are.
fn of_user(user: &Value) -> String {
    format!("/user_management/users/{}/api_keys", id(user))
}

fn expire(key: &Value) -> String {
    format!("/api_keys/{}/expire", id(key))
}

async fn key(t: &Test, organization: &Value, fields: Value) -> Value {
    t.post(of_organization(organization), fields).await.created()
}

/// A user and their membership in the organization.
async fn member(t: &Test, organization: &Value, name: &str) -> (Value, Value) {
    let user = t.user(&format!("{name}@example.com")).await;
    let pair = json!({ "user_id": user["id"], "organization_id": organization["id"] });
    let membership = t.post("/user_management/organization_memberships", pair).await.created();
    (user, membership)
}

async fn user_key(t: &Test, user: &Value, organization: &Value) -> Value {
    t.post(of_user(user), json!({ "name": "Key", "organization_id": organization["id"] })).await.created()
}

async fn permission(t: &Test, slug: &str) {
    t.post("/authorization/permissions", json!({ "slug": slug, "name": slug })).await.created();
}

/// The key of this value, as a validation shows it; null if there is no valid one.
async fn validate(t: &Test, value: &Value) -> Value {
    let mut answer = t.post(VALIDATIONS, json!({ "value": value })).await.ok();
    assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
    answer["api_key"].take()
}

/// The key as it is shown after it was made: without its value.
fn shown(made: &Value) -> Value {
    let mut shown = made.clone();
    shown.as_object_mut().unwrap().remove("value");
    shown
}

#[test]
fn a_key_of_an_organization_is_made_listed_and_deleted() {
    story(async |t| {
        permission(&t, "read").await;
        permission(&t, "write").await;
        let organization = t.organization("Acme").await;
        let fields = json!({ "name": " CI ", "permissions": ["write", "read", "write"] });
        let made = key(&t, &organization, fields).await;
        let value = made["value"].as_str().unwrap();
        assert!(id(&made).starts_with("api_key_"));
        assert!(value.starts_with("sk_") && value.len() == 46, "{} characters", value.len());
        let expected = json!({
            "object": "api_key", "id": made["id"], "owner": { "type": "organization", "id": organization["id"] },
            "name": "CI", "obfuscated_value": format!("sk_...{}", &value[42..]), "last_used_at": null,
            "expires_at": null, "permissions": ["read", "write"], "created_at": made["created_at"],
            "updated_at": made["created_at"],
        });
        assert_eq!(shown(&made), expected);
        assert_eq!(t.pages(&of_organization(&organization)).await, std::slice::from_ref(&expected));

        t.delete(format!("/api_keys/{}", id(&made))).await.no_content();
        t.delete(format!("/api_keys/{}", id(&made))).await.missing();
        t.post(expire(&made), json!({})).await.missing();
        assert_eq!(validate(&t, &made["value"]).await, Value::Null);
        t.assert_events(&["api_key.created", "api_key.revoked"]).await;
        let events = t.events(&["api_key.created", "api_key.revoked"]).await;
        assert!(events.iter().all(|event| event["data"] == expected));
    });
}

#[test]
fn the_value_is_stored_nowhere() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let made = key(&t, &organization, json!({ "name": "Key" })).await;
        let value = made["value"].as_str().unwrap();
        let found: i64 = sqlx::query_scalar(
            "select (select count(*) from api_keys k where position($1 in k::text) > 0)
                  + (select count(*) from events e where position($1 in e::text) > 0)",
        )
        .bind(value)
        .fetch_one(t.app.database().pool())
        .await
        .unwrap();
        assert_eq!(found, 0);
        let hash: Vec<u8> = sqlx::query_scalar("select hash from api_keys where id = $1")
            .bind(id(&made))
            .fetch_one(t.app.database().pool())
            .await
            .unwrap();
        assert_eq!(hash, vestibule::kernel::crypto::sha256(value.as_bytes()));
    });
}

#[test]
fn a_key_of_a_user_is_made_and_listed() {
    story(async |t| {
        let (acme, other) = (t.organization("Acme").await, t.organization("Other").await);
        let (ann, _) = member(&t, &acme, "ann").await;
        t.post(
            "/user_management/organization_memberships",
            json!({ "user_id": ann["id"], "organization_id": other["id"] }),
        )
        .await
        .created();
        let (first, second) = (user_key(&t, &ann, &acme).await, user_key(&t, &ann, &other).await);
        assert_eq!(first["owner"], json!({ "type": "user", "id": ann["id"], "organization_id": acme["id"] }));
        let list = t.pages(&format!("{}?limit=1&order=asc", of_user(&ann))).await;
        assert_eq!(list, [shown(&first), shown(&second)]);
        let list = t.pages(&format!("{}?organization_id={}", of_user(&ann), id(&other))).await;
        assert_eq!(list, [shown(&second)]);
        assert_eq!(validate(&t, &first["value"]).await["owner"], first["owner"]);
        // The organization's own list shows what speaks for the organization itself.
        assert!(t.pages(&of_organization(&acme)).await.is_empty());
        t.get("/user_management/users/user_none/api_keys").await.missing();
        t.get("/organizations/org_none/api_keys").await.missing();
    });
}

#[test]
fn faults_of_a_key_are_named() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let (ann, _) = member(&t, &organization, "ann").await;
        let long = "x".repeat(256);
        t.post(of_organization(&organization), json!({})).await.invalid(&["name"]);
        t.post(of_organization(&organization), json!({ "name": long })).await.invalid(&["name"]);
        let wrong = json!({ "name": " ", "permissions": "read", "expires_at": "soon" });
        t.post(of_organization(&organization), wrong).await.invalid(&["permissions", "expires_at"]);
        t.post(of_user(&ann), json!({})).await.invalid(&["name", "organization_id"]);

        let unknown = json!({ "name": "K", "permissions": ["nope"], "organization_id": organization["id"] });
        for path in [of_organization(&organization), of_user(&ann)] {
            let fault = t.post(path, unknown.clone()).await.invalid(&["permissions"]);
            assert_eq!(fault["errors"][0]["code"], "permission_not_found");
        }
        // What is past already is a fault of form for an organization, and a refusal for a user.
        let past = json!({ "name": "K", "expires_at": "2020-01-01T00:00:00Z", "organization_id": organization["id"] });
        t.post(of_organization(&organization), past.clone()).await.invalid(&["expires_at"]);
        let refused = t.post(of_user(&ann), past).await.fails(400, "invalid_request_parameters");
        assert_eq!(refused["errors"][0]["field"], "expires_at");

        t.post("/organizations/org_none/api_keys", json!({ "name": "K" })).await.missing();
        let body = json!({ "name": "K", "organization_id": organization["id"] });
        t.post("/user_management/users/user_none/api_keys", body).await.missing();
        t.post(of_user(&ann), json!({ "name": "K", "organization_id": "org_none" })).await.missing();
        t.post(VALIDATIONS, json!({})).await.invalid(&["value"]);
        t.post(VALIDATIONS, json!({ "value": 1 })).await.invalid(&["value"]);
        assert!(t.events(&["api_key.created"]).await.is_empty());
    });
}

#[test]
fn a_key_of_a_user_needs_an_active_membership() {
    story(async |t| {
        let (acme, other) = (t.organization("Acme").await, t.organization("Other").await);
        let (ann, membership) = member(&t, &acme, "ann").await;
        let made = user_key(&t, &ann, &acme).await;
        let refused = async |organization: &Value| {
            let body = json!({ "name": "K", "organization_id": organization["id"] });
            let refused = t.post(of_user(&ann), body).await.fails(400, "invalid_request_parameters");
            assert_eq!(refused["errors"][0]["field"], "organization_id");
            assert_eq!(refused["errors"][0]["code"], "organization_membership_not_active");
        };
        refused(&other).await;
        let membership = format!("/user_management/organization_memberships/{}", id(&membership));
        t.put(format!("{membership}/deactivate"), json!({})).await.ok();
        refused(&acme).await;

        // The key rests with the membership, and comes back with it.
        assert_eq!(validate(&t, &made["value"]).await, Value::Null);
        assert_eq!(t.pages(&of_user(&ann)).await.len(), 1);
        t.put(format!("{membership}/reactivate"), json!({})).await.ok();
        assert_eq!(validate(&t, &made["value"]).await["id"], made["id"]);

        t.delete(membership).await.done();
        assert_eq!(validate(&t, &made["value"]).await, Value::Null);
        assert!(t.pages(&of_user(&ann)).await.is_empty());
        t.assert_events(&["api_key.created", "api_key.revoked"]).await;
    });
}

#[test]
fn keys_end_with_their_user_and_with_their_organization() {
    story(async |t| {
        let (acme, other) = (t.organization("Acme").await, t.organization("Other").await);
        let ((ann, _), (bob, _)) = (member(&t, &acme, "ann").await, member(&t, &acme, "bob").await);
        let own = key(&t, &acme, json!({ "name": "Own" })).await;
        let (of_ann, of_bob) = (user_key(&t, &ann, &acme).await, user_key(&t, &bob, &acme).await);
        let stays = key(&t, &other, json!({ "name": "Stays" })).await;
        t.delete(format!("/user_management/users/{}", id(&ann))).await.done();
        assert_eq!(validate(&t, &of_ann["value"]).await, Value::Null);
        assert_eq!(validate(&t, &of_bob["value"]).await["id"], of_bob["id"]);
        t.delete(format!("/organizations/{}", id(&acme))).await.accepted();
        for gone in [&own, &of_bob] {
            assert_eq!(validate(&t, &gone["value"]).await, Value::Null);
        }
        assert_eq!(validate(&t, &stays["value"]).await["id"], stays["id"]);
        let events = t.events(&["api_key.revoked"]).await;
        let revoked: Vec<_> = events.iter().map(|event| event["data"]["id"].clone()).collect();
        assert_eq!(revoked, [&of_ann, &of_bob, &own].map(|key| key["id"].clone()));
    });
}

#[test]
fn a_key_runs_out_when_it_is_told_to() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let end = t.app.database().clock.now().plus_seconds(3600).to_string();
        let made = key(&t, &organization, json!({ "name": "K", "expires_at": end })).await;
        assert_eq!(made["expires_at"], end.as_str());
        assert_eq!(t.post(expire(&made), json!({ "expires_at": end })).await.ok(), shown(&made));

        let never = t.post(expire(&made), json!({ "expires_at": null })).await.ok();
        assert_eq!(never["expires_at"], Value::Null);
        let later = t.app.database().clock.now().plus_seconds(7200).to_string();
        let planned = t.post(expire(&made), json!({ "expires_at": later })).await.ok();
        assert_eq!(planned["expires_at"], later.as_str());
        t.app.database().clock.advance(7199);
        assert_eq!(validate(&t, &made["value"]).await["id"], made["id"]);
        t.app.database().clock.advance(2);
        assert_eq!(validate(&t, &made["value"]).await, Value::Null);
        for change in [json!({}), json!({ "expires_at": null }), json!({ "expires_at": "2999-01-01T00:00:00Z" })] {
            t.post(expire(&made), change).await.fails(409, "api_key_already_expired");
        }
        // It is there still, until it is deleted.
        assert_eq!(t.pages(&of_organization(&organization)).await.len(), 1);
        t.assert_events(&["api_key.created", "api_key.updated", "api_key.updated"]).await;
        let events = t.events(&["api_key.updated"]).await;
        let before: Vec<_> = events.iter().map(|event| event["data"]["previous_attributes"].clone()).collect();
        assert_eq!(before, [json!({ "expires_at": end }), json!({ "expires_at": null })]);
        t.post(expire(&made), json!({ "expires_at": "soon" })).await.invalid(&["expires_at"]);
    });
}

#[test]
fn a_key_that_is_expired_at_once_is_revoked() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        for body in [Some(json!({})), None, Some(json!({ "expires_at": "2020-01-01T00:00:00Z" }))] {
            let made = key(&t, &organization, json!({ "name": "K" })).await;
            let expired = t.send(axum::http::Method::POST, &expire(&made), body).await.ok();
            assert_eq!(expired["expires_at"], expired["updated_at"]);
            assert_eq!(validate(&t, &made["value"]).await, Value::Null);
        }
        let twice = ["api_key.created", "api_key.revoked"];
        t.assert_events(&[twice, twice, twice].concat()).await;
    });
}

#[test]
fn of_many_who_expire_a_key_at_once_one_does() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let made = key(&t, &organization, json!({ "name": "K" })).await;
        let answers = join_all((0..8).map(|_| t.post(expire(&made), json!({})))).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
        assert_eq!(won.len(), 1);
        for answer in lost {
            answer.fails(409, "api_key_already_expired");
        }
        t.assert_events(&["api_key.created", "api_key.revoked"]).await;
    });
}

#[test]
fn a_use_is_noted_once_a_minute_and_is_no_change() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let made = key(&t, &organization, json!({ "name": "K" })).await;
        let listed = async || t.pages(&of_organization(&organization)).await.swap_remove(0);
        let first = validate(&t, &made["value"]).await;
        assert!(first["last_used_at"].is_string());
        assert_eq!(first["updated_at"], made["updated_at"]);
        assert_eq!(listed().await, first);
        t.app.database().clock.advance(30);
        assert_eq!(validate(&t, &made["value"]).await, first);
        t.app.database().clock.advance(31);
        let second = validate(&t, &made["value"]).await;
        assert_ne!(second["last_used_at"], first["last_used_at"]);
        assert_eq!(listed().await, second);
        t.assert_events(&["api_key.created"]).await;
    });
}

#[test]
fn a_validation_waits_for_nobody_who_holds_the_key() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let made = key(&t, &organization, json!({ "name": "K" })).await;
        let mut holder = t.app.database().pool().begin().await.unwrap();
        sqlx::query("select from api_keys where id = $1 for update")
            .bind(id(&made))
            .execute(&mut *holder)
            .await
            .unwrap();
        // With the lock held all the while: were one of them to wait, it would end in 503 after the lock timeout.
        for found in join_all((0..8).map(|_| validate(&t, &made["value"]))).await {
            assert_eq!(found["id"], made["id"]);
        }
        holder.rollback().await.unwrap();
        assert_eq!(t.pages(&of_organization(&organization)).await[0]["last_used_at"], Value::Null);
    });
}

#[test]
fn keys_of_customers_and_keys_of_the_environment_are_two_things() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let made = key(&t, &organization, json!({ "name": "K" })).await;
        let value = made["value"].as_str().unwrap();
        t.with_key(value).get("/organizations").await.fails(401, "unauthorized");
        t.with_key(value).post(VALIDATIONS, json!({ "value": value })).await.fails(401, "unauthorized");
        assert_eq!(validate(&t, &json!(t.key)).await, Value::Null);
        for other in ["", "sk_", "sk_not_a_key_of_anybody", made["obfuscated_value"].as_str().unwrap(), id(&made)] {
            assert_eq!(validate(&t, &json!(other)).await, Value::Null);
        }
    });
}

#[test]
fn a_deleted_permission_leaves_the_keys_that_had_it() {
    story(async |t| {
        permission(&t, "keep").await;
        permission(&t, "drop").await;
        let organization = t.organization("Acme").await;
        let made = key(&t, &organization, json!({ "name": "K", "permissions": ["keep", "drop"] })).await;
        let other = key(&t, &organization, json!({ "name": "L", "permissions": ["keep"] })).await;
        t.delete("/authorization/permissions/drop").await.no_content();
        assert_eq!(validate(&t, &made["value"]).await["permissions"], json!(["keep"]));
        // Another one of the same name is another one.
        permission(&t, "drop").await;
        assert_eq!(validate(&t, &made["value"]).await["permissions"], json!(["keep"]));
        let events = t.events(&["api_key.updated"]).await;
        assert_eq!(events.len(), 1);
        assert_eq!((&events[0]["data"]["id"], &events[0]["data"]["permissions"]), (&made["id"], &json!(["keep"])));
        assert_eq!(validate(&t, &other["value"]).await["updated_at"], other["updated_at"]);
    });
}

#[test]
fn a_key_made_while_its_permission_or_its_membership_goes_never_outlives_them() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        for i in 0..6 {
            let slug = format!("p{i}");
            permission(&t, &slug).await;
            let body = json!({ "name": "K", "permissions": [slug] });
            let gone = t.delete(format!("/authorization/permissions/{slug}"));
            let (made, gone) = tokio::join!(t.post(of_organization(&organization), body), gone);
            gone.no_content();
            if made.status == 201 {
                assert_eq!(validate(&t, &made.body["value"]).await["permissions"], json!([]));
            } else {
                made.invalid(&["permissions"]);
            }

            let (ann, membership) = member(&t, &organization, &format!("ann{i}")).await;
            let body = json!({ "name": "K", "organization_id": organization["id"] });
            let leave = t.delete(format!("/user_management/organization_memberships/{}", id(&membership)));
            let (made, left) = tokio::join!(t.post(of_user(&ann), body), leave);
            left.done();
            if made.status == 201 {
                assert_eq!(validate(&t, &made.body["value"]).await, Value::Null);
            } else {
                made.fails(400, "invalid_request_parameters");
            }
        }
        let events = t.events(&["api_key.created", "api_key.revoked"]).await;
        let of_users = |name: &str| {
            let named = events.iter().filter(|event| event["event"] == name);
            named.filter(|event| event["data"]["owner"]["type"] == "user").count()
        };
        assert_eq!(of_users("api_key.created"), of_users("api_key.revoked"));
    });
}

#[test]
fn a_neighbour_neither_sees_nor_validates_a_key() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let made = key(&t, &organization, json!({ "name": "K" })).await;
        let neighbour = t.neighbour().await;
        assert_eq!(validate(&neighbour, &made["value"]).await, Value::Null);
        neighbour.get(of_organization(&organization)).await.missing();
        neighbour.post(of_organization(&organization), json!({ "name": "K" })).await.missing();
        neighbour.post(expire(&made), json!({})).await.missing();
        neighbour.delete(format!("/api_keys/{}", id(&made))).await.missing();
        assert_eq!(validate(&t, &made["value"]).await["id"], made["id"]);
    });
}
