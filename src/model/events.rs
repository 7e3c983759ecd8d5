//! Entries of the event log, as they are read.

use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::FromRow;
use sqlx::types::Json;

use crate::kernel::clock::Timestamp;
use crate::kernel::id::EventId;

/// How long an event can be read, in days of 24 hours; then it is gone.
pub const RETENTION_DAYS: i64 = 30;

/// Something that happened, with the object as it was then.
#[derive(Debug, Serialize, FromRow)]
#[serde(tag = "object", rename = "event")]
pub struct LoggedEvent {
    /// Its id, which is also a cursor of the log.
    pub id: EventId,
    /// Its name in the catalogue.
    #[serde(rename = "event")]
    pub name: String,
    /// The object.
    pub data: Json<Box<RawValue>>,
    /// When it happened.
    pub created_at: Timestamp,
    /// Who did it, for the events that say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Json<Box<RawValue>>>,
}
