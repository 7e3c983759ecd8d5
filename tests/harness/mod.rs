//! The harness: the application in process, on a real PostgreSQL, with a clock that a test may move.
//!
//! One database serves a whole run. Each test has an environment and a key of its own, made in about a millisecond,
//! which proves isolation all day long. Stories are set up through the API itself.

mod answer;
pub mod contract;
mod dns;
#[path = "../folder.rs"]
mod folder;
mod receiver;
mod resources;
mod sign_in;
pub mod smtp;

use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::http::{Method, Request, header};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;
use vestibule::app;
use vestibule::db::embedded::{Cluster, Settings};
use vestibule::db::{Database, migrate};
use vestibule::domain;
use vestibule::http::App;
use vestibule::http::limit::Limits;
use vestibule::http::state::Parts;
use vestibule::kernel::clock::Clock;
use vestibule::kernel::crypto::{Keyring, MasterKey, Random, sha256};
use vestibule::kernel::secret::Secret;
use vestibule::model::environments::Environment;
use vestibule::outbound::dns::Resolver;
use vestibule::outbound::http::{Client, Lookup};
use vestibule::outbound::networks::Networks;
use vestibule::protocol::password::{self, Hasher};

pub use self::answer::Answer;
pub use self::dns::{NameServer, Resolution};
pub use self::receiver::{Received, Receiver, Reply};
pub use self::resources::closure_is_sound;
pub use self::sign_in::{PASSWORD, SELECTION};

/// The operator's token in every test.
pub const OPERATOR: &str = "operator-token-of-the-tests";

/// One runtime for the run: the pool belongs to it.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static SHARED: LazyLock<Shared> = LazyLock::new(Shared::start);

/// The client of all tests. It may reach this machine, and finds no other.
static HTTP: LazyLock<Client> = LazyLock::new(|| client(&["127.0.0.0/8"], |_| vec![[127, 0, 0, 1].into()]));

/// A client that may reach these networks, and finds these addresses for names.
pub fn client(allowed: &[&str], found: impl Fn(&str) -> Vec<IpAddr> + Send + Sync + 'static) -> Client {
    let networks = Networks::new(allowed.iter().map(|network| network.parse().unwrap()).collect());
    let lookup: Lookup = Arc::new(move |host| {
        let found = found(&host);
        Box::pin(async move { Ok(found) })
    });
    Client::new(networks, &lookup).unwrap()
}

/// The master key of all servers that are not given another.
fn master_key() -> MasterKey {
    MasterKey::from_text(&Secret::new("5e".repeat(32))).unwrap()
}

struct Shared {
    pool: PgPool,
    hasher: Hasher,
    cluster: Cluster,
}

impl Shared {
    fn start() -> Self {
        let data_dir = folder::reachable(Path::new(env!("CARGO_TARGET_TMPDIR"))).join(env!("CARGO_CRATE_NAME"));
        std::fs::create_dir_all(&data_dir).unwrap();
        let keeper = Path::new(env!("CARGO_BIN_EXE_vestibule")).to_owned();
        let cluster = Cluster::start(&Settings { data_dir, keeper, durable: false }).unwrap();
        let random = Random::new();
        let pool = RUNTIME.block_on(async {
            let old =
                "select format('drop database %I with (force)', datname) from pg_database where datname ^@ 'run_'";
            let server = server(&cluster);
            for statement in sqlx::query_scalar(old).fetch_all(server.pool()).await.unwrap() {
                run(&server, statement).await;
            }
            new_database(&cluster, 32).await
        });
        let hasher = Hasher::start(random, password::Limits::default()).unwrap();
        Self { pool, hasher, cluster }
    }
}

fn server(cluster: &Cluster) -> Database {
    Database::open(cluster.options(), 1, Clock::default(), Random::new())
}

async fn run(database: &Database, statement: String) {
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(database.pool()).await.unwrap();
}

/// A database of its own for somebody, migrated. It is dropped by the next run.
async fn new_database(cluster: &Cluster, connections: u32) -> PgPool {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let name = format!("run_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    run(&server(cluster), format!("create database {name}")).await;
    let database = Database::open(cluster.options().database(&name), connections, Clock::default(), Random::new());
    migrate::run(&database).await.unwrap();
    database.pool().clone()
}

/// Runs one test.
pub fn story(body: impl AsyncFnOnce(Test)) {
    LazyLock::force(&SHARED);
    RUNTIME.block_on(async { body(Test::begin().await).await });
}

/// Runs one test on a database that it does not share, for what concerns all environments at once.
pub fn story_apart(body: impl AsyncFnOnce(Test)) {
    LazyLock::force(&SHARED);
    RUNTIME.block_on(async {
        let pool = new_database(&SHARED.cluster, 24).await;
        body(Test::on(pool.clone(), |_| ()).await).await;
        pool.close().await;
    });
}

/// Runs one test on a database that it does not share, with a name server of its own.
pub fn story_with_names(body: impl AsyncFnOnce(Test, NameServer)) {
    story_apart(async |t| {
        let names = NameServer::start().await;
        let server = t.beside(|parts| parts.resolver = names.resolver()).await;
        body(server, names).await;
    });
}

/// Waits until the condition holds. The only way in which a test waits for what it is not told.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A test: an application, an environment of its own, and a key to it.
#[derive(Clone)]
pub struct Test {
    pub app: App,
    pub environment: Environment,
    pub key: String,
    router: Router,
}

impl Test {
    async fn begin() -> Self {
        Self::with_limits(Limits::default()).await
    }

    /// This application, seen from the environment of another test.
    pub fn joined(self, other: &Self) -> Self {
        Self { environment: other.environment.clone(), key: other.key.clone(), ..self }
    }

    /// Another server on the same database with the same clock, which differs in some of its parts.
    pub async fn beside(&self, change: impl FnOnce(&mut Parts)) -> Self {
        let database = self.app.database().clone();
        let change = |parts: &mut Parts| {
            parts.database = database;
            change(parts);
        };
        Self::on(self.app.database().pool().clone(), change).await.joined(self)
    }

    /// A test on an application that counts requests.
    pub async fn with_limits(limits: Limits) -> Self {
        Self::with(|parts| parts.limits = limits).await
    }

    /// A test on an application that differs in some of its parts.
    pub async fn with(change: impl FnOnce(&mut Parts)) -> Self {
        Self::on(SHARED.pool.clone(), change).await
    }

    /// The mail of this environment, newest first.
    pub async fn mail(&self) -> Vec<Value> {
        self.operator().pages(&format!("/admin/v1/mail?environment={}", self.environment.id)).await
    }

    async fn on(pool: PgPool, change: impl FnOnce(&mut Parts)) -> Self {
        let shared = &*SHARED;
        let mut parts = Parts {
            database: Database::of(pool, Clock::default(), Random::new()),
            keyring: Keyring::new(master_key(), Vec::new(), Random::new()),
            hasher: shared.hasher.clone(),
            http: HTTP.clone(),
            mailer: None,
            limits: Limits::default(),
            resolver: Resolver::new(Some(([127, 0, 0, 1], 9).into())),
            public_url: "http://vestibule.test".to_owned(),
            operator: sha256(OPERATOR.as_bytes()),
            development: true,
            body_limit: 1 << 20,
            stopping: AtomicBool::new(false),
        };
        change(&mut parts);
        let app = App::new(parts);
        let router = app::router(&app);
        let (environment, key) = new_environment(&app).await;
        Self { app, environment, key, router }
    }

    /// A second server on the same database, with the same clock, seen from the same environment.
    pub async fn twin(&self) -> Self {
        let database = self.app.database();
        let (pool, clock) = (database.pool().clone(), database.clock.clone());
        Self::on(pool, |parts| parts.database = Database::of(parts.database.pool().clone(), clock, Random::new()))
            .await
            .joined(self)
    }

    /// The same application, seen from another environment.
    pub async fn neighbour(&self) -> Self {
        let (environment, key) = new_environment(&self.app).await;
        Self { environment, key, ..self.clone() }
    }

    /// The same application and environment, with another bearer token; an empty one sends no header.
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
    }

    /// The same application, seen from this environment, which this is a key to.
    pub fn inside(&self, environment: Environment, key: &str) -> Self {
        Self { environment, ..self.with_key(key) }
    }

    /// Another server, on a database of its own.
    pub async fn elsewhere(&self) -> Self {
        Self::on(new_database(&SHARED.cluster, 4).await, |_| ()).await
    }

    /// The same application, as its operator.
    pub fn operator(&self) -> Self {
        self.with_key(OPERATOR)
    }

    pub async fn get(&self, path: impl AsRef<str>) -> Answer {
        self.send(Method::GET, path.as_ref(), None).await
    }

    pub async fn post(&self, path: impl AsRef<str>, body: Value) -> Answer {
        self.send(Method::POST, path.as_ref(), Some(body)).await
    }

    pub async fn put(&self, path: impl AsRef<str>, body: Value) -> Answer {
        self.send(Method::PUT, path.as_ref(), Some(body)).await
    }

    pub async fn patch(&self, path: impl AsRef<str>, body: Value) -> Answer {
        self.send(Method::PATCH, path.as_ref(), Some(body)).await
    }

    pub async fn delete(&self, path: impl AsRef<str>) -> Answer {
        self.send(Method::DELETE, path.as_ref(), None).await
    }

    /// A request with a JSON body, or with none.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> Answer {
        let request = Request::builder().method(method).uri(path);
        let request = match body {
            Some(body) => request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
            None => request.body(Body::empty()),
        };
        self.call(request.unwrap()).await
    }

    /// Any request, with the key of this test unless it carries one of its own.
    pub async fn call(&self, mut request: Request<Body>) -> Answer {
        if !self.key.is_empty() && !request.headers().contains_key(header::AUTHORIZATION) {
            let value = format!("Bearer {}", self.key).parse().unwrap();
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        let (method, path) = (request.method().clone(), request.uri().to_string());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let answer = Answer::read(format!("{method} {path}"), response).await;
        contract::hold(&method, &path, &answer);
        answer
    }

    /// A new organization of this name.
    pub async fn organization(&self, name: &str) -> Value {
        self.post("/organizations", json!({ "name": name })).await.created()
    }

    /// A new user of this address.
    pub async fn user(&self, email: &str) -> Value {
        self.post("/user_management/users", json!({ "email": email })).await.created()
    }

    /// A new feature flag, which only the operator can make.
    pub async fn flag(&self, body: Value) -> Value {
        let path = format!("/admin/v1/environments/{}/feature_flags", self.environment.id);
        self.operator().post(path, body).await.created()
    }

    /// All pages of a list, one after another.
    pub async fn pages(&self, path: &str) -> Vec<Value> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let mut rows = Vec::new();
        let mut cursor = String::new();
        loop {
            let mut page = self.get(format!("{path}{separator}{cursor}")).await.ok();
            rows.append(page["data"].as_array_mut().unwrap());
            match page["list_metadata"]["after"].as_str() {
                Some(after) => cursor = format!("after={after}"),
                None => return rows,
            }
        }
    }

    /// Waits until the log shows everything that has been committed: it holds back what a transaction that still runs,
    /// of any test, could put something before.
    pub async fn settle(&self) {
        let pool = self.app.database().pool();
        let sql = "select pg_snapshot_xmax(pg_current_snapshot())::text";
        let committed: String = sqlx::query_scalar(sql).fetch_one(pool).await.unwrap();
        until("the transactions that ran have ended", async || {
            let sql = "select pg_snapshot_xmin(pg_current_snapshot()) >= $1::xid8";
            sqlx::query_scalar(sql).bind(&committed).fetch_one(pool).await.unwrap()
        })
        .await;
    }

    /// The events of these names so far, oldest first.
    pub async fn events(&self, names: &[&str]) -> Vec<Value> {
        self.settle().await;
        self.pages(&format!("/events?limit=100&events={}", names.join(","))).await
    }

    /// Every event so far, of whatever name, straight from the log.
    pub async fn all_events(&self) -> Vec<String> {
        let rows = sqlx::query_scalar(
            "select e.name from events e join environments v on v.key = e.environment where v.id = $1",
        );
        rows.bind(self.environment.id.as_str()).fetch_all(self.app.database().pool()).await.unwrap()
    }

    /// Asserts that the events of these kinds (the word before the dot) happened in exactly this order.
    pub async fn assert_events(&self, expected: &[&str]) {
        let mut kinds: Vec<_> = expected.iter().map(|name| name.split('.').next().unwrap()).collect();
        kinds.dedup();
        let names: Vec<_> = ["created", "updated", "deleted", "verified", "revoked"]
            .iter()
            .flat_map(|verb| kinds.iter().map(move |kind| format!("{kind}.{verb}")))
            .chain(expected.iter().map(|&name| name.to_owned()))
            .collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let events = self.events(&names).await;
        let happened: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(happened, expected);
    }
}

async fn new_environment(app: &App) -> (Environment, String) {
    app.database()
        .write_system(async |system| {
            let input = domain::environments::Create { name: "Test".to_owned(), ..Default::default() };
            let environment = domain::environments::create(system, input).await?;
            let (_, key) = domain::environments::create_key(system, &environment, "test", None).await?;
            Ok((environment, key.expose().clone()))
        })
        .await
        .unwrap()
}
