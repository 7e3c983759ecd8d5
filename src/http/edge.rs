//! The edge: what happens around every request, known route or not.
//!
//! Gives it an id, measures it, logs it, and turns panics, unknown paths and what is no request at all into the API's
//! envelope. Internal
//! failures are logged here and nowhere else. What hashes passwords is told of every request that is none of its own.

use std::any::Any;
use std::time::Instant;

use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::http::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument as _;
use tracing::field::Empty;

use super::error::Cause;
use super::extract::not_found;
use super::routes::Routes;
use super::state::App;
use super::{cors, health, unread};
use crate::kernel::error::Kind;
use crate::kernel::{Error, trace};
use crate::protocol::password;

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Puts the edge around routes.
pub fn surround(routes: Routes, app: App) -> Router {
    let browsers = cors::Browsers::of(app.clone(), routes.table());
    routes
        .into_router()
        .fallback(async || not_found())
        .method_not_allowed_fallback(async || Error::new(Kind::MethodNotAllowed, "Method Not Allowed"))
        .layer(middleware::from_fn_with_state(browsers, cors::answer))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn(unread::answer))
        .layer(middleware::from_fn_with_state(app.clone(), observe))
        .with_state(app)
}

/// A panic is an internal failure like others. What it says may hold anything, so it goes nowhere; its place is logged
/// by the hook that the command line installs.
fn panicked(_: Box<dyn Any + Send>) -> Response {
    Error::internal("a handler panicked").into_response()
}

async fn observe(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let id = request_id(&app, &request);
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("(none)", MatchedPath::as_str);
    request.headers_mut().insert(&REQUEST_ID, id.clone());
    let parent = parent(request.headers());
    let traced = trace::Request::begin(method_label(&method), route, request.uri().path(), parent);
    let span = tracing::info_span!("request", id = id.to_str().unwrap_or_default(), %method, route, trace_id = Empty);
    if let Some(trace_id) = traced.trace_id() {
        span.record("trace_id", trace_id);
    }
    let work = traced.during(next.run(request).instrument(span.clone()));
    let (mut response, asked_for_a_hash) = password::watch(work).await;
    if !asked_for_a_hash && !health::PROBES.contains(&route) {
        app.hasher().others_served();
    }

    let _entered = span.enter();
    let status = response.status();
    let seconds = begun.elapsed().as_secs_f64();
    metrics::histogram!(
        "vestibule_http_request_seconds",
        "method" => method_label(&method), "route" => route.to_owned(), "status" => status.as_str().to_owned()
    )
    .record(seconds);
    match response.extensions_mut().remove::<Cause>() {
        Some(Cause(cause)) => tracing::error!(status = status.as_u16(), seconds, cause, "request failed"),
        None => tracing::info!(status = status.as_u16(), seconds, "request"),
    }
    traced.end(status.as_u16());
    response.headers_mut().insert(&REQUEST_ID, id);
    if app.is_stopping() {
        // The client opens its next connection elsewhere, instead of sending into one that is about to be closed.
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// What the caller says that the request is part of.
fn parent(headers: &HeaderMap) -> trace::Parent<'_> {
    let get = |name: &str| headers.get(name)?.to_str().ok();
    trace::Parent { traceparent: get("traceparent"), tracestate: get("tracestate") }
}

/// Anybody may invent methods, and each label of a metric takes memory for as long as the server runs.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// The id that the caller gave, if it is harmless in a header and in a log, or a new one.
fn request_id(app: &App, request: &Request) -> HeaderValue {
    let given = request.headers().get(&REQUEST_ID).filter(|value| {
        let bytes = value.as_bytes();
        (1..=128).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    });
    let fresh = || HeaderValue::try_from(format!("req_{}", app.database().mint.ulid()));
    given.cloned().or_else(|| fresh().ok()).unwrap_or(HeaderValue::from_static("req_unknown"))
}
