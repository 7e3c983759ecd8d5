//! The password of a sign-in: how it is compared, what that costs whom, and hashes that are made anew.

use std::num::NonZeroUsize;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;
use vestibule::db::Database;
use vestibule::domain::authentication::{self, Entry};
use vestibule::domain::passwords::Proof;
use vestibule::http::Scope;
use vestibule::kernel::crypto::Random;
use vestibule::kernel::id::UserId;
use vestibule::kernel::secret::Secret;
use vestibule::model::events::Actor;
use vestibule::protocol::password::{self, Hasher};

use super::{issuer, keys, stored_hash};
use crate::harness::{PASSWORD, Test, story, until};

/// A hash of `password`, as it may be imported, that takes a quarter of a second.
const DEAR: &str = "$argon2id$v=19$m=131072,t=4,p=1$c29tZXNhbHRzb21lc2FsdA$zOz4MCPrgEkLfLJ8MnTEqCDCqVyh4YcqXsNxEqWXQKo";

/// A hash of `password` with other parameters than ours.
const FOREIGN: &str = "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4";

/// A hash of `password` with the parameters of ours.
const PASSWORD_ANEW: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$PL01amPyeUuxG7H0vIr5X+qHkZvWnHmGBGXFYvh8z2E";

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

async fn store_hash(t: &Test, user: &Value, hash: &str) {
    sqlx::query("update user_passwords set hash = $2 where user_id = $1")
        .bind(user["id"].as_str())
        .bind(hash)
        .execute(t.app.database().pool())
        .await
        .unwrap();
}

/// The password of everybody, hashed by nobody's hasher.
async fn password_hash() -> String {
    let hasher = Hasher::start(Random::new(), password::Limits::default()).unwrap();
    hasher.hash(Secret::from(PASSWORD)).await.unwrap()
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
