//! What a server remembers of its callers: nothing that is over, from the moment that the change of it is answered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::harness::{Test, story, until};
use crate::source;

/// Two servers on one database, both used with one key of one environment.
async fn two_servers(t: &Test) -> (Test, Test, Value) {
    let other = Test::with(|_| ()).await.joined(t);
    let path = format!("/admin/v1/environments/{}/api_keys", t.environment.id);
    let key = t.operator().post(path, json!({ "name": "busy" })).await.created();
    let value = key["value"].as_str().unwrap();
    (t.with_key(value), other.with_key(value), key)
}

/// Callers that never pause, so that whatever may be remembered is; gone when told.
struct Busy {
    stop: Arc<AtomicBool>,
    callers: JoinSet<Vec<StatusCode>>,
}

impl Busy {
    async fn begin(servers: &[&Test]) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut callers = JoinSet::new();
        for server in servers {
            server.get("/organizations").await.ok();
            let (server, stop) = (Test::clone(server), Arc::clone(&stop));
            callers.spawn(async move {
                let mut statuses = Vec::new();
                for number in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let made = server.post("/organizations", json!({ "name": format!("Acme {number}") })).await;
                    statuses.push(made.status);
                }
                statuses
            });
        }
        Self { stop, callers }
    }

    /// What they were answered, whichever came.
    async fn end(self) -> Vec<StatusCode> {
        self.stop.store(true, Ordering::Relaxed);
        self.callers.join_all().await.concat()
    }
}

#[test]
fn a_deleted_key_is_refused_by_every_server_from_the_answer_on() {
    story(async |t| {
        for _ in 0..3 {
            let (here, there, key) = two_servers(&t).await;
            let busy = Busy::begin(&[&here, &there]).await;
            let id = key["id"].as_str().unwrap();
            let path = format!("/admin/v1/environments/{}/api_keys/{id}", t.environment.id);
            t.operator().delete(path).await.no_content();
            for server in [&there, &here] {
                server.get("/organizations").await.fails(401, "unauthorized");
            }
            let statuses = busy.end().await;
            assert!(statuses.iter().all(|&status| status == 201 || status == 401), "{statuses:?}");
        }
    });
}

#[test]
fn a_setting_is_obeyed_by_every_server_from_the_answer_on() {
    story(async |t| {
        let (here, there, _) = two_servers(&t).await;
        for slug in ["editor", "viewer"] {
            here.post("/authorization/roles", json!({ "slug": slug, "name": slug })).await.created();
        }
        let organization = here.organization("Acme").await;
        let busy = Busy::begin(&[&here, &there]).await;
        for (number, allowed) in [true, false, true].into_iter().enumerate() {
            let path = format!("/admin/v1/environments/{}/settings", t.environment.id);
            t.operator().patch(path, json!({ "multiple_roles": allowed })).await.ok();
            let user = there.user(&format!("ann{number}@example.com")).await;
            let body = json!({ "user_id": user["id"], "organization_id": organization["id"],
                "role_slugs": ["editor", "viewer"] });
            let made = there.post("/user_management/organization_memberships", body).await;
            if allowed { drop(made.created()) } else { drop(made.fails(422, "multiple_roles_not_enabled")) }
        }
        busy.end().await;
    });
}

#[test]
fn a_deleted_environment_is_nobodys_and_takes_nothing_more() {
    story(async |t| {
        let (here, there, _) = two_servers(&t).await;
        let busy = Busy::begin(&[&here, &there]).await;
        t.operator().delete(format!("/admin/v1/environments/{}", t.environment.id)).await.no_content();
        for server in [&there, &here] {
            server.get("/organizations").await.fails(401, "unauthorized");
        }
        // Those who were remembered until then were refused by the database.
        let statuses = busy.end().await;
        assert!(statuses.iter().all(|&status| status == 201 || status == 401), "{statuses:?}");
    });
}

/// Whoever goes past the server waits for nothing; then a server remembers for its moment, and no longer.
#[test]
fn what_is_remembered_is_forgotten_by_itself() {
    story(async |t| {
        let (here, _, key) = two_servers(&t).await;
        here.get("/organizations").await.ok();
        let delete = sqlx::query("delete from management_keys where id = $1").bind(key["id"].as_str().unwrap());
        delete.execute(t.app.database().pool()).await.unwrap();
        // However busy the key is meanwhile.
        until("the key is refused", async || here.get("/organizations").await.status == 401).await;
    });
}

/// The statements that change what servers remember are those whose transactions wait for the leases; none is forgotten.
#[test]
fn whatever_changes_what_is_remembered_recalls_it() {
    let mut found = 0;
    for file in source::files() {
        for table in ["cors_origins", "environments", "management_keys"] {
            for verb in ["update", "delete from"] {
                let statement = format!("\"{verb} {table}");
                for (at, _) in file.text.match_indices(&statement) {
                    let before = file.text[..at].trim_end();
                    assert!(before.ends_with(".recall(sql!("), "{}: {statement}", file.path.display());
                    found += 1;
                }
            }
        }
    }
    assert_eq!(found, 4);
}
