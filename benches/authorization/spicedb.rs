//! SpiceDB, on a database of the same PostgreSQL. Its module is not to be had everywhere, so it is a program from
//! outside.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::common::Fault;
use super::common::client::{Connection, request};
use super::common::process::{PATIENCE, Running};
use super::expect::{Answer, Question};
use super::forest::{DOCUMENT, KINDS, LEVELS, Mover};
use super::openfga::{Tuple, all, free_address};
use super::questions::{Check, Discovery, Revocable, Who};
use super::side::Side;
use super::truth::Truth;

const KEY: &str = "comparison";
/// Relationships in one write: its limit.
const WRITE: usize = 1000;
/// What it answers without being asked for freshness is up to so old, so nothing is asked sooner after a load.
const SETTLED: Duration = Duration::from_secs(12);

/// Whether every answer is fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consistency {
    Fully,
    /// Its default, answered from its caches.
    MinimizeLatency,
}

pub struct SpiceDb {
    running: Running,
    address: SocketAddr,
    pub consistency: Consistency,
}

/// Makes its tables.
pub fn migrate(program: &Path, database: &str) -> Result<(), Fault> {
    let output = Command::new(program)
        .args(["datastore", "migrate", "head", "--datastore-engine", "postgres", "--datastore-conn-uri", database])
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("spicedb datastore migrate: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// Starts it, with statements that are prepared, which its default does not do, and waits until it answers.
pub async fn begin(program: &Path, database: &str, consistency: Consistency) -> Result<SpiceDb, Fault> {
    let [http, grpc] = [free_address()?, free_address()?];
    let database = format!("{database}&default_query_exec_mode=cache_statement");
    let mut command = Command::new(program);
    command.args(["serve", "--datastore-engine", "postgres", "--datastore-conn-uri", &database]);
    command.args(["--skip-release-check", "--telemetry-endpoint", "", "--log-level", "error"]);
    command.args(["--grpc-preshared-key", KEY, "--grpc-addr", &grpc.to_string()]);
    command.args(["--http-enabled", "--http-addr", &http.to_string()]);
    command.args(["--metrics-enabled=false", "--datastore-prometheus-metrics=false"]);
    let running = Running::begin(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))?;
    let side = SpiceDb { running, address: http, consistency };
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if side.call("/v1/schema/write", &json!({ "schema": schema() })).await.is_ok() {
            return Ok(side);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("SpiceDB does not start".into())
}

/// Writes the forest, a thousand relationships at a time.
pub async fn load(side: &SpiceDb, truth: &Truth) -> Result<(), Fault> {
    let mut connection = Connection::open(side.address).await?;
    let mut updates = Vec::with_capacity(WRITE);
    let mut tuples = all(truth).peekable();
    while let Some(Tuple(kind, id, relation, whom)) = tuples.next() {
        updates.push(update("OPERATION_TOUCH", (kind, &id.to_string()), relation, &whom));
        if updates.len() == WRITE || tuples.peek().is_none() {
            let body = json!({ "updates": std::mem::take(&mut updates) });
            let answer = connection.send(&request("POST", "/v1/relationships/write", KEY, Some(&body))).await?;
            if answer.status != 200 {
                return Err(format!("SpiceDB does not take relationships: {}", answer.json()).into());
            }
        }
    }
    tokio::time::sleep(SETTLED).await;
    Ok(())
}

/// A definition a level, as in OpenFGA.
fn schema() -> String {
    let mut text = "definition user {}\ndefinition group {\n  relation member: user\n}\n".to_owned();
    for (kind, name) in KINDS.iter().enumerate() {
        text.push_str(&format!("definition {name} {{\n"));
        for level in LEVELS {
            text.push_str(&format!("  relation {level}: user | group#member\n"));
        }
        if kind > 0 {
            let above = if kind == DOCUMENT as usize { &KINDS[..kind] } else { &KINDS[kind - 1..kind] };
            text.push_str(&format!("  relation parent: {}\n", above.join(" | ")));
        }
        let above = if kind > 0 { " + parent->read" } else { "" };
        text.push_str(&format!("  permission read = viewer + editor + admin{above}\n}}\n"));
    }
    text
}

/// `user:m1` or `group:7#member`.
fn update(operation: &str, (kind, id): (&str, &str), relation: &str, whom: &str) -> Value {
    let (whom, member) = whom.split_once('#').unwrap_or((whom, ""));
    let (of, it) = whom.split_once(':').unwrap_or_default();
    let mut subject = json!({ "object": { "objectType": of, "objectId": it } });
    if !member.is_empty() {
        subject["optionalRelation"] = json!(member);
    }
    let resource = json!({ "objectType": kind, "objectId": id });
    let relationship = json!({ "resource": resource, "relation": relation, "subject": subject });
    json!({ "operation": operation, "relationship": relationship })
}

impl SpiceDb {
    async fn call(&self, path: &str, body: &Value) -> Result<Value, Fault> {
        let mut connection = Connection::open(self.address).await?;
        let answer = connection.send(&request("POST", path, KEY, Some(body))).await?;
        match answer.status {
            200 => Ok(answer.json()),
            status => Err(format!("SpiceDB answered {path} with {status}: {}", answer.json()).into()),
        }
    }

    fn question(&self, path: &str, mut body: Value, answer: Answer) -> Question {
        let consistency = match self.consistency {
            Consistency::Fully => "fullyConsistent",
            Consistency::MinimizeLatency => "minimizeLatency",
        };
        body["consistency"] = json!({ consistency: true });
        body["permission"] = json!("read");
        Question { request: request("POST", path, KEY, Some(&body)), status: 200, answer }
    }
}

fn write(updates: &[Value]) -> Question {
    let body = json!({ "updates": updates });
    Question { request: request("POST", "/v1/relationships/write", KEY, Some(&body)), status: 200, answer: Answer::Any }
}

fn role(operation: &str, revocable: &Revocable) -> Question {
    let document = revocable.resource.to_string();
    let relation = LEVELS[revocable.level as usize];
    write(&[update(operation, ("document", &document), relation, &format!("user:m{}", revocable.member))])
}

fn user(member: u32) -> Value {
    json!({ "object": { "objectType": "user", "objectId": format!("m{member}") } })
}

impl Side for SpiceDb {
    fn name(&self) -> &'static str {
        match self.consistency {
            Consistency::Fully => "SpiceDB",
            Consistency::MinimizeLatency => "SpiceDB with caches",
        }
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn process(&self) -> u32 {
        self.running.id()
    }

    fn check(&self, check: &Check) -> Question {
        let resource = json!({ "objectType": "document", "objectId": check.resource.to_string() });
        let said = if check.allowed { "PERMISSIONSHIP_HAS_PERMISSION" } else { "PERMISSIONSHIP_NO_PERMISSION" };
        let body = json!({ "resource": resource, "subject": user(check.member) });
        self.question("/v1/permissions/check", body, Answer::Says("permissionship", said))
    }

    fn discovery(&self, discovery: &Discovery) -> Question {
        let ids = discovery.found.iter().map(u32::to_string).collect();
        let body = json!({
            "resourceObjectType": "document", "subject": user(discovery.member), "optionalLimit": 10,
        });
        // The same one may come several times within the limit.
        self.question("/v1/permissions/resources", body, Answer::some("resourceObjectId", "", ids, 1))
    }

    fn who(&self, who: &Who) -> Question {
        let ids = who.found.iter().map(|it| format!("m{it}")).collect();
        let resource = json!({ "objectType": "document", "objectId": who.resource.to_string() });
        let body = json!({ "resource": resource, "subjectObjectType": "user" });
        self.question("/v1/permissions/subjects", body, Answer::some("subjectObjectId", "", ids, usize::MAX))
    }

    fn revoke(&self, revocable: &Revocable) -> Question {
        role("OPERATION_DELETE", revocable)
    }

    fn grant(&self, revocable: &Revocable) -> Question {
        role("OPERATION_TOUCH", revocable)
    }

    fn create(&self, site: u32, name: &str) -> Question {
        let site = format!("workspace:{site}");
        write(&[update("OPERATION_TOUCH", ("document", name), "parent", &site)])
    }

    fn relocate(&self, mover: &Mover, away: bool) -> Question {
        let project = mover.top.to_string();
        let [near, far] = mover.homes.map(|home| format!("workspace:{home}"));
        let (from, to) = if away { (near, far) } else { (far, near) };
        write(&[
            update("OPERATION_DELETE", ("project", &project), "parent", &from),
            update("OPERATION_TOUCH", ("project", &project), "parent", &to),
        ])
    }
}
