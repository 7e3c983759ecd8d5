//! OpenFGA, as its documentation advises to run it in production, on a database of the same PostgreSQL.

use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::postgres::{PgPool, PgPoolOptions};

use super::common::Fault;
use super::common::client::{Connection, request};
use super::common::process::{PATIENCE, Running};
use super::expect::{Answer, Question};
use super::forest::{DOCUMENT, KINDS, LEVELS, Mover, NONE, number};
use super::load::copy;
use super::names::{moment, ulid};
use super::ours::PAGE;
use super::questions::{Check, Discovery, Revocable, Who};
use super::side::Side;
use super::truth::Truth;

/// What `go install` is asked for.
const MODULE: &str = "github.com/openfga/openfga/cmd/openfga@v1.22.1";
/// It gives no more objects, or users, than that, if nothing else is said.
const MOST: usize = 1000;
const CONNECTIONS: &str = "30";

/// How it is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As it comes: every answer is fresh.
    Plain,
    /// With all caches that its documentation knows, which it advises for production.
    Caches,
    /// It is not asked for so and so many, and has no pages: who wants ten at a time sets that for the whole server, and
    /// never sees more.
    Ten,
}

impl Mode {
    /// How many objects, or users, it gives at most.
    fn most(self) -> usize {
        match self {
            Self::Plain | Self::Caches => MOST,
            Self::Ten => PAGE,
        }
    }
}

pub struct OpenFga {
    running: Running,
    address: SocketAddr,
    store: String,
    model: String,
    mode: Mode,
}

/// Builds it from its module, which takes some minutes.
pub fn build(folder: &Path) -> Result<PathBuf, Fault> {
    let program = folder.join("openfga");
    if !program.exists() {
        let mut command = Command::new("go");
        command.args(["install", MODULE]).env("GOFLAGS", "-buildvcs=false").env("GOBIN", folder);
        if !command.status()?.success() {
            return Err(format!("go install {MODULE} failed").into());
        }
    }
    Ok(program)
}

/// Makes its tables, the store and the model, and copies the forest into it; the store and the model.
pub async fn load(program: &Path, database: &str, truth: &Truth) -> Result<(String, String), Fault> {
    let output = Command::new(program)
        .args(["migrate", "--datastore-engine", "postgres", "--datastore-uri", database, "--log-level", "none"])
        .output()?;
    if !output.status.success() {
        return Err(format!("openfga migrate: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let ids = {
        let mut side = begin(program, database, Mode::Plain, (String::new(), String::new())).await?;
        let store =
            side.call("/stores", &json!({ "name": "comparison" })).await?["id"].as_str().unwrap_or_default().to_owned();
        let path = format!("/stores/{store}/authorization-models");
        let model = side.call(&path, &model()).await?["authorization_model_id"].as_str().unwrap_or_default().to_owned();
        side.running.end();
        (store, model)
    };
    let pool = PgPoolOptions::new().max_connections(1).connect(database).await?;
    tuples(&pool, &ids.0, truth).await?;
    sqlx::raw_sql("vacuum analyze").execute(&pool).await?;
    pool.close().await;
    Ok(ids)
}

/// Starts it and waits until it answers.
pub async fn begin(program: &Path, database: &str, mode: Mode, ids: (String, String)) -> Result<OpenFga, Fault> {
    let [http, grpc] = [free_address()?, free_address()?];
    let mut command = Command::new(program);
    command.args(["run", "--datastore-engine", "postgres", "--datastore-uri", database]);
    for limit in ["max-open", "max-idle"] {
        command.args([format!("--datastore-{limit}-conns"), CONNECTIONS.to_owned()]);
    }
    command.args(["--datastore-min-open-conns", "10", "--datastore-min-idle-conns", "10"]);
    command.args(["--http-addr", &http.to_string(), "--grpc-addr", &grpc.to_string()]);
    command.args(["--log-level", "none", "--playground-enabled=false", "--metrics-enabled=false"]);
    match mode {
        Mode::Plain => {}
        Mode::Caches => {
            let kinds =
                ["check-query-cache", "check-iterator-cache", "list-objects-iterator-cache", "cache-controller"];
            command.args(kinds.map(|kind| format!("--{kind}-enabled")));
        }
        Mode::Ten => {
            command.args(["listObjects", "listUsers"].map(|list| format!("--{list}-max-results={PAGE}")));
        }
    }
    let running = Running::begin(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()))?;
    let (store, model) = ids;
    let side = OpenFga { running, address: http, store, model, mode };
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
    Err("OpenFGA does not start".into())
}

/// A port that nobody listens at now.
pub fn free_address() -> std::io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// A type a level: who has a role there, and who may read: these, and who may read what is above.
fn model() -> Value {
    let direct =
        json!({ "directly_related_user_types": [{ "type": "user" }, { "type": "group", "relation": "member" }] });
    let mut types = vec![
        json!({ "type": "user" }),
        json!({
            "type": "group", "relations": { "member": { "this": {} } },
            "metadata": { "relations": { "member": { "directly_related_user_types": [{ "type": "user" }] } } },
        }),
    ];
    for (kind, name) in KINDS.iter().enumerate() {
        let mut relations = json!({});
        let mut metadata = json!({});
        let mut readers = Vec::new();
        for level in LEVELS {
            relations[level] = json!({ "this": {} });
            metadata[level] = direct.clone();
            readers.push(json!({ "computedUserset": { "relation": level } }));
        }
        if kind > 0 {
            let above = if kind == DOCUMENT as usize { &KINDS[..kind] } else { &KINDS[kind - 1..kind] };
            let parents: Vec<_> = above.iter().map(|name| json!({ "type": name })).collect();
            relations["parent"] = json!({ "this": {} });
            metadata["parent"] = json!({ "directly_related_user_types": parents });
            let tupleset = json!({ "relation": "parent" });
            let computed = json!({ "relation": "can_read" });
            readers.push(json!({ "tupleToUserset": { "tupleset": tupleset, "computedUserset": computed } }));
        }
        relations["can_read"] = json!({ "union": { "child": readers } });
        types.push(json!({ "type": name, "relations": relations, "metadata": { "relations": metadata } }));
    }
    json!({ "schema_version": "1.1", "type_definitions": types })
}

/// A tuple: type, id, relation, and whom it names.
pub struct Tuple(pub &'static str, pub u32, pub &'static str, pub String);

/// Everything that there is; whoever is not active has nothing.
pub fn all(truth: &Truth) -> impl Iterator<Item = Tuple> {
    let forest = &truth.forest;
    let parents = (0..number(forest.parent.len())).filter_map(|it| match forest.parent[it as usize] {
        NONE => None,
        parent => Some(Tuple(kind(truth, it), it, "parent", format!("{}:{parent}", kind(truth, parent)))),
    });
    let belongs = forest.belongs.iter().filter(|&&(member, _)| forest.is_active(member));
    let belongs = belongs.map(|&(member, group)| Tuple("group", group, "member", format!("user:m{member}")));
    let grants = forest.grants.iter().filter_map(|grant| {
        let whom = match grant.subject.checked_sub(number(forest.members.len())) {
            None if forest.is_active(grant.subject) => format!("user:m{}", grant.subject),
            None => return None,
            Some(group) => format!("group:{group}#member"),
        };
        Some(Tuple(kind(truth, grant.resource), grant.resource, LEVELS[grant.level as usize], whom))
    });
    parents.chain(belongs).chain(grants)
}

fn kind(truth: &Truth, resource: u32) -> &'static str {
    KINDS[truth.forest.kind_of(resource) as usize]
}

async fn tuples(pool: &PgPool, store: &str, truth: &Truth) -> Result<(), Fault> {
    use std::fmt::Write as _;
    let table = "tuple (store, object_type, object_id, relation, _user, user_type, ulid, inserted_at)";
    copy(pool, table, (0..).zip(all(truth)), |text, (place, Tuple(kind, id, relation, whom))| {
        let of = if whom.contains('#') { "userset" } else { "user" };
        write!(text, "{store}\t{kind}\t{id}\t{relation}\t{whom}\t{of}\t{}\t{}", ulid(place), moment(place))
    })
    .await?;
    let table = "changelog (store, object_type, object_id, relation, _user, operation, ulid, inserted_at)";
    copy(pool, table, (0..).zip(all(truth)), |text, (place, Tuple(kind, id, relation, whom))| {
        write!(text, "{store}\t{kind}\t{id}\t{relation}\t{whom}\t0\t{}\t{}", ulid(place), moment(place))
    })
    .await
}

impl OpenFga {
    async fn call(&self, path: &str, body: &Value) -> Result<Value, Fault> {
        let mut connection = Connection::open(self.address).await?;
        let answer = connection.send(&request("POST", path, "", Some(body))).await?;
        match answer.status {
            200 | 201 => Ok(answer.json()),
            status => Err(format!("OpenFGA answered {path} with {status}: {}", answer.json()).into()),
        }
    }

    fn question(&self, verb: &str, mut body: Value, answer: Answer) -> Question {
        body["authorization_model_id"] = json!(self.model);
        let request = request("POST", &format!("/stores/{}/{verb}", self.store), "", Some(&body));
        Question { request, status: 200, answer }
    }

    fn write(&self, deletes: &[Value], writes: &[Value]) -> Question {
        let mut body = json!({});
        for (name, keys) in [("deletes", deletes), ("writes", writes)] {
            if !keys.is_empty() {
                body[name] = json!({ "tuple_keys": keys });
            }
        }
        self.question("write", body, Answer::Any)
    }
}

fn role(revocable: &Revocable) -> Value {
    let (object, relation) = (format!("document:{}", revocable.resource), LEVELS[revocable.level as usize]);
    json!({ "user": format!("user:m{}", revocable.member), "relation": relation, "object": object })
}

impl Side for OpenFga {
    fn name(&self) -> &'static str {
        match self.mode {
            Mode::Plain => "OpenFGA",
            Mode::Caches => "OpenFGA with caches",
            Mode::Ten => "OpenFGA, ten at most",
        }
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn process(&self) -> u32 {
        self.running.id()
    }

    fn check(&self, check: &Check) -> Question {
        let object = format!("document:{}", check.resource);
        let key = json!({ "user": format!("user:m{}", check.member), "relation": "can_read", "object": object });
        let answer = Answer::Says("allowed", if check.allowed { "true" } else { "false" });
        self.question("check", json!({ "tuple_key": key }), answer)
    }

    fn discovery(&self, discovery: &Discovery) -> Question {
        let user = format!("user:m{}", discovery.member);
        let body = json!({ "type": "document", "relation": "can_read", "user": user });
        self.question("list-objects", body, Answer::some("", "document:", &discovery.found, self.mode.most()))
    }

    fn who(&self, who: &Who) -> Question {
        let object = json!({ "type": "document", "id": who.resource.to_string() });
        let body = json!({ "object": object, "relation": "can_read", "user_filters": [{ "type": "user" }] });
        self.question("list-users", body, Answer::some("id", "m", &who.found, self.mode.most()))
    }

    fn revoke(&self, revocable: &Revocable) -> Question {
        self.write(&[role(revocable)], &[])
    }

    fn grant(&self, revocable: &Revocable) -> Question {
        self.write(&[], &[role(revocable)])
    }

    fn create(&self, site: u32, name: &str) -> Question {
        let user = format!("workspace:{site}");
        self.write(&[], &[json!({ "user": user, "relation": "parent", "object": format!("document:{name}") })])
    }

    fn relocate(&self, mover: &Mover, away: bool) -> Question {
        let parent = |home: u32| {
            let user = format!("workspace:{home}");
            json!({ "user": user, "relation": "parent", "object": format!("project:{}", mover.top) })
        };
        let [near, far] = mover.homes;
        let (from, to) = if away { (near, far) } else { (far, near) };
        self.write(&[parent(from)], &[parent(to)])
    }
}
