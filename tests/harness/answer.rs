//! An answer, and what a test expects of it.

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The request, for messages.
    pub what: String,
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// The body: null if there was none.
    pub body: Value,
}

impl Answer {
    /// Reads a response whole. What every answer owes is asserted here: an id, and JSON or nothing.
    pub async fn read(what: String, response: Response<Body>) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = if bytes.is_empty() {
            Value::Null
        } else {
            let kind = parts.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
            assert!(kind.starts_with("application/json"), "{what}: content type is '{kind}'");
            serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{what}: {error}"))
        };
        assert!(parts.headers.contains_key("x-request-id"), "{what}: no X-Request-ID");
        Self { what, status: parts.status, headers: parts.headers, body }
    }

    #[track_caller]
    fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.what, self.body);
        self.body
    }

    #[track_caller]
    pub fn ok(self) -> Value {
        self.expect(200)
    }

    #[track_caller]
    pub fn created(self) -> Value {
        self.expect(201)
    }

    #[track_caller]
    pub fn accepted(self) {
        assert_eq!(self.expect(202), Value::Null);
    }

    #[track_caller]
    pub fn no_content(self) {
        assert_eq!(self.expect(204), Value::Null);
    }

    /// 200 without a body.
    #[track_caller]
    pub fn done(self) {
        assert_eq!(self.expect(200), Value::Null);
    }

    #[track_caller]
    pub fn missing(self) -> Value {
        self.fails(404, "entity_not_found")
    }

    /// A failure of this status, with this code in either envelope.
    #[track_caller]
    pub fn fails(self, status: u16, code: &str) -> Value {
        let body = self.expect(status);
        let found = body.get("code").or_else(|| body.get("error"));
        assert_eq!(found.and_then(Value::as_str), Some(code), "{body}");
        let message = body.get("message").or_else(|| body.get("error_description")).and_then(Value::as_str);
        assert!(message.is_some_and(|message| !message.is_empty()), "no message: {body}");
        body
    }

    /// A failure of validation that names exactly these fields.
    #[track_caller]
    pub fn invalid(self, fields: &[&str]) -> Value {
        let body = self.fails(422, "invalid_request_parameters");
        let named: Vec<_> =
            body["errors"].as_array().unwrap().iter().map(|fault| fault["field"].as_str().unwrap()).collect();
        assert_eq!(named, fields, "{body}");
        body
    }
}
