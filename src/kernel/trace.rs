//! Traces: what a request did and for how long, for whoever collects them.
//!
//! Nothing is recorded, and next to nothing is spent, until [`begin`] was called. A span never carries what a client
//! sent: of the path only the ids are told, of a statement only its text, which is ours and has no values in it. Where
//! spans go is `cli/telemetry.rs`'s business.

use std::sync::OnceLock;

use opentelemetry::propagation::{Extractor, TextMapPropagator as _};
use opentelemetry::trace::{FutureExt as _, Span as _, SpanKind, Status, TraceContextExt as _, Tracer as _};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracer;

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// From now on spans are made by this tracer. Only the first call counts.
pub fn begin(tracer: SdkTracer) {
    let _ = TRACER.set(tracer);
}

/// The headers by which a caller tells what a request is part of, as W3C's Trace Context names them.
#[derive(Debug, Clone, Copy)]
pub struct Parent<'a> {
    /// `traceparent`
    pub traceparent: Option<&'a str>,
    /// `tracestate`
    pub tracestate: Option<&'a str>,
}

impl Extractor for Parent<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        match key {
            "traceparent" => self.traceparent,
            "tracestate" => self.tracestate,
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec!["traceparent", "tracestate"]
    }
}

/// The span of one request. Ends when it is dropped, at the latest.
#[derive(Debug)]
pub struct Request(Option<Context>);

impl Request {
    /// A request of this method to this route, by its template, that came at this path.
    #[must_use]
    pub fn begin(method: &'static str, route: &str, path: &str, parent: Parent<'_>) -> Self {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &parent);
        let known = route.starts_with('/');
        let name = if known { format!("{method} {route}") } else { method.to_owned() };
        let mut attributes = vec![KeyValue::new("http.request.method", method), KeyValue::new("url.scheme", "http")];
        if known {
            attributes.push(KeyValue::new("http.route", route.to_owned()));
            attributes.push(KeyValue::new("url.path", told(route, path)));
        }
        let span = tracer.span_builder(name).with_kind(SpanKind::Server).with_attributes(attributes);
        Self(Some(parent.with_span(span.start_with_context(tracer, &parent))))
    }

    /// The id of the trace, for the log.
    #[must_use]
    pub fn trace_id(&self) -> Option<String> {
        Some(self.0.as_ref()?.span().span_context().trace_id().to_string())
    }

    /// Does the work of the request: spans that begin in it are part of this one.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> T {
        match &self.0 {
            Some(context) => work.with_context(context.clone()).await,
            None => work.await,
        }
    }

    /// Ends it with this status.
    pub fn end(self, status: u16) {
        let Some(context) = self.0 else { return };
        let span = context.span();
        span.set_attribute(KeyValue::new("http.response.status_code", i64::from(status)));
        if status >= 500 {
            span.set_attribute(KeyValue::new("error.type", status.to_string()));
            span.set_status(Status::error(""));
        }
        span.end();
    }
}

/// Runs a statement, in a span of its own if it is part of a request that is recorded.
pub async fn statement<T, E>(sql: &'static str, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let recorded = || Context::map_current(|context| context.has_active_span() && context.span().is_recording());
    let Some(tracer) = TRACER.get().filter(|_| recorded()) else { return work.await };
    let operation = sql.split_whitespace().next().unwrap_or_default();
    let attributes = [
        KeyValue::new("db.system.name", "postgresql"),
        KeyValue::new("db.operation.name", operation),
        KeyValue::new("db.query.text", sql),
    ];
    let mut span = tracer.span_builder(operation).with_kind(SpanKind::Client).with_attributes(attributes).start(tracer);
    let outcome = work.await;
    if outcome.is_err() {
        span.set_status(Status::error(""));
    }
    span.end();
    outcome
}

/// The path with the names of its parameters, except where one is an id: anything else may be a token or an address.
fn told(route: &str, path: &str) -> String {
    let told = route.split('/').zip(path.split('/')).map(|(name, given)| {
        let open = name.starts_with('{') && is_id(given);
        if open { given } else { name }
    });
    told.collect::<Vec<_>>().join("/")
}

fn is_id(text: &str) -> bool {
    let ulid =
        |text: &str| text.len() == 26 && text.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
    text.rsplit_once('_').is_some_and(|(prefix, rest)| {
        prefix.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') && ulid(rest)
    })
}
