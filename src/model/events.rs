//! Entries of the event log, as they are read.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sqlx::FromRow;
use sqlx::types::Json;

use crate::kernel::clock::Timestamp;
use crate::kernel::id::EventId;
use crate::kernel::schema;

/// How long an event can be read, in days of 24 hours; then it is gone.
pub const RETENTION_DAYS: i64 = 30;

/// Something that happened, with the object as it was then.
#[derive(Debug, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "event")]
#[schemars(transform = schema::object::<Self>)]
pub struct LoggedEvent {
    /// Its id, which is also a cursor of the log.
    pub id: EventId,
    /// Its name in the catalogue.
    #[serde(rename = "event")]
    pub name: String,
    /// The object.
    #[schemars(with = "Map<String, Value>")]
    pub data: Json<Box<RawValue>>,
    /// When it happened.
    pub created_at: Timestamp,
    /// Who did it, for the events that say so.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Map<String, Value>")]
    pub context: Option<Json<Box<RawValue>>>,
}
