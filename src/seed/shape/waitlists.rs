//! Waitlists of a seed, with those who stand on them.

use std::collections::BTreeMap;

use super::super::place::{Entry, Place};
use crate::body;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{WaitlistEntryId, WaitlistId};
use crate::model::waitlists::State;

body! {
    /// A waitlist. An environment has one.
    pub struct Waitlist {
        /// Its id, if it is pinned.
        id: Option<WaitlistId>,
        /// Who stands on it, beside others.
        entries: Option<Vec<WaitlistEntry>>;
        at: Place<Waitlist>
    }
}

impl Entry for Waitlist {
    const LATER: &'static [&'static str] = &[];
}

body! {
    /// Somebody on a waitlist.
    pub struct WaitlistEntry {
        /// Its id, if it is pinned.
        id: Option<WaitlistEntryId>,
        /// Their address. The file knows them by that.
        email: String,
        /// What was decided of them; nothing, unless this says so.
        state: Option<State>,
        /// When they were let in, if it was before the seed.
        approved_at: Option<Timestamp>,
        /// What they said about themselves.
        additional_fields: Option<BTreeMap<String, String>>;
        at: Place<WaitlistEntry>
    }
}

impl Entry for WaitlistEntry {
    const LATER: &'static [&'static str] = &[];
}
