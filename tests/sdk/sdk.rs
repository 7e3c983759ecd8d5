//! The SDK as client of the application in process, and what a test asks of each answer.
//!
//! A type of the SDK drops keys that it does not know and takes words that it does not know for `Unknown`, both in
//! silence. [`Sdk::ok`] therefore asks more than that an answer can be read: nothing of it may have been lost.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use workos::transport::{HttpRequest, HttpResponse, HttpTransport, TransportError};
use workos::{ApiError, Client, Error};

use crate::catalogue;
use crate::harness::{self, Test};

/// Where the SDK believes the server to be.
const ORIGIN: &str = "http://vestibule.test";

/// Runs one test. Whatever it did, the SDK must understand every event of it.
pub fn story(test: impl AsyncFnOnce(&Test, &Sdk)) {
    harness::story(async |t| {
        let sdk = Sdk::of(&t);
        test(&t, &sdk).await;
        catalogue::assert_all_understood(&t, &sdk).await;
    });
}

/// A body of the SDK, whose types have no defaults to fill up with.
#[track_caller]
pub fn body<T: Debug + DeserializeOwned + Serialize>(fields: Value) -> T {
    let body = T::deserialize(&fields).unwrap();
    assert_understood(fields, &body);
    body
}

/// The SDK with the key of a test.
pub struct Sdk {
    pub client: Client,
    wire: Arc<Wire>,
}

impl Sdk {
    /// The SDK with the key and the client id of this test. It sends every request once.
    pub fn of(test: &Test) -> Self {
        // The SDK sends its own key, or none: the harness must not help.
        let wire = Arc::new(Wire { test: test.with_key(""), last: Mutex::new(Value::Null) });
        let client = Client::builder()
            .api_key(&test.key)
            .client_id(&test.environment.client_id)
            .base_url(ORIGIN)
            .max_retries(0)
            .transport(wire.clone())
            .build();
        Self { client, wire }
    }

    /// The answer, which the SDK has understood whole: every key has a place in its types, and every word is known.
    #[track_caller]
    pub fn ok<T: Debug + Serialize>(&self, answer: Result<T, Error>) -> T {
        let answer = answer.unwrap();
        assert_understood(self.wire.last.lock().unwrap().take(), &answer);
        answer
    }

    /// The error of an answer that refuses, as the SDK tells it.
    #[track_caller]
    pub fn fails<T: Debug>(&self, answer: Result<T, Error>, status: u16, code: &str) -> ApiError {
        let Error::Api(error) = answer.unwrap_err() else { panic!("this is no error of the API") };
        assert_eq!((error.status, error.code.as_deref()), (status, Some(code)), "{}", error.message);
        assert!(error.request_id.as_ref().is_some_and(|id| id.starts_with("req_")));
        assert!(!error.message.is_empty() && !error.message.starts_with('{'), "no message: {}", error.message);
        *error
    }

    #[track_caller]
    pub fn missing<T: Debug>(&self, answer: Result<T, Error>) {
        self.fails(answer, 404, "entity_not_found");
    }
}

/// What we send although the SDK has no place for it: (the object that holds it, its key).
const EXTRA: &[(&str, &str)] = &[
    // Pages of events have one cursor in the SDK, and two like every other list here.
    ("/list_metadata", "before"),
    // Pages of sessions are not named as lists.
    ("", "object"),
    // Events about an organization show all that the organization itself shows.
    ("/data", "allow_profiles_outside_organization"),
    // In the list of a user's API keys the SDK reads the type of the owner, and does not write it again.
    ("/data/0/owner", "type"),
];

/// Asserts that a type of the SDK holds all of what was sent. Absent and null are the same to it.
#[track_caller]
pub fn assert_understood<T: Debug + Serialize>(sent: Value, read: &T) {
    let words = format!("{read:?}");
    assert!(!words.contains("Unknown(") && !words.contains("Unrecognized("), "a word is not known to the SDK: {words}");
    let kept = without_nulls(serde_json::to_value(read).unwrap());
    let mut sent = without_nulls(sent);
    for (object, key) in EXTRA {
        let place = kept.pointer(object).is_some_and(|kept| kept.get(key).is_some());
        if let Some(object) = sent.pointer_mut(object).and_then(Value::as_object_mut).filter(|_| !place) {
            object.remove(*key);
        }
    }
    assert_eq!(kept, sent, "the SDK dropped something");
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
            fields.map(|(key, value)| (key, without_nulls(value))).collect()
        }
        Value::Array(values) => values.into_iter().map(without_nulls).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value,
    }
}

/// The transport: from the SDK straight into the router.
struct Wire {
    test: Test,
    /// The body of the last answer.
    last: Mutex<Value>,
}

impl Wire {
    async fn exchange(&self, request: HttpRequest) -> HttpResponse {
        let path = request.url.strip_prefix(ORIGIN).unwrap();
        let mut sent = Request::builder().method(request.method).uri(path);
        *sent.headers_mut().unwrap() = request.headers;
        let answer = self.test.call(sent.body(request.body.map_or_else(Body::empty, Body::from)).unwrap()).await;
        let body = if answer.body.is_null() { Bytes::new() } else { answer.body.to_string().into() };
        *self.last.lock().unwrap() = answer.body;
        HttpResponse { status: answer.status, headers: answer.headers, body }
    }
}

/// Written out as `async_trait` would, which is worth no dependency.
impl HttpTransport for Wire {
    fn execute<'a, 'b>(
        &'a self,
        request: HttpRequest,
    ) -> Pin<Box<dyn Future<Output = Result<HttpResponse, TransportError>> + Send + 'b>>
    where
        'a: 'b,
        Self: 'b,
    {
        Box::pin(async { Ok(self.exchange(request).await) })
    }
}
