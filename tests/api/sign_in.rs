//! Signing in by password, and choosing an organization.

use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, header};
use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;
use vestibule::db::Database;
use vestibule::domain::access_tokens::Issuer;
use vestibule::domain::authentication::{self, Entry};
use vestibule::domain::passwords::Proof;
use vestibule::http::Scope;
use vestibule::http::limit::Limits;
use vestibule::kernel::crypto::Random;
use vestibule::kernel::id::UserId;
use vestibule::kernel::secret::Secret;
use vestibule::model::events::Actor;
use vestibule::protocol::jwt::SigningKey;
use vestibule::protocol::password::{self, Hasher};

use crate::harness::{Answer, PASSWORD, SELECTION, Test, story, story_apart, until};

/// A hash of `password`, as it may be imported, that takes a quarter of a second.
const DEAR: &str = "$argon2id$v=19$m=131072,t=4,p=1$c29tZXNhbHRzb21lc2FsdA$zOz4MCPrgEkLfLJ8MnTEqCDCqVyh4YcqXsNxEqWXQKo";
/// A hash of `password` with other parameters than ours.
const FOREIGN: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

/// A hash of `password` with the parameters of ours.
const PASSWORD_ANEW: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$PL01amPyeUuxG7H0vIr5X+qHkZvWnHmGBGXFYvh8z2E";

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

async fn store_hash(t: &Test, user: &Value, hash: &str) {
    sqlx::query("update user_passwords set hash = $2 where user_id = $1")
        .bind(user["id"].as_str())
        .bind(hash)
        .execute(t.app.database().pool())
        .await
        .unwrap();
}

/// A hasher with one thread and this much of a queue.
fn new_hasher(queue: usize) -> Hasher {
    let limits = password::Limits {
        threads: NonZeroUsize::MIN,
        queue: NonZeroUsize::new(queue).unwrap(),
        keep_memory: Duration::from_hours(1),
        ..password::Limits::default()
    };
    Hasher::start(Random::new(), limits).unwrap()
}

/// An application with a hasher of its own.
async fn with_hasher(queue: usize) -> (Test, Hasher) {
    let hasher = new_hasher(queue);
    let clone = hasher.clone();
    (Test::with(|parts| parts.hasher = clone).await, hasher)
}

/// Keeps the thread of a hasher busy for longer than a test lasts, or until this is dropped.
async fn backlog(hasher: &Hasher) -> JoinSet<()> {
    let mut waiting = JoinSet::new();
    for _ in 0..64 {
        let hasher = hasher.clone();
        waiting.spawn(async move { drop(hasher.verify(Secret::from("x"), DEAR.to_owned()).await) });
    }
    until("many passwords wait", async || hasher.load().queued > 50).await;
    waiting
}

/// Keeps the queue of a hasher full until this is dropped.
async fn flood(hasher: &Hasher) -> JoinSet<()> {
    let mut senders = JoinSet::new();
    // One password is compared and the other waits; whoever is done comes again at once.
    for _ in 0..2 {
        let hasher = hasher.clone();
        senders.spawn(async move {
            loop {
                drop(hasher.verify(Secret::from("x"), DEAR.to_owned()).await);
                tokio::task::yield_now().await;
            }
        });
    }
    until("the queue is full", async || hasher.load().queued == 1).await;
    senders
}

#[test]
fn a_user_signs_in_and_is_told_apart_by_the_token() {
    story(async |t| {
        let user = t.person("Ann@Example.com").await;
        let path = format!("/user_management/users/{}", user["id"].as_str().unwrap());
        t.put(&path, json!({ "metadata": { "plan": "secret" } })).await.ok();
        let before = t.get(&path).await.ok();
        let body = json!({ "email": " ann@example.COM", "password": PASSWORD, "ip_address": "192.0.2.7",
            "user_agent": "Browser", "signals_id": "ignored" });
        let answer = t.grant("password", body).await;
        assert_eq!(answer.headers["cache-control"], "no-store");
        let answer = answer.ok();
        assert_eq!(keys(&answer), ["access_token", "authentication_method", "refresh_token", "user"]);
        assert_eq!(answer["authentication_method"], "Password");

        // What sign-in shows is the user with the time of this sign-in, which is no change of theirs.
        let after = t.get(&path).await.ok();
        assert!(after["last_sign_in_at"].is_string());
        assert_eq!(after["updated_at"], before["updated_at"]);
        assert_eq!(after["metadata"], json!({ "plan": "secret" }));
        let mut shown = after.clone();
        shown["metadata"] = json!({});
        assert_eq!(answer["user"], shown);

        let claims = t.claims(&answer["access_token"]).await;
        assert_eq!(keys(&claims), ["auth_time", "client_id", "exp", "iat", "iss", "jti", "sid", "sub"]);
        assert_eq!(claims["sub"], user["id"]);
        assert_eq!(claims["client_id"], t.environment.client_id.as_str());
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 300);
        assert_eq!(claims["auth_time"], claims["iat"]);
        assert!(claims["iat"].as_i64().unwrap() <= t.app.database().clock.now().seconds());
        assert_eq!(claims["jti"].as_str().unwrap().len(), 26);

        t.assert_events(&["user.created", "user.updated", "authentication.password_succeeded", "session.created"])
            .await;
        let events = t.events(&["authentication.password_succeeded", "session.created"]).await;
        assert_eq!(
            events[0]["data"],
            json!({ "type": "password", "status": "succeeded", "ip_address": "192.0.2.7", "user_agent": "Browser",
                "user_id": user["id"], "email": " ann@example.COM" })
        );
        assert_eq!(events[1]["data"]["id"], claims["sid"]);
        assert_eq!(events[1]["data"]["status"], "active");
    });
}

#[test]
fn a_member_of_one_organization_is_signed_in_to_it_with_its_roles_and_permissions() {
    story(async |t| {
        for slug in ["posts:read", "posts:write", "unused"] {
            t.post("/authorization/permissions", json!({ "slug": slug, "name": slug })).await.created();
        }
        t.post("/authorization/roles", json!({ "slug": "editor", "name": "Editor" })).await.created();
        let permissions = json!({ "permissions": ["posts:write", "posts:read"] });
        t.put("/authorization/roles/editor/permissions", permissions).await.ok();
        let (user, organization) = (t.person("ann@example.com").await, t.organization("Acme").await);
        let body = json!({ "user_id": user["id"], "organization_id": organization["id"], "role_slug": "editor" });
        t.post("/user_management/organization_memberships", body).await.created();

        let answer = t.sign_in("ann@example.com").await;
        assert_eq!(answer["organization_id"], organization["id"]);
        let claims = t.claims(&answer["access_token"]).await;
        assert_eq!(
            keys(&claims),
            [
                "auth_time",
                "client_id",
                "exp",
                "iat",
                "iss",
                "jti",
                "org_id",
                "permissions",
                "role",
                "roles",
                "sid",
                "sub"
            ]
        );
        assert_eq!(claims["org_id"], organization["id"]);
        assert_eq!((&claims["role"], &claims["roles"]), (&json!("editor"), &json!(["editor"])));
        assert_eq!(claims["permissions"], json!(["posts:read", "posts:write"]));
        let events = t.events(&["session.created"]).await;
        assert_eq!(events[0]["data"]["organization_id"], organization["id"]);
    });
}

#[test]
fn an_unknown_user_one_without_a_password_and_a_wrong_password_are_answered_alike() {
    story(async |t| {
        let ann = t.person("ann@example.com").await;
        let bob = t.user("bob@example.com").await;
        for email in ["ann@example.com", "bob@example.com", "nobody@example.com", "", "no address"] {
            let refused = t.grant("password", json!({ "email": email, "password": "wrong" })).await;
            let message = format!("Invalid credentials for '{email}'.");
            assert_eq!(
                refused.fails(400, "invalid_credentials"),
                json!({ "code": "invalid_credentials", "message": message })
            );
        }
        t.grant("password", json!({ "email": "ann@example.com", "password": "" }))
            .await
            .fails(400, "invalid_credentials");
        let events = t.events(&["authentication.password_failed"]).await;
        let users: Vec<_> = events.iter().map(|event| event["data"]["user_id"].clone()).collect();
        assert_eq!(
            users,
            [ann["id"].clone(), bob["id"].clone(), json!(null), json!(null), json!(null), ann["id"].clone()]
        );
        assert_eq!(
            events[2]["data"],
            json!({ "type": "password", "status": "failed", "ip_address": null, "user_agent": null, "user_id": null,
                "email": "nobody@example.com", "error": { "code": "invalid_credentials",
                "message": "Invalid credentials for 'nobody@example.com'." } })
        );
    });
}

/// The time of an answer tells nothing because the work is the same: where there is no hash to compare with, another
/// one is computed. A hasher of its own shows it, whose thread has memory only after it has computed one.
#[test]
fn a_password_is_hashed_whether_there_is_a_user_or_not() {
    story(async |_| {
        for email in ["ann@example.com", "bob@example.com", "nobody@example.com"] {
            let (t, hasher) = with_hasher(8).await;
            // Bob has no password, and Ann's is stored without this hasher having computed anything.
            let ann = t.user("ann@example.com").await;
            sqlx::query("insert into user_passwords select environment, id, $2, now() from users where id = $1")
                .bind(ann["id"].as_str())
                .bind(password_hash().await)
                .execute(t.app.database().pool())
                .await
                .unwrap();
            t.user("bob@example.com").await;
            assert_eq!(hasher.load().memory, 0);
            t.grant("password", json!({ "email": email, "password": "wrong" })).await.fails(400, "invalid_credentials");
            until("a hash was computed", async || hasher.load().memory == 19 * 1024 * 1024).await;
        }
    });
}

/// The password of everybody, hashed by nobody's hasher.
async fn password_hash() -> String {
    let hasher = Hasher::start(Random::new(), password::Limits::default()).unwrap();
    hasher.hash(Secret::from(PASSWORD)).await.unwrap()
}

#[test]
fn a_sign_in_that_finds_the_queue_full_is_told_when_to_come_back() {
    story(async |_| {
        let (t, hasher) = with_hasher(1).await;
        t.person("ann@example.com").await;
        let mut flood = flood(&hasher).await;
        for email in ["ann@example.com", "nobody@example.com"] {
            // Now and then one slips in where another has just left.
            let mut refused = None;
            until("a sign-in is refused", async || {
                let answer = t.grant("password", json!({ "email": email, "password": "wrong" })).await;
                refused = (answer.status == 429).then_some(answer);
                refused.is_some()
            })
            .await;
            let refused = refused.unwrap();
            assert_eq!(refused.headers["retry-after"], "1");
            let body = refused.fails(429, "too_many_requests");
            assert_eq!(keys(&body), ["error", "error_description"]);
        }
        // None of the senders comes again, and then what they left is done. Between two passwords nothing runs, so that
        // alone says little.
        flood.shutdown().await;
        until("nothing is left", async || hasher.load().queued + hasher.load().running == 0).await;
        t.sign_in("ann@example.com").await;
    });
}

#[test]
fn only_requests_without_a_password_keep_a_core_free_of_passwords() {
    story(async |_| {
        let threads = NonZeroUsize::new(2).unwrap();
        let limits = password::Limits { threads, make_way: Duration::from_hours(1), ..password::Limits::default() };
        let hasher = Hasher::start(Random::new(), limits).unwrap();
        let clone = hasher.clone();
        let t = Test::with(|parts| parts.hasher = clone).await;
        t.person("ann@example.com").await;
        t.sign_in("ann@example.com").await;
        let wrong = json!({ "email": "ann@example.com", "password": "wrong" });
        t.grant("password", wrong).await.fails(400, "invalid_credentials");
        for probe in ["/livez", "/readyz", "/health"] {
            t.get(probe).await.ok();
        }
        assert_eq!(hasher.load().at_once, 2);
        t.get("/organizations").await.ok();
        assert_eq!(hasher.load().at_once, 1);
    });
}

#[test]
fn no_connection_is_held_while_a_password_waits() {
    story(async |shared| {
        let options = shared.app.database().pool().connect_options();
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(Duration::from_secs(2));
        let (hasher, pool) = (new_hasher(100), pool.connect_lazy_with((*options).clone()));
        let clone = hasher.clone();
        let t = Test::with(|parts| {
            parts.database = Database::of(pool, parts.database.clock.clone(), Random::new());
            parts.hasher = clone;
        })
        .await;
        t.person("ann@example.com").await;
        t.keys().await;
        let backlog = backlog(&hasher).await;
        let waiting = tokio::spawn({
            let t = t.clone();
            async move { t.sign_in("ann@example.com").await }
        });
        // They take turns with the look-ups of the sign-in, and then have the only connection for themselves.
        for _ in 0..20 {
            t.get("/organizations").await.ok();
        }
        assert!(!waiting.is_finished(), "the password did not wait");
        drop(backlog);
        waiting.await.unwrap();
    });
}

/// Who makes the tokens of an environment.
fn issuer<'i>(scope: &'i Scope, key: &'i SigningKey) -> Issuer<'i> {
    let (environment, keyring) = (&scope.environment, scope.app().keyring());
    let (client_id, settings) = (&environment.client_id, &environment.settings);
    Issuer { url: scope.issuer(), client_id, settings, key, keyring }
}

#[test]
fn the_proof_of_a_password_that_was_changed_meanwhile_opens_nothing() {
    story(async |t| {
        let user = t.person("ann@example.com").await;
        let old = stored_hash(&t, &user).await.unwrap();
        let scope = Scope::of(t.app.clone(), t.environment.clone(), Actor::operator());
        let key = scope.signing_key().await.unwrap();
        let enter = async || {
            let issuer = issuer(&scope, &key);
            let user = UserId::verbatim(user["id"].as_str().unwrap());
            let proof = Proof::Right { user, hash: Secret::from(old.as_str()), renewed: None };
            let origin = authentication::Origin::default();
            let entry = scope
                .write(async |tx| authentication::by_password(tx, &issuer, "ann@example.com", origin, proof).await);
            entry.await.unwrap()
        };
        assert!(matches!(enter().await, Some(Entry::Admitted(_))));
        let path = format!("/user_management/users/{}", user["id"].as_str().unwrap());
        t.put(&path, json!({ "password": "another long and good one" })).await.ok();
        assert!(enter().await.is_none(), "the old password must be compared again");
        t.delete(&path).await.done();
        assert!(enter().await.is_none(), "a deleted user must be looked for again");
        assert_eq!(t.events(&["session.created"]).await.len(), 1);
    });
}

#[test]
fn a_hash_with_other_parameters_is_made_anew_at_sign_in() {
    story(async |t| {
        let user = t.person("ann@example.com").await;
        store_hash(&t, &user, FOREIGN).await;
        let enter = async |password: &str| {
            t.grant("password", json!({ "email": "ann@example.com", "password": password })).await
        };
        enter("wrong").await.fails(400, "invalid_credentials");
        assert_eq!(stored_hash(&t, &user).await.as_deref(), Some(FOREIGN));
        enter("password").await.ok();
        let renewed = stored_hash(&t, &user).await.unwrap();
        assert!(renewed.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{renewed}");
        enter("password").await.ok();
        assert_eq!(stored_hash(&t, &user).await, Some(renewed));
    });
}

/// One of them hashes the password anew, and takes from the others the hash that they were compared with.
#[test]
fn several_sign_ins_at_once_with_a_hash_that_is_made_anew_all_succeed() {
    story(async |t| {
        let user = t.person("ann@example.com").await;
        store_hash(&t, &user, FOREIGN).await;
        let enter = || t.grant("password", json!({ "email": "ann@example.com", "password": "password" }));
        for answer in join_all((0..6).map(|_| enter())).await {
            answer.ok();
        }
        assert_ne!(stored_hash(&t, &user).await.as_deref(), Some(FOREIGN));
        assert_eq!(t.events(&["authentication.password_failed"]).await.len(), 0);
    });
}

/// A lock on the user holds both between their comparison and their transaction, so the second cannot be lucky.
#[test]
fn a_sign_in_whose_hash_was_replaced_meanwhile_is_compared_again() {
    story(async |t| {
        let user = t.person("ann@example.com").await;
        let pool = t.app.database().pool();
        let renewed = stored_hash(&t, &user).await.unwrap();
        for (replacement, status) in [(renewed.as_str(), 400), (PASSWORD_ANEW, 200)] {
            store_hash(&t, &user, FOREIGN).await;
            let mut holder = pool.begin().await.unwrap();
            let id = user["id"].as_str().unwrap();
            sqlx::query("select from users where id = $1 for update").bind(id).execute(&mut *holder).await.unwrap();
            let entering = tokio::spawn({
                let t = t.clone();
                async move { t.grant("password", json!({ "email": "ann@example.com", "password": "password" })).await }
            });
            until("the sign-in waits for the user", async || {
                let waits = "select exists (select from pg_stat_activity where wait_event_type = 'Lock'
                             and datname = current_database() and query like '%user_passwords p%')";
                sqlx::query_scalar(waits).fetch_one(pool).await.unwrap()
            })
            .await;
            sqlx::query("update user_passwords set hash = $2 where user_id = $1")
                .bind(id)
                .bind(replacement)
                .execute(&mut *holder)
                .await
                .unwrap();
            holder.commit().await.unwrap();
            assert_eq!(entering.await.unwrap().status.as_u16(), status);
        }
    });
}

#[test]
fn what_a_grant_needs_and_does_not_have_is_named() {
    story(async |t| {
        let id = &t.environment.client_id;
        let stranger = t.with_key("");
        let missing = async |body: Value, parameter: &str| {
            let refused = stranger.post("/user_management/authenticate", body).await.fails(400, "invalid_request");
            let description = format!("Missing required parameter: {parameter}.");
            assert_eq!(refused, json!({ "error": "invalid_request", "error_description": description }));
        };
        missing(json!({}), "client_id").await;
        missing(json!({ "client_id": id }), "grant_type").await;
        let password = json!({ "client_id": id, "grant_type": "password" });
        missing(password.clone(), "client_secret").await;
        let with = |body: &Value, key: &str, value: &str| {
            let mut body = body.clone();
            body[key] = json!(value);
            body
        };
        let password = with(&password, "client_secret", &t.key);
        missing(password.clone(), "email").await;
        missing(with(&password, "email", "ann@example.com"), "password").await;
        missing(with(&with(&password, "client_secret", ""), "email", "a@example.com"), "client_secret").await;
        let refresh = json!({ "client_id": id, "grant_type": "refresh_token" });
        missing(refresh, "refresh_token").await;
        let selection = with(&password, "grant_type", SELECTION);
        missing(selection.clone(), "pending_authentication_token").await;
        missing(with(&selection, "pending_authentication_token", "x"), "organization_id").await;

        let unknown = stranger.post("/user_management/authenticate", with(&password, "grant_type", "implicit")).await;
        unknown.fails(400, "invalid_request");
        let wrong = json!({ "client_id": id, "grant_type": 7, "email": "x".repeat(255) });
        stranger.post("/user_management/authenticate", wrong).await.invalid(&["grant_type"]);
        let request =
            |body: &'static str| Request::post("/user_management/authenticate").body(Body::from(body)).unwrap();
        stranger.call(request("{")).await.fails(400, "invalid_request");
    });
}

#[test]
fn a_client_must_know_its_own_secret() {
    story(async |t| {
        t.person("ann@example.com").await;
        let neighbour = t.neighbour().await;
        let enter = async |client_id: &str, secret: &str| {
            let body = json!({ "grant_type": "password", "client_id": client_id, "client_secret": secret,
                "email": "ann@example.com", "password": PASSWORD });
            // A good bearer token makes up for nothing.
            t.post("/user_management/authenticate", body).await
        };
        enter(&t.environment.client_id, &t.key).await.ok();
        let body = enter(&t.environment.client_id, "sk_wrong").await.fails(400, "invalid_client");
        assert_eq!(keys(&body), ["error", "error_description"]);
        assert_eq!(enter(&t.environment.client_id, &neighbour.key).await.fails(400, "invalid_client"), body);
        assert_eq!(enter(&neighbour.environment.client_id, &t.key).await.fails(400, "invalid_client"), body);
        enter("client_unknown", &t.key).await.fails(400, "invalid_client");
        assert_eq!(t.events(&["authentication.password_failed"]).await.len(), 0);
    });
}

#[test]
fn a_user_of_another_environment_cannot_sign_in() {
    story(async |t| {
        t.person("ann@example.com").await;
        let neighbour = t.neighbour().await;
        neighbour.try_sign_in("ann@example.com").await.fails(400, "invalid_credentials");
        assert_eq!(neighbour.events(&["authentication.password_failed"]).await[0]["data"]["user_id"], json!(null));
        assert_eq!(t.events(&["authentication.password_failed"]).await.len(), 0);
    });
}

#[test]
fn a_form_serves_as_well_and_a_bearer_token_may_be_there() {
    story(async |t| {
        t.person("ann@example.com").await;
        let form = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([
                ("grant_type", "password"),
                ("client_id", &t.environment.client_id),
                ("client_secret", &t.key),
                ("email", "ann@example.com"),
                ("password", PASSWORD),
            ])
            .finish();
        for bearer in ["Bearer", "Bearer ", "Bearer sk_of_nobody", &format!("Bearer {}", t.key)] {
            let request = Request::post("/user_management/authenticate")
                .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
                .header(header::AUTHORIZATION, bearer)
                .body(Body::from(form.clone()));
            t.call(request.unwrap()).await.ok();
        }
    });
}

#[test]
fn attempts_are_counted_for_each_address_where_the_operator_says_so() {
    story(async |_| {
        let t = Test::with_limits(Limits::new(None, NonZeroU32::new(2))).await;
        t.person("ann@example.com").await;
        for email in ["ann@example.com", "ANN@example.com "] {
            t.grant("password", json!({ "email": email, "password": "wrong" })).await.fails(400, "invalid_credentials");
        }
        let refused = t.try_sign_in("ann@example.com").await;
        let seconds: u32 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds));
        let body = refused.fails(429, "too_many_requests");
        assert_eq!(keys(&body), ["error", "error_description"]);
        t.try_sign_in("bob@example.com").await.fails(400, "invalid_credentials");
        assert_eq!(t.events(&["authentication.password_failed"]).await.len(), 3);
    });
}

/// A user who is a member of two organizations.
async fn member_of_two(t: &Test) -> (Value, Value, Value) {
    let user = t.person("ann@example.com").await;
    let (first, second) = (t.organization("First").await, t.organization("Second").await);
    t.membership(&user, &first).await;
    t.membership(&user, &second).await;
    (user, first, second)
}

async fn select(t: &Test, token: &Value, organization: &Value) -> Answer {
    t.grant(SELECTION, json!({ "pending_authentication_token": token, "organization_id": organization })).await
}

/// The token of a sign-in that waits for the choice of an organization.
async fn pending(t: &Test) -> Value {
    t.try_sign_in("ann@example.com").await.fails(403, "organization_selection_required")["pending_authentication_token"]
        .clone()
}

#[test]
fn a_member_of_several_organizations_chooses_one_of_them() {
    story(async |t| {
        let (user, first, second) = member_of_two(&t).await;
        let held = t.try_sign_in("ann@example.com").await;
        assert_eq!(held.headers["cache-control"], "no-store");
        let held = held.fails(403, "organization_selection_required");
        assert_eq!(keys(&held), ["code", "message", "organizations", "pending_authentication_token", "user"]);
        assert_eq!(held["message"], "The user must choose an organization to finish their authentication.");
        assert_eq!(
            held["organizations"],
            json!([{ "id": first["id"], "name": "First" }, { "id": second["id"], "name": "Second" }])
        );
        assert_eq!((&held["user"]["id"], &held["user"]["last_sign_in_at"]), (&user["id"], &json!(null)));
        t.assert_events(&["authentication.password_succeeded"]).await;
        assert_eq!(t.events(&["session.created"]).await.len(), 0);

        t.advance(599);
        let token = &held["pending_authentication_token"];
        let answer = select(&t, token, &second["id"]).await.ok();
        assert_eq!((&answer["organization_id"], &answer["authentication_method"]), (&second["id"], &json!("Password")));
        let claims = t.claims(&answer["access_token"]).await;
        assert_eq!((&claims["org_id"], &claims["role"]), (&second["id"], &json!("member")));
        // The user proved who they are with the password, not with the choice.
        assert!((599..=600).contains(&(claims["iat"].as_i64().unwrap() - claims["auth_time"].as_i64().unwrap())));
        assert_eq!(t.events(&["session.created"]).await.len(), 1);
        select(&t, token, &second["id"]).await.fails(400, "invalid_pending_authentication_token");
    });
}

#[test]
fn a_choice_that_is_refused_can_be_made_again() {
    story(async |t| {
        let (_, first, second) = member_of_two(&t).await;
        let other = t.organization("Other").await;
        let token = pending(&t).await;
        let refused = select(&t, &token, &json!("org_unknown")).await.fails(400, "organization_not_found");
        assert_eq!(keys(&refused), ["error", "error_description"]);
        select(&t, &token, &other["id"]).await.fails(400, "organization_membership_not_found");
        let members = t.get(format!(
            "/user_management/organization_memberships?organization_id={}",
            second["id"].as_str().unwrap()
        ));
        let membership = members.await.ok()["data"][0]["id"].as_str().unwrap().to_owned();
        t.put(format!("/user_management/organization_memberships/{membership}/deactivate"), json!({})).await.ok();
        select(&t, &token, &second["id"]).await.fails(400, "organization_membership_not_found");
        select(&t, &token, &first["id"]).await.ok();
        // One active membership is left, so there is nothing to choose.
        assert_eq!(t.sign_in("ann@example.com").await["organization_id"], first["id"]);
    });
}

#[test]
fn a_pending_sign_in_is_for_one_client_and_ten_minutes() {
    story(async |t| {
        let (_, first, _) = member_of_two(&t).await;
        let token = pending(&t).await;
        let neighbour = t.neighbour().await;
        let code = "invalid_pending_authentication_token";
        let body = select(&neighbour, &token, &first["id"]).await.fails(400, code);
        assert_eq!(keys(&body), ["code", "message"]);
        select(&t, &json!("unknown"), &first["id"]).await.fails(400, code);
        t.advance(600);
        select(&t, &token, &first["id"]).await.fails(400, code);
    });
}

#[test]
fn of_many_choices_with_one_token_one_begins_a_session() {
    story(async |t| {
        let (_, first, second) = member_of_two(&t).await;
        let token = pending(&t).await;
        let attempts = (0..16).map(|i| {
            let (t, token) = (t.clone(), token.clone());
            let organization = if i % 2 == 0 { first["id"].clone() } else { second["id"].clone() };
            tokio::spawn(async move { select(&t, &token, &organization).await })
        });
        let answers: Vec<_> = join_all(attempts).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        for answer in answers.into_iter().filter(|answer| answer.status != 200) {
            answer.fails(400, "invalid_pending_authentication_token");
        }
        assert_eq!(t.events(&["session.created"]).await.len(), 1);
    });
}

#[test]
fn a_pending_sign_in_ends_when_the_password_changes() {
    story(async |t| {
        let (user, first, _) = member_of_two(&t).await;
        let token = pending(&t).await;
        let path = format!("/user_management/users/{}", user["id"].as_str().unwrap());
        t.put(path, json!({ "password": "another long and good one" })).await.ok();
        select(&t, &token, &first["id"]).await.fails(400, "invalid_pending_authentication_token");
    });
}

#[test]
fn a_membership_that_is_taken_away_during_a_sign_in_takes_the_session_with_it() {
    story_apart(async |t| {
        let (user, organization) = (t.person("ann@example.com").await, t.organization("Acme").await);
        let membership = t.membership(&user, &organization).await;
        let path = format!("/user_management/organization_memberships/{}", membership["id"].as_str().unwrap());
        let proof = Proof::Right {
            user: UserId::verbatim(user["id"].as_str().unwrap()),
            hash: Secret::new(stored_hash(&t, &user).await.unwrap()),
            renewed: None,
        };
        let scope = Scope::of(t.app.clone(), t.environment.clone(), Actor::operator());
        let key = scope.signing_key().await.unwrap();
        let issuer = issuer(&scope, &key);
        let deletion = scope.write(async |tx| {
            let origin = authentication::Origin::default();
            let entry = authentication::by_password(tx, &issuer, "ann@example.com", origin, proof).await?;
            assert!(matches!(entry, Some(Entry::Admitted(_))));
            // The membership is deleted before the session is there to be seen.
            let clone = t.clone();
            let deletion = tokio::spawn(async move { clone.delete(path).await.done() });
            until("the deletion waits", async || {
                let waits = "select exists (select from pg_locks where not granted)";
                sqlx::query_scalar(waits).fetch_one(t.app.database().pool()).await.unwrap()
            })
            .await;
            Ok(deletion)
        });
        deletion.await.unwrap().await.unwrap();
        t.assert_events(&["session.created", "session.revoked"]).await;
        let sessions = format!("/user_management/users/{}/sessions", user["id"].as_str().unwrap());
        assert_eq!(t.pages(&sessions).await, [json!(null); 0]);
    });
}
