//! Webhook deliveries: what an endpoint is owed, and what came of each attempt.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::FromRow;
use sqlx::types::Json;

use crate::kernel::clock::Timestamp;
use crate::kernel::id::{EventId, WebhookDeliveryId, WebhookEndpointId};
use crate::kernel::schema;

/// The pauses after the first failures, in seconds. When the last of them has passed and the attempt after it fails too,
/// the delivery is dead. Together 17.6 hours, which is far less than the log keeps the payload.
pub const PAUSES: [i64; 6] = [5, 5 * 60, 30 * 60, 2 * 3600, 5 * 3600, 10 * 3600];
/// How long a delivery that has come to an end can be looked at, in days.
pub const KEPT_DAYS: i64 = 30;

crate::words! {
    /// How a delivery stands.
    pub enum Status {
        /// Every attempt failed, and none follows.
        Dead = "dead",
        /// The endpoint has answered with a 2xx.
        Delivered = "delivered",
        /// It waits for its next attempt.
        Pending = "pending",
    }
}

/// An event that an endpoint is owed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "webhook_delivery")]
#[schemars(transform = schema::object::<Self>)]
pub struct WebhookDelivery {
    /// Its id.
    pub id: WebhookDeliveryId,
    /// Whom it is owed.
    pub endpoint_id: WebhookEndpointId,
    /// The event.
    pub event_id: EventId,
    /// The name of the event.
    pub event: String,
    /// How it stands.
    pub status: Status,
    /// How many attempts there have been.
    pub attempts: i32,
    /// When it is tried next; while it is being tried, when another server may take it over.
    pub next_attempt_at: Option<Timestamp>,
    /// When it came to its end.
    pub finished_at: Option<Timestamp>,
    /// When it was first queued.
    pub created_at: Timestamp,
}

/// What came of one attempt.
#[derive(Debug, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "webhook_attempt")]
#[schemars(transform = schema::object::<Self>)]
pub struct WebhookAttempt {
    /// Which one it was, from 1.
    pub number: i32,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: i32,
    /// The status of the answer, if there was one.
    pub status_code: Option<i32>,
    /// What went wrong, if it was more than the status.
    pub error: Option<String>,
    /// Some of the headers of the answer.
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    pub response_headers: Option<Json<Box<RawValue>>>,
    /// The beginning of the body of the answer.
    pub response_body: Option<String>,
}

/// What a replay has queued.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "webhook_replay")]
#[schemars(transform = schema::object::<Self>)]
pub struct WebhookReplay {
    /// Whom it is owed.
    pub endpoint_id: WebhookEndpointId,
    /// The deliveries, in the order of the log.
    pub deliveries: Vec<WebhookDeliveryId>,
    /// Events that were asked for and are not in the log.
    pub missing: Vec<EventId>,
    /// If the range holds more: give this as `after` to queue the rest.
    pub after: Option<EventId>,
}
