//! Browsers: which pages may read the answers of the public routes (the CORS protocol of the Fetch standard).
//!
//! Only routes that need no key answer at all: a page that holds a management key has lost it already. An origin may
//! ask if any environment of this server has configured it, which is remembered on a [`Lease`]: one that was taken away
//! may not ask from the moment that this is answered. A preflight does not say which environment it is about,
//! and what the answer protects is not ours but the page's: a public route gives nothing to a page that it would not
//! give to a program. Credentials are never allowed, so no cookie that a browser keeps goes along.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderValue,
    ORIGIN, VARY,
};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::routes::{Access, Route};
use super::state::App;
use crate::db::lease::{Lease, Leased};
use crate::kernel::Result;
use crate::store;

/// The headers that pages may send: those that the SDKs for browsers do.
const REQUEST_HEADERS: HeaderValue =
    HeaderValue::from_static("accept, authorization, content-type, idempotency-key, user-agent, x-request-id");
/// The headers that pages may read beside those that they always may.
const RESPONSE_HEADERS: HeaderValue = HeaderValue::from_static("retry-after, x-request-id");
/// For how many seconds a browser may go by what a preflight was told. The answer itself is decided anew each time.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");

/// What browsers may call.
#[derive(Debug, Clone)]
pub struct Browsers {
    app: App,
    /// The methods of each path that needs no key, as the header names them.
    methods: Arc<HashMap<&'static str, HeaderValue>>,
    /// The origins that may ask, as far as they have asked.
    known: Arc<Leased<Box<str>, ()>>,
}

impl Browsers {
    /// The public routes of the API. Health is nobody's page's business.
    pub fn of(app: App, table: &[Route]) -> Self {
        let mut methods = HashMap::<&'static str, Vec<&str>>::new();
        for route in table.iter().filter(|route| route.access == Access::Public && route.family != "health") {
            methods.entry(route.path).or_default().push(route.method.as_str());
        }
        let header = |(path, methods): (_, Vec<&str>)| Some((path, HeaderValue::try_from(methods.join(", ")).ok()?));
        Self { app, methods: Arc::new(methods.into_iter().filter_map(header).collect()), known: Arc::default() }
    }

    /// The origin of the request, if it may ask. When that cannot be found out, it may not.
    async fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        // No origin is longer than the longest name of a host, with what is around it.
        let origin = headers.get(ORIGIN).filter(|origin| origin.len() <= 300)?;
        let known = self.is_configured(origin.to_str().ok()?).await;
        if let Err(error) = &known {
            let error: &dyn std::error::Error = error;
            tracing::warn!(error, "could not look up an origin");
        }
        known.unwrap_or(false).then(|| origin.clone())
    }

    async fn is_configured(&self, origin: &str) -> Result<bool> {
        if self.known.find(origin).is_some() {
            return Ok(true);
        }
        let mut system = self.app.database().system().await?;
        // The wait for a connection is over: from here on it counts.
        let lease = Lease::take();
        let is_configured = store::system::cors_origins::exists(&mut system, origin).await?;
        if is_configured {
            self.known.insert(origin.into(), (), lease);
        }
        Ok(is_configured)
    }
}

/// Answers preflights, and adds to the answers of public routes what browsers ask for.
pub async fn answer(State(browsers): State<Browsers>, request: Request, next: Next) -> Response {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let Some(methods) = path.and_then(|path| browsers.methods.get(path)).cloned() else {
        return next.run(request).await;
    };
    let origin = browsers.allowed(request.headers()).await;
    let is_preflight =
        request.method() == Method::OPTIONS && request.headers().contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    let mut response = match &origin {
        Some(_) if is_preflight => preflight(methods),
        Some(_) | None => next.run(request).await,
    };
    let headers = response.headers_mut();
    // Also without an origin: a cache must not give one page what was meant for another.
    headers.append(VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, RESPONSE_HEADERS);
    }
    response
}

fn preflight(methods: HeaderValue) -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, methods),
        (ACCESS_CONTROL_ALLOW_HEADERS, REQUEST_HEADERS),
        (ACCESS_CONTROL_MAX_AGE, MAX_AGE),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}
