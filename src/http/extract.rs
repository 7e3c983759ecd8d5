//! Reading requests: bodies, queries and paths as the SDKs write them, faults in the API's envelope.
//!
//! Bodies are read whatever their `Content-Type` says, and an empty one counts as `{}`: the SDKs send empty bodies
//! with and without the header. Path segments are matched raw and decoded once, so that an id may contain `%2F`.

use std::time::Duration;

use axum::body::{Bytes, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams, Request};
use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use http_body_util::LengthLimitError;
use serde::Serialize;
use serde_json::{Map, Value};

use super::state::App;
use crate::kernel::check::{Check, Faults};
use crate::kernel::error::Kind;
use crate::kernel::id::{Id, Kind as IdKind};
use crate::kernel::read::{Encoding, Read, Reader};
use crate::kernel::{Error, Result};

/// A JSON body, read and checked; as an answer, an object as JSON.
#[derive(Debug)]
pub struct Json<T>(pub T);

/// A body that may also be a form, as the token endpoints take it.
#[derive(Debug)]
pub struct JsonOrForm<T>(pub T);

/// A JSON body whose fields may also be in the query. Of the SDKs that delete by what a thing is, one sends no body and
/// another half of it. What the body says counts.
#[derive(Debug)]
pub struct JsonOrQuery<T>(pub T);

/// The query, read and checked.
#[derive(Debug)]
pub struct Query<T>(pub T);

/// The parameters of the path, in their order.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: Read + Check> FromRequest<App> for Json<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let body = bytes(request, app).await?;
        Ok(Self(read(json(&body)?, Encoding::Json)?))
    }
}

impl<T: Read + Check> FromRequest<App> for JsonOrForm<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let form = is_form(request.headers());
        let body = bytes(request, app).await?;
        if form {
            Ok(Self(read(Some(Value::Object(fields(&body))), Encoding::Text)?))
        } else {
            Ok(Self(read(json(&body)?, Encoding::Json)?))
        }
    }
}

impl<T: Read + Check> FromRequest<App> for JsonOrQuery<T> {
    type Rejection = Error;

    async fn from_request(request: Request, app: &App) -> Result<Self> {
        let mut all = fields(request.uri().query().unwrap_or_default().as_bytes());
        let body = match json(&bytes(request, app).await?)? {
            Some(Value::Object(body)) => {
                all.extend(body);
                Value::Object(all)
            }
            Some(Value::Null) | None => Value::Object(all),
            Some(other) => other,
        };
        Ok(Self(read(Some(body), Encoding::Json)?))
    }
}

impl<T: Read + Check> FromRequestParts<App> for Query<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(read(Some(Value::Object(fields(query.as_bytes()))), Encoding::Text)?))
    }
}

fn read<T: Read + Check>(value: Option<Value>, encoding: Encoding) -> Result<T> {
    let mut faults = Faults::default();
    let read = T::read(value, &mut Reader::new(encoding, &mut faults));
    if let Some(value) = &read {
        value.check(&mut faults);
    }
    faults.finish()?;
    read.ok_or_else(|| Error::internal("a reading ended without a value and without a fault"))
}

/// How long a body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(30);

async fn bytes(request: Request, app: &App) -> Result<Bytes> {
    let limit = app.body_limit();
    let too_large = || Error::new(Kind::TooLarge, format!("The request body is larger than {limit} bytes."));
    // What says that it is too large need not be waited for.
    if request.body().size_hint().lower() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    let body = tokio::time::timeout(BODY_TIME, axum::body::to_bytes(request.into_body(), limit));
    let body = body.await.map_err(|_| Error::new(Kind::TooSlow, "The request body did not arrive in time."))?;
    body.map_err(|error| {
        if std::error::Error::source(&error).is_some_and(<dyn std::error::Error>::is::<LengthLimitError>) {
            return too_large();
        }
        Error::refused("invalid_request_body", "The request body could not be read.")
    })
}

fn json(body: &[u8]) -> Result<Option<Value>> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let problem = |_| Error::refused("invalid_request_body", "Problems parsing JSON");
    serde_json::from_slice(body).map(Some).map_err(problem)
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    kind.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
}

/// The fields of a query or form. A key that comes more than once, or as `key[]` or `key[0]`, is a list.
fn fields(text: &[u8]) -> Map<String, Value> {
    let mut fields = Map::new();
    for (key, value) in form_urlencoded::parse(text) {
        let (key, listed) = match key.split_once('[') {
            Some((name, index)) if index.ends_with(']') => (name.to_owned(), true),
            _ => (key.into_owned(), false),
        };
        let value = Value::from(value.into_owned());
        match fields.get_mut(&key) {
            Some(Value::Array(values)) => values.push(value),
            Some(first) => *first = Value::Array(vec![first.take(), value]),
            None if listed => drop(fields.insert(key, Value::Array(vec![value]))),
            None => drop(fields.insert(key, value)),
        }
    }
    fields
}

/// Something that a path segment can be.
pub trait Segment: Sized {
    /// What it looks like where something is found.
    fn schema() -> Value;

    /// Takes the decoded segment. Anything goes: what is not there is simply not found.
    fn from_segment(text: String) -> Self;
}

impl Segment for String {
    fn schema() -> Value {
        <Self as Read>::schema()
    }

    fn from_segment(text: String) -> Self {
        text
    }
}

impl<K: IdKind> Segment for Id<K> {
    fn schema() -> Value {
        <Self as Read>::schema()
    }

    fn from_segment(text: String) -> Self {
        Self::verbatim(&text)
    }
}

/// The parameters of the path. axum has decoded them once, which is as often as it may be done.
async fn segments(parts: &mut Parts, app: &App) -> Result<std::vec::IntoIter<String>> {
    // What is not UTF-8 names nothing. Neither does NUL, with which PostgreSQL would refuse to compare.
    let params = RawPathParams::from_request_parts(parts, app).await.map_err(|_| not_found())?;
    let segments: Vec<_> = params.iter().map(|(_, segment)| segment.to_owned()).collect();
    if segments.iter().any(|segment| segment.contains('\0')) { Err(not_found()) } else { Ok(segments.into_iter()) }
}

/// There is nothing at this path.
pub fn not_found() -> Error {
    Error::new(Kind::Missing, "Not Found")
}

impl<A: Segment> FromRequestParts<App> for Path<A> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let mut segments = segments(parts, app).await?;
        Ok(Self(A::from_segment(segments.next().ok_or_else(not_found)?)))
    }
}

impl<A: Segment, B: Segment> FromRequestParts<App> for Path<(A, B)> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let mut segments = segments(parts, app).await?;
        let mut next = || segments.next().ok_or_else(not_found);
        Ok(Self((A::from_segment(next()?), B::from_segment(next()?))))
    }
}

impl<A: Segment, B: Segment, C: Segment> FromRequestParts<App> for Path<(A, B, C)> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let mut segments = segments(parts, app).await?;
        let mut next = || segments.next().ok_or_else(not_found);
        Ok(Self((A::from_segment(next()?), B::from_segment(next()?), C::from_segment(next()?))))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                ([(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"))], body).into_response()
            }
            Err(error) => Error::internal(error).into_response(),
        }
    }
}
