//! The operator's door: environments, their keys and settings, the clock.

use serde_json::{Value, json};
use sqlx::Row as _;

use crate::harness::{Test, story};

async fn environment(t: &Test, name: &str) -> Value {
    t.operator().post("/admin/v1/environments", json!({ "name": name })).await.created()
}

fn path(environment: &Value) -> String {
    format!("/admin/v1/environments/{}", environment["id"].as_str().unwrap())
}

#[test]
fn an_environment_comes_with_a_key_that_is_shown_once_and_works_at_once() {
    story(async |t| {
        let made = environment(&t, "  Staging ").await;
        assert_eq!(made["object"], "environment");
        assert_eq!(made["name"], "Staging");
        assert!(made["client_id"].as_str().unwrap().starts_with("client_"));
        let key = made["api_key"].as_str().unwrap();
        assert!(key.starts_with("sk_") && key.len() > 40);
        t.with_key(key).organization("Acme").await;
        assert_eq!(t.pages("/organizations").await.len(), 0);

        let mut shown = t.operator().get(path(&made)).await.ok();
        assert_eq!(shown.get("api_key"), None);
        shown["api_key"] = made["api_key"].clone();
        assert_eq!(shown, made);
        let listed = t.operator().get("/admin/v1/environments?limit=100").await.ok();
        assert!(!listed.to_string().contains(key));
    });
}

#[test]
fn an_environments_key_and_client_id_may_be_given_once_on_a_server() {
    story(async |t| {
        let client = format!("client_{}", t.environment.id.as_str());
        let key = format!("sk_test_{}", t.environment.id.as_str());
        let body = json!({ "name": "Given", "api_key": key, "client_id": client });
        let made = t.operator().post("/admin/v1/environments", body.clone()).await.created();
        assert_eq!((&made["api_key"], &made["client_id"]), (&body["api_key"], &body["client_id"]));
        t.with_key(&key).get("/organizations").await.ok();
        t.operator().post("/admin/v1/environments", body.clone()).await.fails(409, "client_id_already_used");

        let mut other = body;
        other["client_id"] = format!("{client}x").into();
        t.operator().post("/admin/v1/environments", other.clone()).await.fails(409, "api_key_already_exists");
        // Refused as a whole: the environment is not there either.
        other["api_key"] = format!("{key}x").into();
        t.operator().post("/admin/v1/environments", other).await.created();
    });
}

#[test]
fn what_an_environment_cannot_be_made_of_is_named() {
    story(async |t| {
        let t = t.operator();
        let body = json!({ "name": 7, "client_id": "me", "api_key": [] });
        t.post("/admin/v1/environments", body).await.invalid(&["name", "api_key", "client_id"]);
        t.post("/admin/v1/environments", json!({ "name": " " })).await.invalid(&["name"]);
        t.post("/admin/v1/environments", json!({ "name": "x".repeat(256) })).await.invalid(&["name"]);
        for key in ["sk_short", "pk_0123456789", "sk_0123456789 "] {
            let body = json!({ "name": "A", "api_key": key });
            let refusal = t.post("/admin/v1/environments", body).await.invalid(&["api_key"]);
            assert!(!refusal.to_string().contains(key));
        }
    });
}

#[test]
fn environments_are_listed_and_renamed() {
    story(async |t| {
        let (first, second) = (environment(&t, "One").await, environment(&t, "Two").await);
        let mine = [&first["id"], &second["id"]];
        let listed = t.operator().pages("/admin/v1/environments?order=asc&limit=2").await;
        let listed: Vec<_> = listed.iter().map(|row| &row["id"]).filter(|id| mine.contains(id)).collect();
        assert_eq!(listed, mine);

        t.app.database().clock.advance(1);
        let renamed = t.operator().patch(path(&first), json!({ "name": " Uno " })).await.ok();
        assert_eq!(renamed["name"], "Uno");
        assert_ne!(renamed["updated_at"], first["updated_at"]);
        t.app.database().clock.advance(1);
        assert_eq!(t.operator().patch(path(&first), json!({ "name": "Uno" })).await.ok(), renamed);
        assert_eq!(t.operator().patch(path(&first), json!({})).await.ok(), renamed);
        t.operator().patch(path(&first), json!({ "name": "" })).await.invalid(&["name"]);
    });
}

#[test]
fn a_key_is_shown_once_listed_without_its_value_and_dead_from_the_moment_of_its_deletion() {
    story(async |t| {
        let made = environment(&t, "Keys").await;
        let keys = format!("{}/api_keys", path(&made));
        let key = t.operator().post(&keys, json!({ "name": " ci " })).await.created();
        assert_eq!(key["object"], "management_key");
        assert_eq!(key["name"], "ci");
        let value = key["value"].as_str().unwrap();
        assert_eq!(key["obfuscated_value"], format!("sk_...{}", &value[value.len() - 4..]));
        t.with_key(value).organization("Acme").await;

        let listed = t.operator().pages(&format!("{keys}?order=asc&limit=1")).await;
        let names: Vec<_> = listed.iter().map(|key| key["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["Default", "ci"]);
        assert!(listed.iter().all(|key| key.get("value").is_none()));

        let one = format!("{keys}/{}", key["id"].as_str().unwrap());
        t.operator().delete(&one).await.no_content();
        t.with_key(value).get("/organizations").await.fails(401, "unauthorized");
        t.operator().delete(&one).await.missing();

        let last = format!("{keys}/{}", listed[0]["id"].as_str().unwrap());
        t.operator().delete(last).await.no_content();
        t.with_key(made["api_key"].as_str().unwrap()).get("/organizations").await.fails(401, "unauthorized");
        let fresh = t.operator().post(&keys, json!({ "name": "again" })).await.created();
        assert_eq!(t.with_key(fresh["value"].as_str().unwrap()).pages("/organizations").await.len(), 1);
    });
}

#[test]
fn a_key_is_deleted_only_through_its_own_environment() {
    story(async |t| {
        let (one, two) = (environment(&t, "One").await, environment(&t, "Two").await);
        let key = t.operator().post(format!("{}/api_keys", path(&one)), json!({ "name": "k" })).await.created();
        let foreign = format!("{}/api_keys/{}", path(&two), key["id"].as_str().unwrap());
        t.operator().delete(foreign).await.missing();
        t.with_key(key["value"].as_str().unwrap()).get("/organizations").await.ok();
    });
}

#[test]
fn settings_are_read_and_changed_one_by_one() {
    story(async |t| {
        let settings = format!("{}/settings", path(&environment(&t, "Settings").await));
        let before = t.operator().get(&settings).await.ok();
        let expected = json!({ "object": "environment_settings", "multiple_roles": false, "access_token_seconds": 300,
                               "session_seconds": 31_536_000, "session_idle_seconds": null, "invitation_url": null,
                               "invitation_days": 7, "waitlist_confirmation_mail": true });
        assert_eq!(before, expected);
        let body = json!({ "multiple_roles": true, "session_idle_seconds": 3600 });
        t.operator().patch(&settings, body).await.ok();
        let after = t.operator().patch(&settings, json!({ "access_token_seconds": 60 })).await.ok();
        let expected = json!({ "object": "environment_settings", "multiple_roles": true, "access_token_seconds": 60,
                               "session_seconds": 31_536_000, "session_idle_seconds": 3600, "invitation_url": null,
                               "invitation_days": 7, "waitlist_confirmation_mail": true });
        assert_eq!(after, expected);
        let cleared = t.operator().patch(&settings, json!({ "session_idle_seconds": null })).await.ok();
        assert_eq!(cleared["session_idle_seconds"], json!(null));
        assert_eq!(t.operator().get(&settings).await.ok(), cleared);
    });
}

#[test]
fn settings_have_bounds_and_their_faults_are_named_together() {
    story(async |t| {
        let settings = format!("{}/settings", path(&environment(&t, "Settings").await));
        let before = t.operator().get(&settings).await.ok();
        let fields = ["access_token_seconds", "session_seconds", "session_idle_seconds"];
        for body in [
            json!({ "access_token_seconds": 59, "session_seconds": 59, "session_idle_seconds": 59 }),
            json!({ "access_token_seconds": 86401, "session_seconds": 31_536_001, "session_idle_seconds": i64::MAX }),
        ] {
            t.operator().patch(&settings, body).await.invalid(&fields);
        }
        let body = json!({ "multiple_roles": "yes", "session_seconds": "60" });
        t.operator().patch(&settings, body).await.invalid(&["multiple_roles", "session_seconds"]);
        for url in ["app.example.com", "https://app.example.com/#x", "https://*.example.com", "javascript:alert(1)"] {
            let body = json!({ "invitation_url": url });
            t.operator().patch(&settings, body).await.invalid(&["invitation_url"]);
        }
        for days in [0, 31] {
            t.operator().patch(&settings, json!({ "invitation_days": days })).await.invalid(&["invitation_days"]);
        }
        assert_eq!(t.operator().get(&settings).await.ok(), before);
        for body in [
            json!({ "access_token_seconds": 60, "session_seconds": 60, "session_idle_seconds": 60 }),
            json!({ "access_token_seconds": 86400, "session_seconds": 31_536_000, "session_idle_seconds": 31_536_000 }),
        ] {
            t.operator().patch(&settings, body).await.ok();
        }
    });
}

async fn key_of(t: &Test, environment: &Value) -> i32 {
    sqlx::query("select key from environments where id = $1")
        .bind(environment["id"].as_str().unwrap())
        .fetch_one(t.app.database().pool())
        .await
        .unwrap()
        .get(0)
}

/// How many rows each table that knows environments has of this one.
async fn counts(t: &Test, key: i32) -> Vec<(String, i64)> {
    let pool = t.app.database().pool();
    let tables = sqlx::query(
        "select c.relname::text from pg_class c join pg_attribute a on a.attrelid = c.oid
         where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
           and a.attname = 'environment'",
    );
    let mut counted = Vec::new();
    for table in tables.fetch_all(pool).await.unwrap() {
        let table: String = table.get(0);
        let count = format!("select count(*) from {table} where environment = {key}");
        let count: i64 = sqlx::query(sqlx::AssertSqlSafe(count)).fetch_one(pool).await.unwrap().get(0);
        counted.push((table, count));
    }
    counted
}

#[test]
fn an_environment_is_deleted_with_everything_in_it_and_nothing_beside_it() {
    story(async |t| {
        let made = environment(&t, "Gone").await;
        let inside = t.with_key(made["api_key"].as_str().unwrap());
        let body = json!({ "name": "Acme", "domains": ["acme.test"] });
        inside.post("/organizations", body.clone()).await.created();
        t.post("/organizations", body).await.created();
        let key = key_of(&t, &made).await;
        let user = inside.post("/user_management/users", json!({ "email": "ann@acme.test" })).await.created();
        let organization = inside.pages("/organizations").await.remove(0);
        let body = json!({ "user_id": user["id"], "organization_id": organization["id"] });
        inside.post("/user_management/organization_memberships", body).await.created();
        let before = counts(&t, key).await;
        let held = ["organizations", "organization_domains", "users", "organization_memberships", "role_assignments"];
        for table in held.into_iter().chain(["roles", "permissions", "resources", "management_keys", "events"]) {
            assert!(before.iter().any(|(name, count)| name == table && *count > 0), "{table}: {before:?}");
        }
        t.operator().delete(path(&made)).await.no_content();
        inside.get("/organizations").await.fails(401, "unauthorized");
        t.operator().get(path(&made)).await.missing();
        t.operator().delete(path(&made)).await.missing();
        let left: Vec<_> = counts(&t, key).await.into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(left, []);
        assert_eq!(t.pages("/organizations").await.len(), 1);
        assert_eq!(t.events(&["organization.created"]).await.len(), 1);
    });
}

/// The slugs of a list of roles, in its order.
fn slugs(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|role| role["slug"].as_str().unwrap()).collect()
}

async fn with_roles(t: &Test, slugs: &[&str]) -> String {
    for slug in slugs {
        t.post("/authorization/roles", json!({ "slug": slug, "name": slug })).await.created();
    }
    format!("/admin/v1/environments/{}", t.environment.id)
}

#[test]
fn the_roles_of_an_environment_are_put_in_order_and_one_is_the_default() {
    story(async |t| {
        let path = with_roles(&t, &["a", "b"]).await;
        let order = format!("{path}/roles/order");
        let put = t.operator().put(&order, json!({ "slugs": ["b", "member", "a"] })).await.ok();
        assert_eq!(slugs(&put), ["b", "member", "a"]);
        assert_eq!(slugs(&t.get("/authorization/roles").await.ok()), ["b", "member", "a"]);
        for wrong in [json!(["b", "member"]), json!(["b", "member", "a", "c"]), json!(["b", "b", "member", "a"])] {
            t.operator().put(&order, json!({ "slugs": wrong })).await.invalid(&["slugs"]);
        }
        t.operator().put(&order, json!({})).await.invalid(&["slugs"]);

        let made = t.operator().put(format!("{path}/roles/default"), json!({ "slug": "a" })).await.ok();
        assert_eq!(made["slug"], "a");
        t.operator().put(format!("{path}/roles/default"), json!({ "slug": "none" })).await.missing();
        let organization = t.organization("Acme").await;
        let user = t.post("/user_management/users", json!({ "email": "ann@acme.test" })).await.created();
        let body = json!({ "user_id": user["id"], "organization_id": organization["id"] });
        let membership = t.post("/user_management/organization_memberships", body).await.created();
        assert_eq!(membership["role"]["slug"], "a");
    });
}

#[test]
fn an_organization_has_its_own_order_and_default_once_the_operator_gives_it_one() {
    story(async |t| {
        let path = with_roles(&t, &["a"]).await;
        let id = t.organization("Acme").await["id"].as_str().unwrap().to_owned();
        let roles = format!("{path}/organizations/{id}/roles");
        let put = t.operator().put(format!("{roles}/order"), json!({ "slugs": ["a", "member"] })).await.ok();
        assert_eq!(slugs(&put), ["a", "member"]);
        assert_eq!(t.operator().put(format!("{roles}/default"), json!({ "slug": "a" })).await.ok()["slug"], "a");
        assert_eq!(slugs(&t.get("/authorization/roles").await.ok()), ["member", "a"]);
        let own = t.get(format!("/authorization/organizations/{id}/roles")).await.ok();
        assert_eq!(slugs(&own), ["a", "member"]);

        let other = t.neighbour().await;
        let foreign = format!("/admin/v1/environments/{}/organizations/{id}/roles", other.environment.id);
        t.operator().put(format!("{foreign}/order"), json!({ "slugs": ["member"] })).await.missing();
        t.operator().put(format!("{foreign}/default"), json!({ "slug": "member" })).await.missing();
    });
}

#[test]
fn a_role_of_the_environment_is_deleted_and_its_members_get_the_default_one() {
    story(async |t| {
        let path = with_roles(&t, &["order", "default", "used"]).await;
        let roles = format!("{path}/roles");
        let id = t.organization("Acme").await["id"].as_str().unwrap().to_owned();
        let user = t.post("/user_management/users", json!({ "email": "ann@acme.test" })).await.created();
        let body = json!({ "user_id": user["id"], "organization_id": id, "role_slug": "used" });
        let membership = t.post("/user_management/organization_memberships", body).await.created();

        t.operator().delete(format!("{roles}/member")).await.fails(409, "role_is_default");
        t.operator().delete(format!("{roles}/none")).await.missing();
        let foreign = format!("/admin/v1/environments/{}/roles/used", t.neighbour().await.environment.id);
        t.operator().delete(foreign).await.missing();
        // The first two are also the ends of other paths.
        for slug in ["order", "default", "used"] {
            t.operator().delete(format!("{roles}/{slug}")).await.no_content();
            t.operator().delete(format!("{roles}/{slug}")).await.missing();
        }
        assert_eq!(slugs(&t.get("/authorization/roles").await.ok()), ["member"]);
        let path = format!("/user_management/organization_memberships/{}", membership["id"].as_str().unwrap());
        assert_eq!(t.get(path).await.ok()["role"]["slug"], "member");
        let deleted = t.events(&["role.deleted"]).await;
        let deleted: Vec<_> = deleted.iter().map(|event| event["data"]["slug"].as_str().unwrap()).collect();
        assert_eq!(deleted, ["order", "default", "used"]);
    });
}

#[test]
fn the_door_opens_for_the_operators_token_only() {
    story(async |t| {
        let made = environment(&t, "Closed").await;
        for key in ["", &t.key, made["api_key"].as_str().unwrap(), "operator-token-of-the-test"] {
            let stranger = t.with_key(key);
            stranger.get("/admin/v1/environments").await.fails(401, "unauthorized");
            stranger.post("/admin/v1/environments", json!({ "name": "Mine" })).await.fails(401, "unauthorized");
            stranger.delete(path(&made)).await.fails(401, "unauthorized");
            stranger.post("/admin/v1/dev/clock", json!({ "advance_seconds": 1 })).await.fails(401, "unauthorized");
        }
        t.operator().get("/organizations").await.fails(401, "unauthorized");
        for path in ["environment_none", "none", &format!("{}x", t.environment.id)] {
            t.operator().get(format!("/admin/v1/environments/{path}")).await.missing();
            t.operator().get(format!("/admin/v1/environments/{path}/settings")).await.missing();
            t.operator().get(format!("/admin/v1/environments/{path}/api_keys")).await.missing();
            let default = format!("/admin/v1/environments/{path}/roles/default");
            t.operator().put(default, json!({ "slug": "member" })).await.missing();
        }
    });
}

#[test]
fn the_clock_moves_on_a_server_for_development_and_on_no_other() {
    story(async |t| {
        let clock = t.app.database().clock.clone();
        let before = clock.now();
        let moved = t.operator().post("/admin/v1/dev/clock", json!({ "advance_seconds": 86400 })).await.ok();
        assert_eq!(moved["object"], "clock");
        let gone = (clock.now().millis() - before.millis()) / 1000;
        assert!((86400..86500).contains(&gone), "{gone}");
        let made = t.organization("Tomorrow").await;
        assert!(made["created_at"].as_str().unwrap() > before.plus_seconds(86399).to_string().as_str());
        for seconds in [json!(-1), json!(315_360_001), json!("1"), json!(null)] {
            let body = json!({ "advance_seconds": seconds });
            t.operator().post("/admin/v1/dev/clock", body).await.invalid(&["advance_seconds"]);
        }

        let production = Test::with(|parts| parts.development = false).await;
        let refused = production.operator().post("/admin/v1/dev/clock", json!({ "advance_seconds": 1 })).await;
        assert_eq!(refused.status, 404);
    });
}
