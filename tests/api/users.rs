//! Users.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Test, story};

const USERS: &str = "/user_management/users";

fn path(user: &Value) -> String {
    format!("{USERS}/{}", user["id"].as_str().unwrap())
}

/// The stored hash of a user's password.
async fn password_hash(t: &Test, user: &Value) -> Option<String> {
    let mut db = t.app.database().read(t.environment.key).await.unwrap();
    let found = vestibule::store::users::find_credentials(&mut db, user["email"].as_str().unwrap()).await.unwrap();
    found.unwrap().password.map(|hash| hash.expose().clone())
}

#[test]
fn a_user_is_made_found_changed_and_deleted() {
    story(async |t| {
        let body = json!({
            "email": "  Ann@Example.com ", "first_name": "Ann", "last_name": null, "external_id": "crm/7",
            "email_verified": true, "metadata": { "tier": "gold" }, "ip_address": "203.0.113.4", "user_agent": null,
        });
        let made = t.post(USERS, body).await.created();
        assert!(made["id"].as_str().unwrap().starts_with("user_"));
        let mut keys: Vec<_> = made.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        let expected = "created_at email email_verified external_id first_name id last_name last_sign_in_at locale \
                        metadata name object profile_picture_url updated_at";
        assert_eq!(keys.join(" "), expected);
        assert_eq!((&made["object"], &made["email"]), (&json!("user"), &json!("Ann@Example.com")));
        assert_eq!((&made["email_verified"], &made["metadata"]), (&json!(true), &json!({ "tier": "gold" })));
        for unset in ["last_name", "name", "profile_picture_url", "last_sign_in_at", "locale"] {
            assert_eq!(made[unset], Value::Null, "{unset}");
        }
        assert_eq!(t.get(path(&made)).await.ok(), made);
        assert_eq!(t.get(format!("{USERS}/external_id/crm%2F7")).await.ok(), made);

        let change = json!({ "first_name": null, "name": "Ann Lee", "locale": "en-us", "external_id": null,
                             "metadata": { "tier": null, "team": "a" } });
        let changed = t.put(path(&made), change).await.ok();
        assert_eq!((&changed["first_name"], &changed["name"]), (&Value::Null, &json!("Ann Lee")));
        assert_eq!((&changed["locale"], &changed["external_id"]), (&json!("en-US"), &Value::Null));
        assert_eq!((&changed["metadata"], &changed["email"]), (&json!({ "team": "a" }), &made["email"]));

        t.delete(path(&made)).await.done();
        t.get(path(&made)).await.missing();
        t.delete(path(&made)).await.missing();
        t.put(path(&made), json!({})).await.missing();
        t.assert_events(&["user.created", "user.updated", "user.deleted"]).await;
        let events = t.events(&["user.created", "user.updated", "user.deleted"]).await;
        assert_eq!((&events[0]["data"], &events[1]["data"], &events[2]["data"]), (&made, &changed, &changed));
    });
}

#[test]
fn a_change_of_a_user_that_changes_nothing_is_no_event() {
    story(async |t| {
        let made = t.user("same@example.com").await;
        let body = json!({ "email": "same@example.com", "name": null, "metadata": {}, "email_verified": false });
        assert_eq!(t.put(path(&made), body).await.ok(), made);
        assert_eq!(t.put(path(&made), json!({})).await.ok(), made);
        t.assert_events(&["user.created"]).await;
    });
}

#[test]
fn an_address_is_one_user_whatever_its_case() {
    story(async |t| {
        let ann = t.user("Ann@Example.com").await;
        let again = t.post(USERS, json!({ "email": " ann@EXAMPLE.com" })).await.fails(400, "user_creation_error");
        assert_eq!(again["errors"][0]["code"], "email_not_available");
        let bob = t.user("bob@example.com").await;
        t.put(path(&bob), json!({ "email": "ANN@example.com" })).await.fails(400, "email_not_available");
        assert_eq!(t.put(path(&ann), json!({ "email": "ann@example.com" })).await.ok()["email"], "ann@example.com");
        assert_eq!(t.pages(USERS).await.len(), 2);
        t.neighbour().await.user("ann@example.com").await;
    });
}

#[test]
fn of_many_who_take_one_address_at_once_one_gets_it() {
    story(async |t| {
        let create = |i: usize| {
            let email = if i.is_multiple_of(2) { "race@example.com" } else { "RACE@example.com" };
            t.post(USERS, json!({ "email": email }))
        };
        let answers = join_all((0..8).map(create)).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!((won.len(), lost.len()), (1, 7));
        for answer in lost {
            assert_eq!(answer.fails(400, "user_creation_error")["errors"][0]["code"], "email_not_available");
        }
        t.assert_events(&["user.created"]).await;
    });
}

#[test]
fn an_external_id_of_a_user_is_unique_within_the_environment() {
    story(async |t| {
        t.post(USERS, json!({ "email": "a@example.com", "external_id": "x" })).await.created();
        let again = t.post(USERS, json!({ "email": "b@example.com", "external_id": "x" })).await;
        assert_eq!(again.fails(400, "user_creation_error")["errors"][0]["code"], "external_id_already_used");
        let other = t.user("c@example.com").await;
        t.put(path(&other), json!({ "external_id": "x" })).await.fails(400, "external_id_already_used");
        let neighbour = t.neighbour().await;
        neighbour.get(format!("{USERS}/external_id/x")).await.missing();
        neighbour.post(USERS, json!({ "email": "a@example.com", "external_id": "x" })).await.created();
    });
}

#[test]
fn another_address_is_not_verified_until_somebody_says_so() {
    story(async |t| {
        let ann = t.post(USERS, json!({ "email": "ann@example.com", "email_verified": true })).await.created();
        let verified = async |body: Value| t.put(path(&ann), body).await.ok()["email_verified"].clone();
        assert_eq!(verified(json!({ "email": "Ann@Example.com" })).await, true);
        assert_eq!(verified(json!({ "email": "lee@example.com" })).await, false);
        assert_eq!(verified(json!({ "email": "ann@example.com", "email_verified": true })).await, true);
        assert_eq!(verified(json!({ "email_verified": false })).await, false);
    });
}

#[test]
fn a_password_is_kept_as_a_hash_and_shown_nowhere() {
    story(async |t| {
        let body = json!({ "email": "ann@example.com", "password": "strong_password_123!" });
        let ann = t.post(USERS, body).await.created();
        let first = password_hash(&t, &ann).await.unwrap();
        assert!(first.starts_with("$argon2id$"), "{first}");
        let changed = t.put(path(&ann), json!({ "password": "another_Strong_one_77" })).await.ok();
        let second = password_hash(&t, &ann).await.unwrap();
        assert_ne!(first, second);
        t.put(path(&ann), json!({ "name": "Ann" })).await.ok();
        assert_eq!(password_hash(&t, &ann).await.unwrap(), second);
        t.assert_events(&["user.created", "user.updated", "user.updated"]).await;
        let shown = format!("{ann}{changed}{:?}", t.events(&["user.created", "user.updated"]).await);
        assert!(!shown.contains("password") && !shown.contains("argon2"), "{shown}");
        let without = t.post(USERS, json!({ "email": "none@example.com", "password": null })).await.created();
        assert_eq!(password_hash(&t, &without).await, None);
    });
}

#[test]
fn a_weak_password_is_refused_with_reasons_and_changes_nothing() {
    story(async |t| {
        let with = |password: &str| json!({ "email": "marcelina@example.com", "password": password });
        for (password, code) in [
            ("", "password_too_short"),
            ("x9$Qz", "password_too_short"),
            ("password1", "password_too_weak"),
            ("marcelina1", "password_too_weak"),
        ] {
            let refused = t.post(USERS, with(password)).await.fails(400, "password_strength_error");
            assert_eq!(refused["errors"][0]["code"], code, "{password}");
            assert!(refused["errors"][0]["message"].is_string());
        }
        assert_eq!(t.pages(USERS).await.len(), 0);
        let made = t.post(USERS, with("strong_password_123!")).await.created();
        let hash = password_hash(&t, &made).await;
        // What is known about the user counts at an update too, although the body does not repeat it.
        t.put(path(&made), json!({ "password": "marcelina1" })).await.fails(400, "password_strength_error");
        t.put(format!("{USERS}/user_none"), json!({ "password": "marcelina1" })).await.missing();
        assert_eq!(password_hash(&t, &made).await, hash);
    });
}

#[test]
fn a_password_comes_in_the_clear_or_as_a_hash_but_not_as_both() {
    story(async |t| {
        let made = t.user("ann@example.com").await;
        let (hash, kind) = ("$2a$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy", "bcrypt");
        for (fields, code) in [
            (
                json!({ "password": "p", "password_hash": hash, "password_hash_type": kind }),
                "password_and_password_hash_provided",
            ),
            (json!({ "password": "p", "password_hash": hash }), "password_and_password_hash_provided"),
            (json!({ "password": "p", "password_hash_type": kind }), "password_and_password_hash_type_provided"),
            (
                json!({ "password": "p", "password_salt_position": "prefix" }),
                "password_salt_position_requires_password_hash",
            ),
            (json!({ "password_salt_position": "suffix" }), "password_salt_position_requires_password_hash"),
            (json!({ "password_hash": &hash[1..], "password_hash_type": kind }), "invalid_password_hash"),
            (json!({ "password_hash": hash, "password_hash_type": "scrypt" }), "invalid_password_hash"),
        ] {
            t.put(path(&made), fields.clone()).await.fails(400, code);
            let mut body = json!({ "email": "new@example.com" });
            body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            t.post(USERS, body).await.fails(400, code);
        }
        t.put(path(&made), json!({ "password_hash": hash })).await.invalid(&["password_hash_type"]);
        t.put(path(&made), json!({ "password_hash_type": kind })).await.invalid(&["password_hash"]);
        let odd = json!({ "password_hash": hash, "password_hash_type": "md5", "password_salt_position": "middle" });
        t.put(path(&made), odd).await.invalid(&["password_hash_type", "password_salt_position"]);
        let odd = json!({ "password_hash": hash, "password_hash_type": kind, "password_salt_position": "prefix" });
        t.put(path(&made), odd).await.invalid(&["password_salt_position"]);
        t.assert_events(&["user.created"]).await;
    });
}

#[test]
fn faults_of_a_user_are_named_together() {
    story(async |t| {
        let body = json!({ "first_name": 1, "email_verified": "yes", "external_id": ["x"], "password": 7 });
        t.post(USERS, body).await.invalid(&["email", "first_name", "email_verified", "external_id", "password"]);
        let body = json!({ "email": "nobody", "name": "x".repeat(256), "external_id": "é" });
        t.post(USERS, body).await.invalid(&["email", "name", "external_id"]);
        for email in
            ["a b@example.com", "a@b@example.com", "@example.com", "a@", "a@example..com", "a@example.com\r\nx"]
        {
            t.post(USERS, json!({ "email": email })).await.invalid(&["email"]);
        }
        let made = t.user("ann@example.com").await;
        t.put(path(&made), json!({ "email": "nobody" })).await.fails(400, "invalid_email");
        t.put(path(&made), json!({ "locale": "tlh" })).await.fails(400, "invalid_locale");
        t.put(path(&made), json!({ "metadata": { "k": 1 } })).await.fails(400, "invalid_metadata");
        t.put(path(&made), json!({ "name": "a\0b" })).await.invalid(&["name"]);
        assert_eq!(t.get(path(&made)).await.ok(), made);
    });
}

#[test]
fn users_are_listed_in_pages_and_by_address() {
    story(async |t| {
        for i in 0..12 {
            t.user(&format!("User{i}@example.com")).await;
        }
        t.neighbour().await.user("user3@example.com").await;
        let all = t.pages(&format!("{USERS}?limit=5")).await;
        assert_eq!(all.len(), 12);
        assert_eq!(all[0]["email"], "User11@example.com");
        let found = t.pages(&format!("{USERS}?email=%20USER3%40example.com")).await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["email"], "User3@example.com");
        assert!(t.pages(&format!("{USERS}?email=user")).await.is_empty());
        t.get(format!("{USERS}?organization_id=acme&limit=0")).await.invalid(&["organization_id", "limit"]);
    });
}

#[test]
fn identities_are_a_bare_array() {
    story(async |t| {
        let ann = t.user("ann@example.com").await;
        let identities = format!("{}/identities", path(&ann));
        assert_eq!(t.get(&identities).await.ok(), json!([]));
        for (provider, idp_id) in [("GoogleOAuth", "108872335"), ("GithubOAuth", "4211")] {
            sqlx::query("insert into user_identities values ($1, $2, $3, $4, now())")
                .bind(t.environment.key)
                .bind(ann["id"].as_str())
                .bind(provider)
                .bind(idp_id)
                .execute(t.app.database().pool())
                .await
                .unwrap();
        }
        let expected = json!([
            { "type": "OAuth", "idp_id": "108872335", "provider": "GoogleOAuth" },
            { "type": "OAuth", "idp_id": "4211", "provider": "GithubOAuth" },
        ]);
        assert_eq!(t.get(&identities).await.ok(), expected);
        t.get(format!("{USERS}/user_none/identities")).await.missing();
        t.neighbour().await.get(&identities).await.missing();
    });
}

#[test]
fn a_neighbour_neither_sees_nor_changes_a_user() {
    story(async |t| {
        let ann = t.post(USERS, json!({ "email": "ann@example.com", "external_id": "x" })).await.created();
        let neighbour = t.neighbour().await;
        neighbour.get(path(&ann)).await.missing();
        neighbour.get(format!("{USERS}/external_id/x")).await.missing();
        neighbour.put(path(&ann), json!({ "name": "Eve" })).await.missing();
        neighbour.put(path(&ann), json!({ "password": "strong_password_123!" })).await.missing();
        neighbour.delete(path(&ann)).await.missing();
        assert!(neighbour.pages(&format!("{USERS}?email=ann@example.com")).await.is_empty());
        assert_eq!(t.get(path(&ann)).await.ok(), ann);
    });
}
