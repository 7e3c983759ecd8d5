//! What was taken away is gone: a check that begins after the answer to that says no, on every server, whatever happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::database::{KEY, Postgres};
use crate::harness::{Made, Place, Server, until};

/// Who asks each server at once: enough for checks to be asked together.
const READERS: usize = 6;
/// Answers that each of them must have had before what was taken away is given back.
const ENOUGH: u64 = 2;

/// A membership that may read a project in four ways, one at a time.
struct Grant {
    writer: Server,
    membership: String,
    organization: String,
    group: String,
    resource: String,
}

/// What both sides know.
#[derive(Default)]
struct Watch {
    /// Odd while everything has been taken away, and nobody has begun to give anything back.
    period: AtomicU64,
    stop: AtomicBool,
    /// Answers of each reader that were held against a period, and those that said yes.
    judged: Vec<AtomicU64>,
    allowed: AtomicU64,
}

async fn make(writer: &Server, operator: &Server) -> Grant {
    let id = |made: &Value| made["id"].as_str().unwrap().to_owned();
    let send = async |path: &str, body: Value| writer.post(path, body).await.expect(201);
    let environments = operator.get("/admin/v1/environments").await.expect(200);
    let types = format!("/admin/v1/environments/{}/resource_types", id(&environments["data"][0]));
    let body = json!({ "slug": "project", "name": "Project", "parents": ["organization"] });
    operator.post(&types, body).await.expect(201);
    let organization = id(&send("/organizations", json!({ "name": "Acme" })).await);
    let body = json!({ "slug": "docs:read", "name": "Read", "resource_type_slug": "project" });
    send("/authorization/permissions", body).await;
    for (slug, kind) in [("reader", "organization"), ("lead", "project")] {
        send("/authorization/roles", json!({ "slug": slug, "name": slug, "resource_type_slug": kind })).await;
    }
    let body =
        json!({ "organization_id": organization, "resource_type_slug": "project", "external_id": "p", "name": "P" });
    let resource = id(&send("/authorization/resources", body).await);
    let user = id(&send("/user_management/users", json!({ "email": "ann@example.test" })).await);
    let body = json!({ "user_id": user, "organization_id": organization });
    let membership = id(&send("/user_management/organization_memberships", body).await);
    let group = id(&send(&format!("/organizations/{organization}/groups"), json!({ "name": "Team" })).await);
    let body = json!({ "role_slug": "lead", "resource_id": resource });
    send(&format!("/authorization/groups/{group}/role_assignments"), body).await;
    Grant { writer: writer.again(), membership, organization, group, resource }
}

/// The ways in which something is given, and taken away again.
#[derive(Debug, Clone, Copy)]
enum Way {
    Role,
    Permission,
    Status,
    Group,
    Assignment,
}

const WAYS: [Way; 5] = [Way::Role, Way::Permission, Way::Status, Way::Group, Way::Assignment];

impl Grant {
    /// Sends until it is done: the database may be away.
    async fn send(&self, method: Method, path: &str, body: Option<Value>) {
        until("it is written", async || {
            let answer = self.writer.try_send(method.clone(), path, body.clone()).await.ok()?;
            // What was done although the answer got lost is not there to be done again.
            assert!([200, 201, 204, 404, 503].contains(&answer.status.as_u16()), "{path}: {}", answer.body);
            (answer.status != 503).then_some(())
        })
        .await;
    }

    async fn turn(&self, way: Way, on: bool) {
        let membership = format!("/user_management/organization_memberships/{}", self.membership);
        let permissions = |slugs: &[&str]| Some(json!({ "permissions": slugs }));
        match way {
            Way::Role => {
                let role = if on { "reader" } else { "member" };
                self.send(Method::PUT, "/authorization/roles/reader/permissions", permissions(&["docs:read"])).await;
                self.send(Method::PUT, &membership, Some(json!({ "role_slug": role }))).await;
            }
            Way::Permission => {
                self.send(Method::PUT, &membership, Some(json!({ "role_slug": "reader" }))).await;
                let slugs: &[_] = if on { &["docs:read"] } else { &[] };
                self.send(Method::PUT, "/authorization/roles/reader/permissions", permissions(slugs)).await;
            }
            Way::Status if on => {
                self.send(Method::PUT, "/authorization/roles/reader/permissions", permissions(&["docs:read"])).await;
                self.send(Method::PUT, &membership, Some(json!({ "role_slug": "reader" }))).await;
            }
            Way::Status => self.send(Method::PUT, &format!("{membership}/deactivate"), Some(json!({}))).await,
            Way::Group => {
                self.send(Method::PUT, "/authorization/roles/lead/permissions", permissions(&["docs:read"])).await;
                let members =
                    format!("/organizations/{}/groups/{}/organization-memberships", self.organization, self.group);
                if on {
                    let body = json!({ "organization_membership_id": self.membership });
                    self.send(Method::POST, &members, Some(body)).await;
                } else {
                    self.send(Method::DELETE, &format!("{members}/{}", self.membership), None).await;
                }
            }
            Way::Assignment => {
                self.send(Method::PUT, "/authorization/roles/lead/permissions", permissions(&["docs:read"])).await;
                let path = format!("/authorization/organization_memberships/{}/role_assignments", self.membership);
                let body = json!({ "role_slug": "lead", "resource_id": self.resource });
                self.send(if on { Method::POST } else { Method::DELETE }, &path, Some(body)).await;
            }
        }
    }
}

/// Asks without a pause until it is told to stop, or the server is gone.
async fn read(server: Server, watch: Arc<Watch>, number: usize, path: String, body: Value) {
    while !watch.stop.load(Ordering::Acquire) {
        let period = watch.period.load(Ordering::Acquire);
        let Ok(answer) = server.try_send(Method::POST, &path, Some(body.clone())).await else {
            watch.judged[number].store(u64::MAX / 2, Ordering::Release);
            return;
        };
        let authorized = match answer.status.as_u16() {
            200 => answer.body["authorized"].as_bool().unwrap(),
            503 => false,
            status => panic!("{status}: {}", answer.body),
        };
        let is_same = watch.period.load(Ordering::Acquire) == period;
        if period % 2 == 1 && is_same && answer.status == 200 {
            assert!(!authorized, "what was taken away before the check began was allowed");
            watch.judged[number].fetch_add(1, Ordering::AcqRel);
        }
        watch.allowed.fetch_add(u64::from(authorized), Ordering::Relaxed);
    }
}

/// Gives and takes away in every way, each time until every reader has been told no several times.
async fn rounds(grant: &Grant, watch: &Watch, times: usize) {
    for way in (0..times).flat_map(|_| WAYS) {
        let before = watch.allowed.load(Ordering::Relaxed);
        grant.turn(way, true).await;
        until("it is allowed", async || (watch.allowed.load(Ordering::Relaxed) > before).then_some(())).await;
        grant.turn(way, false).await;
        watch.period.fetch_add(1, Ordering::AcqRel);
        let judged = |number: usize| watch.judged[number].load(Ordering::Acquire);
        let so_far: Vec<_> = (0..watch.judged.len()).map(judged).collect();
        until("everybody has been told no", async || {
            (0..so_far.len()).all(|number| judged(number) >= (so_far[number] + ENOUGH).min(u64::MAX / 2)).then_some(())
        })
        .await;
        watch.period.fetch_add(1, Ordering::AcqRel);
        if matches!(way, Way::Status) {
            grant.turn(Way::Role, false).await;
            let membership = format!("/user_management/organization_memberships/{}", grant.membership);
            grant.send(Method::PUT, &format!("{membership}/reactivate"), Some(json!({}))).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_taken_away_is_allowed_by_any_server() {
    let place = Place::new();
    let postgres = Postgres::start(&place, "pg").await;
    let url = postgres.url();
    let settings = [("DATABASE_URL", url.as_str()), ("VESTIBULE_SECRET_KEY", KEY)];
    let one = place.server_with(&settings).await;
    let other = place.server_with(&settings).await;
    let Made { api_key, admin_token, .. } = one.made().unwrap();
    let grant = make(&other.caller(&api_key), &other.caller(&admin_token)).await;
    let path = format!("/authorization/organization_memberships/{}/check", grant.membership);
    let body = json!({ "permission_slug": "docs:read", "resource_id": grant.resource });
    let judged = (0..2 * READERS).map(|_| AtomicU64::new(0)).collect();
    let watch = Arc::new(Watch { judged, ..Watch::default() });
    let mut readers = JoinSet::new();
    for number in 0..2 * READERS {
        let server = if number % 2 == 0 { &one } else { &other };
        readers.spawn(read(server.caller(&api_key), Arc::clone(&watch), number, path.clone(), body.clone()));
    }
    rounds(&grant, &watch, 4).await;
    // One dies, and the other goes on. Then the database is started anew under it.
    one.signal(Signal::SIGKILL);
    one.ended().await;
    rounds(&grant, &watch, 1).await;
    postgres.restart().await;
    rounds(&grant, &watch, 2).await;
    watch.stop.store(true, Ordering::Release);
    readers.join_all().await;
}
