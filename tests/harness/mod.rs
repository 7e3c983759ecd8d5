//! The harness: the application in process, on a real PostgreSQL, with a clock that a test may move.
//!
//! One database serves a whole run. Each test has an environment and a key of its own, made in about a millisecond,
//! which proves isolation all day long. Stories are set up through the API itself.

mod answer;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

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
use vestibule::model::environments::Environment;
use vestibule::protocol::password::{self, Hasher};

pub use self::answer::Answer;

/// The operator's token in every test.
pub const OPERATOR: &str = "operator-token-of-the-tests";

/// One runtime for the run: the pool belongs to it.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());
static SHARED: LazyLock<Shared> = LazyLock::new(Shared::start);

struct Shared {
    pool: PgPool,
    hasher: Hasher,
    _cluster: Cluster,
}

impl Shared {
    fn start() -> Self {
        let data_dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"));
        std::fs::create_dir_all(&data_dir).unwrap();
        let keeper = Path::new(env!("CARGO_BIN_EXE_vestibule")).to_owned();
        let cluster = Cluster::start(&Settings { data_dir, keeper, durable: false }).unwrap();
        let random = Random::new();
        let pool = RUNTIME.block_on(async {
            let server = Database::open(cluster.options(), 1, Clock::default(), random.clone());
            let name = format!("run_{}", std::process::id());
            for statement in [format!("drop database if exists {name} with (force)"), format!("create database {name}")]
            {
                sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(server.pool()).await.unwrap();
            }
            let database = Database::open(cluster.options().database(&name), 32, Clock::default(), random.clone());
            migrate::run(&database).await.unwrap();
            database.pool().clone()
        });
        let hasher = Hasher::start(random.clone(), password::Limits::default()).unwrap();
        Self { pool, hasher, _cluster: cluster }
    }
}

/// Runs one test.
pub fn story(body: impl AsyncFnOnce(Test)) {
    LazyLock::force(&SHARED);
    RUNTIME.block_on(async { body(Test::begin().await).await });
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

    /// A test on an application that counts requests.
    pub async fn with_limits(limits: Limits) -> Self {
        Self::with(|parts| parts.limits = limits).await
    }

    /// A test on an application that differs in some of its parts.
    pub async fn with(change: impl FnOnce(&mut Parts)) -> Self {
        let shared = &*SHARED;
        let database = Database::of(shared.pool.clone(), Clock::default(), Random::new());
        let mut parts = Parts {
            database,
            keyring: Keyring::new(MasterKey::generate(&Random::new()), Vec::new(), Random::new()),
            hasher: shared.hasher.clone(),
            limits: Limits::default(),
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

    /// The same application, seen from another environment.
    pub async fn neighbour(&self) -> Self {
        let (environment, key) = new_environment(&self.app).await;
        Self { environment, key, ..self.clone() }
    }

    /// The same application and environment, with another bearer token; an empty one sends no header.
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.to_owned(), ..self.clone() }
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
        let what = format!("{} {}", request.method(), request.uri());
        let response = self.router.clone().oneshot(request).await.unwrap();
        Answer::read(what, response).await
    }

    /// A new organization of this name.
    pub async fn organization(&self, name: &str) -> Value {
        self.post("/organizations", json!({ "name": name })).await.created()
    }

    /// A new user of this address.
    pub async fn user(&self, email: &str) -> Value {
        self.post("/user_management/users", json!({ "email": email })).await.created()
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

    /// The events of these names so far, oldest first.
    pub async fn events(&self, names: &[&str]) -> Vec<Value> {
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
