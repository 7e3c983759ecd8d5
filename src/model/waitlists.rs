//! Waitlists, and those who stand on them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::FromRow;

use crate::kernel::clock::Timestamp;
use crate::kernel::event::Event;
use crate::kernel::id::{WaitlistEntryId, WaitlistId};
use crate::kernel::{Result, schema};

/// A list of those who wait to be let in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "waitlist")]
#[schemars(transform = schema::object::<Self>)]
pub struct Waitlist {
    /// Its id.
    pub id: WaitlistId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

crate::words! {
    /// Whether somebody is let in.
    pub enum State {
        /// That is not decided.
        Pending = "pending",
        /// They are.
        Approved = "approved",
        /// They are not.
        Denied = "denied",
    }
}

/// Somebody on a waitlist. One environment knows an address once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "waitlist_entry")]
#[schemars(transform = schema::object::<Self>)]
pub struct WaitlistEntry {
    /// Its id.
    pub id: WaitlistEntryId,
    /// Their address, in the form in which addresses are compared.
    pub email: String,
    /// Whether they are let in.
    pub state: State,
    /// When they were.
    pub approved_at: Option<Timestamp>,
    /// What they said about themselves.
    #[sqlx(json)]
    pub additional_fields: BTreeMap<String, String>,
    /// The list.
    pub waitlist_id: WaitlistId,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The entry as events show it, under another name.
#[derive(Serialize)]
#[serde(tag = "object", rename = "waitlist_user")]
struct Form<'e> {
    id: &'e WaitlistEntryId,
    email: &'e str,
    state: State,
    approved_at: Option<Timestamp>,
    additional_fields: &'e BTreeMap<String, String>,
    waitlist_id: &'e WaitlistId,
    created_at: Timestamp,
    updated_at: Timestamp,
}

impl WaitlistEntry {
    /// The event `waitlist_user.created`.
    pub fn created(&self) -> Result<Event> {
        self.event("waitlist_user.created")
    }

    /// The event `waitlist_user.approved`.
    pub fn approved(&self) -> Result<Event> {
        self.event("waitlist_user.approved")
    }

    /// The event `waitlist_user.denied`.
    pub fn denied(&self) -> Result<Event> {
        self.event("waitlist_user.denied")
    }

    fn event(&self, name: &'static str) -> Result<Event> {
        let Self { id, email, state, approved_at, additional_fields, waitlist_id, created_at, updated_at } = self;
        let form = Form {
            id,
            email,
            state: *state,
            approved_at: *approved_at,
            additional_fields,
            waitlist_id,
            created_at: *created_at,
            updated_at: *updated_at,
        };
        Event::new(name, None, &form)
    }
}
