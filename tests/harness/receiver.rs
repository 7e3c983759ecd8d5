//! A receiver of webhooks: a real HTTP server on this machine, which keeps what it gets and answers what it is told.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, Response};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::{Test, until};

/// What was received.
#[derive(Debug, Clone)]
pub struct Received {
    pub headers: HeaderMap,
    pub body: String,
}

impl Received {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.headers)).to_str().unwrap()
    }
}

/// What a receiver does with a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// Answers with this status, these headers and this body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Answers 200 when it is told to.
    Held(Arc<Notify>),
    /// Never answers.
    Hang,
}

impl Reply {
    pub fn status(status: u16) -> Self {
        Self::Answer(status, Vec::new(), String::new())
    }
}

/// A receiver, until it is dropped.
pub struct Receiver {
    pub address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    reply: Arc<Mutex<Reply>>,
    server: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Receiver {
    /// A receiver that answers 200.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (received, reply) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Reply::status(200))));
        let (kept, told) = (received.clone(), reply.clone());
        let router = Router::new().fallback(async move |request: Request| {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            kept.lock().unwrap().push(Received { headers: parts.headers, body });
            let reply = told.lock().unwrap().clone();
            answer(reply).await
        });
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, received, reply, server }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// From now on it does this.
    pub fn reply(&self, reply: Reply) {
        *self.reply.lock().unwrap() = reply;
    }

    /// What it has got so far.
    pub fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// How much it has got so far.
    pub fn count(&self) -> usize {
        self.received.lock().unwrap().len()
    }

    /// Waits until it has got this much.
    pub async fn wait_for(&self, count: usize) {
        until(&format!("{count} requests have come"), async || self.count() >= count).await;
    }
}

async fn answer(reply: Reply) -> Response<Body> {
    match reply {
        Reply::Answer(status, headers, body) => {
            let mut response = Response::builder().status(status);
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response.body(Body::from(body)).unwrap()
        }
        Reply::Held(told) => {
            told.notified().await;
            Response::new(Body::empty())
        }
        Reply::Hang => std::future::pending().await,
    }
}

impl Test {
    /// An endpoint for these events at this URL.
    pub async fn endpoint(&self, url: &str, events: &[&str]) -> Value {
        self.post("/webhook_endpoints", json!({ "endpoint_url": url, "events": events })).await.created()
    }

    /// The deliveries of this environment, oldest first.
    pub async fn deliveries(&self) -> Vec<Value> {
        let path = format!("/admin/v1/environments/{}/webhook_deliveries?order=asc", self.environment.id);
        self.operator().pages(&path).await
    }

    /// Does what the webhook workers do all the time, once.
    pub async fn deliver(&self) {
        self.settle().await;
        vestibule::worker::webhooks::round(&self.app).await;
    }
}
