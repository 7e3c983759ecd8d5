//! Roles of memberships and groups in a seed. A resource is named as in the API.

use super::super::place::{Entry, Place};
use crate::body;
use crate::kernel::id::{GroupRoleAssignmentId, RoleAssignmentId};
use crate::model::resources::ResourceTarget;
use crate::model::role_assignments::GroupTarget;

body! {
    /// A role that a membership has on a resource.
    pub struct MembershipRole {
        /// The id of the assignment, if it is pinned.
        id: Option<RoleAssignmentId>,
        /// The slug of the role.
        role: String;
        rest: (ResourceTarget, Place<MembershipRole>)
    }
}

impl Entry for MembershipRole {
    const LATER: &'static [&'static str] = &[];
}

impl MembershipRole {
    /// Where it stands in the file.
    pub fn at(&self) -> &Place<Self> {
        &self.rest.1
    }

    /// Where the membership has it.
    pub fn target(&self) -> &ResourceTarget {
        &self.rest.0
    }
}

body! {
    /// A role that a group has, and with it each of its members.
    pub struct GroupRole {
        /// The id of the assignment, if it is pinned.
        id: Option<GroupRoleAssignmentId>,
        /// The slug of the role.
        role: String;
        rest: (GroupTarget, Place<GroupRole>)
    }
}

impl Entry for GroupRole {
    const LATER: &'static [&'static str] = &[];
}

impl GroupRole {
    /// Where it stands in the file.
    pub fn at(&self) -> &Place<Self> {
        &self.rest.1
    }

    /// Where the group has it: on the organization, if no resource is named.
    pub fn target(&self) -> Option<&ResourceTarget> {
        self.rest.0.0.as_ref()
    }
}
