//! Errors on the wire: the status and the envelope that each kind of failure has.
//!
//! Never adds a key named `error` to an ordinary failure: the Node SDK would take it for a failure of OAuth.

use axum::http::header::{HeaderValue, RETRY_AFTER};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::extract::Json;
use crate::kernel::Error;
use crate::kernel::error::{Envelope, Kind};

/// What the edge logs of an internal failure, with the request that it happened in.
#[derive(Debug, Clone)]
pub struct Cause(pub String);

fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Refused => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::Missing => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::AddressTooLong => StatusCode::URI_TOO_LONG,
        Kind::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Kind::TooSlow => StatusCode::REQUEST_TIMEOUT,
        Kind::TooMany(_) => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn body(error: &Error) -> Map<String, Value> {
    let (code_key, message_key) = match error.envelope() {
        Envelope::Message => ("code", "message"),
        Envelope::OAuth => ("error", "error_description"),
    };
    let mut body = Map::new();
    body.insert(message_key.to_owned(), error.message().into());
    if let Some(code) = error.code() {
        body.insert(code_key.to_owned(), code.into());
    }
    if !error.faults().is_empty() {
        body.insert("errors".to_owned(), json!(error.faults()));
    }
    body.extend(error.extra().clone());
    body
}

/// What [`body`] looks like.
pub fn schema(envelope: Envelope) -> Value {
    let text = |description| json!({ "type": "string", "description": description });
    match envelope {
        Envelope::Message => json!({
            "type": "object",
            "description": "A failure. Some say more in keys of their own.",
            "properties": {
                "message": text("What went wrong, for people."),
                "code": text("What went wrong, for programs."),
                "errors": {
                    "type": "array",
                    "description": "The faults of single fields.",
                    "items": {
                        "type": "object",
                        "properties": {
                            "field": text("Where it is: `domain_data[0].domain`."),
                            "code": text("What is wrong, for programs."),
                            "message": text("What is wrong, for people."),
                        },
                        "required": ["code", "message"],
                    },
                },
            },
            "required": ["message"],
        }),
        Envelope::OAuth => json!({
            "type": "object",
            "description": "A failure in the envelope of OAuth (RFC 6749, 5.2). Some say more in keys of their own.",
            "properties": {
                "error": text("What went wrong, for programs."),
                "error_description": text("What went wrong, for people."),
            },
            "required": ["error", "error_description"],
        }),
    }
}

/// The error and the errors that caused it, in one line.
fn cause(error: &Error) -> Cause {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(&source.to_string());
        next = source.source();
    }
    Cause(text)
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let mut headers = HeaderMap::new();
        if let Kind::TooMany(seconds) | Kind::Unavailable(seconds) = self.kind() {
            // An integer: two of the SDKs read nothing else.
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        let mut response = (status(self.kind()), headers, Json(body(&self))).into_response();
        if matches!(self.kind(), Kind::Internal | Kind::Unavailable(_)) {
            response.extensions_mut().insert(cause(&self));
        }
        response
    }
}
