//! SpiceDB, on a database of the same PostgreSQL. Its module is not to be had everywhere, so it is a program from
//! outside.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;

use super::common::Fault;
use super::common::client::{Connection, request};
use super::common::process::{PATIENCE, Running};
use super::expect::{Answer, Question};
use super::forest::{DOCUMENT, KINDS, LEVELS, Mover};
use super::openfga::{Tuple, all, free_address};
use super::ours::PAGE;
use super::questions::{Check, Discovery, Revocable, Who};
use super::side::Side;
use super::truth::Truth;

const KEY: &str = "comparison";
const HAS: &str = "PERMISSIONSHIP_HAS_PERMISSION";
/// Relationships in one message of an import, and in one import, which is a transaction.
const MESSAGE: usize = 1000;
const IMPORT: usize = 100_000;

/// How it is configured and asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode {
    /// With statements that are prepared. Its default plans each one anew, and it advises that; here it was the slower.
    is_prepared: bool,
    consistency: Consistency,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consistency {
    /// Every answer is fresh.
    Fully,
    /// Its default: from its caches, as things were some seconds ago.
    MinimizeLatency,
}

impl Mode {
    pub const FRESH: Self = Self { is_prepared: true, consistency: Consistency::Fully };
    pub const CACHES: Self = Self { is_prepared: true, consistency: Consistency::MinimizeLatency };
    pub const PLAIN: Self = Self { is_prepared: false, consistency: Consistency::Fully };
    pub const PLAIN_CACHES: Self = Self { is_prepared: false, consistency: Consistency::MinimizeLatency };
}

pub struct SpiceDb {
    running: Running,
    address: SocketAddr,
    mode: Mode,
}

/// Makes its tables.
fn migrate(program: &Path, database: &str) -> Result<(), Fault> {
    let output = Command::new(program)
        .args(["datastore", "migrate", "head", "--datastore-engine", "postgres", "--datastore-conn-uri", database])
        .output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("spicedb datastore migrate: {}", String::from_utf8_lossy(&output.stderr)).into())
}

/// Starts it and waits until it answers.
pub async fn begin(program: &Path, database: &str, mode: Mode) -> Result<SpiceDb, Fault> {
    let [http, grpc] = [free_address()?, free_address()?];
    let prepared = if mode.is_prepared { "&default_query_exec_mode=cache_statement" } else { "" };
    let database = format!("{database}{prepared}");
    let mut command = Command::new(program);
    command.args(["serve", "--datastore-engine", "postgres", "--datastore-conn-uri", &database]);
    command.args(["--skip-release-check", "--telemetry-endpoint", "", "--log-level", "error"]);
    command.args(["--grpc-preshared-key", KEY, "--grpc-addr", &grpc.to_string()]);
    command.args(["--http-enabled", "--http-addr", &http.to_string()]);
    command.args(["--metrics-enabled=false", "--datastore-prometheus-metrics=false"]);
    let running = Running::begin(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))?;
    let side = SpiceDb { running, address: http, mode };
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Ok(mut connection) = Connection::open(http).await
            && let Ok(answer) = connection.send(&request("GET", "/healthz", "", None)).await
            && answer.status == 200
        {
            return Ok(side);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Err("SpiceDB does not start".into())
}

/// Makes its tables and the schema, imports the forest, and waits until also who asks for no freshness sees it.
pub async fn load(program: &Path, database: &str, truth: &Truth) -> Result<(), Fault> {
    migrate(program, database)?;
    let side = begin(program, database, Mode::CACHES).await?;
    side.call("/v1/schema/write", &json!({ "schema": schema() })).await?;
    let mut tuples =
        all(truth).map(|Tuple(kind, id, relation, whom)| relationship((kind, &id.to_string()), relation, &whom));
    let mut last = None;
    loop {
        let mut messages = Vec::with_capacity(IMPORT / MESSAGE);
        for _ in 0..IMPORT / MESSAGE {
            let relationships: Vec<_> = tuples.by_ref().take(MESSAGE).collect();
            let Some(end) = relationships.last() else { break };
            last = Some(end.clone());
            messages.push(json!({ "relationships": relationships }));
        }
        if messages.is_empty() {
            break;
        }
        side.import(&messages).await?;
    }
    let pool = PgPoolOptions::new().max_connections(1).connect(database).await?;
    sqlx::raw_sql("vacuum analyze").execute(&pool).await?;
    pool.close().await;
    side.see(&last.ok_or("there is nothing in the forest")?).await
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

/// To whom: `user:m1` or `group:7#member`.
fn relationship((kind, id): (&str, &str), relation: &str, whom: &str) -> Value {
    let (whom, member) = whom.split_once('#').unwrap_or((whom, ""));
    let (of, it) = whom.split_once(':').unwrap_or_default();
    let mut subject = json!({ "object": { "objectType": of, "objectId": it } });
    if !member.is_empty() {
        subject["optionalRelation"] = json!(member);
    }
    let resource = json!({ "objectType": kind, "objectId": id });
    json!({ "resource": resource, "relation": relation, "subject": subject })
}

fn update(operation: &str, resource: (&str, &str), relation: &str, whom: &str) -> Value {
    json!({ "operation": operation, "relationship": relationship(resource, relation, whom) })
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

    /// One stream of messages, in one transaction.
    async fn import(&self, messages: &[Value]) -> Result<(), Fault> {
        let body: String = messages.iter().map(Value::to_string).collect();
        let mut request = format!(
            "POST /v1/relationships/importbulk HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {KEY}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n",
            body.len(),
        )
        .into_bytes();
        request.extend_from_slice(body.as_bytes());
        let mut connection = Connection::open(self.address).await?;
        let answer = connection.send(&request).await?;
        if answer.status == 200 {
            return Ok(());
        }
        Err(format!("SpiceDB does not take relationships: {}", answer.json()).into())
    }

    /// Waits until a relationship is seen.
    async fn see(&self, relationship: &Value) -> Result<(), Fault> {
        let body = json!({
            "consistency": { "minimizeLatency": true }, "permission": relationship["relation"],
            "resource": relationship["resource"], "subject": relationship["subject"],
        });
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let answer = self.call("/v1/permissions/check", &body).await?;
            if answer["permissionship"] == HAS {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Err("SpiceDB does not see what it was given".into())
    }

    fn question(&self, path: &str, mut body: Value, answer: Answer) -> Question {
        let consistency = match self.mode.consistency {
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
        match (self.mode.is_prepared, self.mode.consistency) {
            (true, Consistency::Fully) => "SpiceDB",
            (true, Consistency::MinimizeLatency) => "SpiceDB with caches",
            (false, Consistency::Fully) => "SpiceDB as it comes",
            (false, Consistency::MinimizeLatency) => "SpiceDB as it comes, with caches",
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
        let said = if check.allowed { HAS } else { "PERMISSIONSHIP_NO_PERMISSION" };
        let body = json!({ "resource": resource, "subject": user(check.member) });
        self.question("/v1/permissions/check", body, Answer::Says("permissionship", said))
    }

    fn discovery(&self, discovery: &Discovery) -> Question {
        let body = json!({
            "resourceObjectType": "document", "subject": user(discovery.member), "optionalLimit": PAGE,
        });
        // The same one may come several times, and counts each time: then there are fewer than ten.
        self.question("/v1/permissions/resources", body, Answer::some("resourceObjectId", "", &discovery.found, PAGE))
    }

    fn who(&self, who: &Who) -> Question {
        let resource = json!({ "objectType": "document", "objectId": who.resource.to_string() });
        // It takes no limit here: it gives all of them.
        let body = json!({ "resource": resource, "subjectObjectType": "user" });
        self.question("/v1/permissions/subjects", body, Answer::some("subjectObjectId", "m", &who.found, usize::MAX))
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
