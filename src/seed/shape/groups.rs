//! Groups of an organization in a seed, in the form that the emulator has for them, with their roles.

use super::super::place::{Entry, Place};
use super::GroupRole;
use crate::body;
use crate::kernel::id::GroupId;

body! {
    /// A group.
    pub struct Group {
        /// Its id, if it is pinned.
        id: Option<GroupId>,
        /// What people call it. The file knows it by that.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// Who is in it, beside others, by the addresses of users with a membership.
        members: Option<Vec<String>>,
        /// Roles that it has on the organization and on resources, beside others.
        role_assignments: Option<Vec<GroupRole>>;
        at: Place<Group>
    }
}

impl Entry for Group {
    const LATER: &'static [&'static str] = &[];
}
