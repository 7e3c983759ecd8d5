//! Entries of the event log, as they are read, and who may have caused one.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};
use sqlx::FromRow;
use sqlx::types::Json;

use crate::kernel::clock::Timestamp;
use crate::kernel::id::{EventId, ManagementKeyId};
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

crate::words! {
    /// Which way somebody came.
    pub enum Source {
        /// Through the API, with a key.
        Api = "api",
        /// As the operator: what the operator does here is done in a dashboard elsewhere.
        Dashboard = "dashboard",
        /// Through the portal of an organization.
        AdminPortal = "admin_portal",
        /// Nobody: it followed from something else.
        System = "system",
    }
}

/// Who did something, for the events that say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Actor {
    /// Their id.
    pub id: String,
    /// Which way they came.
    pub source: Source,
    /// What people call them.
    pub name: Option<String>,
}

impl Actor {
    /// An application, by the key that it used.
    pub fn key(id: &ManagementKeyId) -> Self {
        Self { id: id.to_string(), source: Source::Api, name: None }
    }

    /// A client, which named itself and had no key.
    pub fn client(client_id: &str) -> Self {
        Self { id: client_id.to_owned(), source: Source::Api, name: None }
    }

    /// The operator, through whichever door.
    pub fn operator() -> Self {
        Self { id: "operator".to_owned(), source: Source::Dashboard, name: None }
    }

    /// The server itself, for what follows from something else.
    pub fn system() -> Self {
        Self { id: "system".to_owned(), source: Source::System, name: None }
    }
}
