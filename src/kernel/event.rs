//! What happened: an entry for the event log, on its way to the transaction that makes it true.
//!
//! Models build these (`organization.created()`), domain functions hand them to `tx.emit`. The log itself is a
//! table written by [`crate::db`]; reading it is the events family.

use serde::Serialize;
use serde_json::value::RawValue;

use super::error::{Error, Result};
use super::id::OrganizationId;

/// An event that has not been written yet.
#[derive(Debug)]
pub struct Event {
    /// The name in the catalogue: `organization.created`.
    pub name: &'static str,
    /// The organization that it concerns, by which readers may filter.
    pub organization: Option<OrganizationId>,
    /// The object as the log shows it.
    pub data: Box<RawValue>,
    /// Who did it and what it was before, for the events that say so.
    pub context: Option<Box<RawValue>>,
}

impl Event {
    /// An event about an object, written down as it is now.
    pub fn new(name: &'static str, organization: Option<OrganizationId>, data: &impl Serialize) -> Result<Self> {
        let data = serde_json::value::to_raw_value(data).map_err(Error::internal)?;
        Ok(Self { name, organization, data, context: None })
    }

    /// The event, with this to say about who did it and what it was before.
    pub fn with_context(mut self, context: &impl Serialize) -> Result<Self> {
        self.context = Some(serde_json::value::to_raw_value(context).map_err(Error::internal)?);
        Ok(self)
    }
}
