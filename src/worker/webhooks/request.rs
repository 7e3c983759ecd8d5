//! One attempt: the request that it is, and what its answer means.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use axum::http::{HeaderMap as Headers, Method};
use bytes::Bytes;
use serde_json::{Map, Value};
use sqlx::types::Json;

use crate::domain::webhook_endpoints;
use crate::http::App;
use crate::kernel::clock::Timestamp;
use crate::kernel::crypto::hmac_sha256;
use crate::kernel::{Error, Result};
use crate::model::webhook_deliveries::{PAUSES, Status};
use crate::outbound::http::{Failure, Request, Response};
use crate::store::system::webhooks::{Outcome, Taken};

/// How long an endpoint may take for its answer.
pub const TIMEOUT: Duration = Duration::from_secs(15);
/// Bytes of the answer that are kept.
const KEPT_BODY: usize = 4096;
/// Headers of the answer that are kept, and characters of each.
const KEPT_HEADERS: (usize, usize) = (32, 256);

const SIGNATURE: HeaderName = HeaderName::from_static("workos-signature");
/// The same signature made with the other live secret, while one takes the place of the other. In a header of its own,
/// for the SDKs take apart the first one by position.
const OTHER_SIGNATURE: HeaderName = HeaderName::from_static("workos-signature-rotation");

/// A delivery that was taken, with what it is to say; nothing, if the log has lost it.
pub struct Job {
    /// The delivery.
    pub taken: Taken,
    /// The event as the API shows it, byte for byte.
    pub body: Option<Bytes>,
}

/// Makes the attempt.
pub async fn attempt(app: Arc<App>, job: Job) -> (Taken, Outcome, Duration) {
    let Job { taken, body } = job;
    let started_at = app.database().clock.now();
    let began = Instant::now();
    let answer = match body {
        Some(body) => send(&app, &taken, body, started_at).await,
        None => Ok(Err("the event is no longer in the log".to_owned())),
    };
    let took = began.elapsed();
    let mut outcome = Outcome {
        environment: taken.environment,
        id: taken.id.clone(),
        number: taken.attempts,
        tries: taken.tries,
        status: Status::Dead,
        moment: app.database().clock.now(),
        started_at,
        duration_ms: i32::try_from(took.as_millis()).unwrap_or(i32::MAX),
        status_code: None,
        error: None,
        response_headers: None,
        response_body: None,
    };
    match answer {
        Ok(Ok(answer)) => judge(&mut outcome, &taken, Ok(answer)),
        Ok(Err(gone)) => outcome.error = Some(gone),
        Err(failure) => judge(&mut outcome, &taken, Err(failure)),
    }
    (taken, outcome, took)
}

/// The answer, or why there is none and never will be.
async fn send(
    app: &App,
    taken: &Taken,
    body: Bytes,
    now: Timestamp,
) -> std::result::Result<std::result::Result<Response, String>, Failure> {
    let headers = match headers(app, taken, &body, now) {
        Ok(headers) => headers,
        Err(error) => {
            let cause: &dyn std::error::Error = &error;
            tracing::error!(endpoint = %taken.endpoint_id, error = cause, "the secret of webhook endpoint {} cannot be opened", taken.endpoint_id);
            return Err(Failure::Transport("the secret of the endpoint cannot be opened; see the log".to_owned()));
        }
    };
    let url = app.http().admit(&taken.endpoint_url)?;
    let request = Request { method: Method::POST, url, headers, body, timeout: TIMEOUT, keep: KEPT_BODY };
    app.http().send(request).await.map(Ok)
}

fn headers(app: &App, taken: &Taken, body: &[u8], now: Timestamp) -> Result<HeaderMap> {
    let (active, other) = taken.secrets.at(now);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, secret) in [(SIGNATURE, Some(active)), (OTHER_SIGNATURE, other)] {
        let Some(secret) = secret else { continue };
        let secret = webhook_endpoints::open(app.keyring(), &taken.endpoint_id, secret.sealed)?;
        let value = sign(secret.expose(), now, body);
        headers.insert(name, HeaderValue::try_from(value).map_err(Error::internal)?);
    }
    Ok(headers)
}

/// The signature of a body at a moment. The SDKs cut it at fixed places: nothing of its form may change.
fn sign(secret: &str, now: Timestamp, body: &[u8]) -> String {
    let moment = now.millis().to_string();
    let signature = hmac_sha256(secret.as_bytes(), &[moment.as_bytes(), b".", body]);
    format!("t={moment}, v1={signature}")
}

/// Says what an answer, or none, means for the delivery.
fn judge(outcome: &mut Outcome, taken: &Taken, answer: std::result::Result<Response, Failure>) {
    let mut well = false;
    match answer {
        Ok(response) => {
            well = (200..300).contains(&response.status);
            if (300..400).contains(&response.status) {
                outcome.error = Some("redirects are not followed".to_owned());
            }
            outcome.status_code = Some(response.status.into());
            outcome.response_headers = shown(&response.headers);
            outcome.response_body = Some(String::from_utf8_lossy(&response.body).replace('\0', "\u{FFFD}"));
        }
        Err(failure) => outcome.error = Some(failure.to_string()),
    }
    let failures = usize::try_from(taken.tries).unwrap_or_default();
    outcome.status = match failures.checked_sub(1).and_then(|n| PAUSES.get(n)) {
        _ if well => Status::Delivered,
        Some(pause) => {
            outcome.moment = outcome.moment.plus_seconds(*pause);
            Status::Pending
        }
        None => Status::Dead,
    };
}

/// Some headers of an answer, without cookies: they are somebody's secret.
fn shown(headers: &Headers) -> Option<Json<Box<serde_json::value::RawValue>>> {
    let (most, characters) = KEPT_HEADERS;
    let pairs: Map<String, Value> = headers
        .iter()
        .filter(|(name, _)| *name != SET_COOKIE)
        .take(most)
        .map(|(name, value)| {
            let text: String = String::from_utf8_lossy(value.as_bytes()).chars().take(characters).collect();
            (name.to_string(), Value::from(text))
        })
        .collect();
    serde_json::value::to_raw_value(&pairs).ok().map(Json)
}
