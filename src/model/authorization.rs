//! Why a membership may do something with a resource, or may not.

use schemars::JsonSchema;
use serde::Serialize;

use super::organization_memberships::Status;
use crate::kernel::id::{GroupId, OrganizationMembershipId, ResourceId};
use crate::kernel::schema;

crate::words! {
    /// Where a role was given, seen from the resource in question.
    pub enum Relation {
        /// On the resource itself.
        On = "on",
        /// On one above it.
        Above = "above",
        /// On one below it, from where nothing reaches up.
        Below = "below",
        /// On one that is neither.
        Beside = "beside",
    }
}

/// The explanation of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "authorization_explanation")]
#[schemars(transform = schema::object::<Self>)]
pub struct Explanation {
    /// The decision: whether the membership is active, and anything grants it.
    pub authorized: bool,
    /// Who.
    pub organization_membership_id: OrganizationMembershipId,
    /// Whether they take part in the organization. Nothing is granted to one who does not.
    pub membership_status: Status,
    /// What.
    pub permission_slug: String,
    /// Whether there is such a permission. One that there is not is one that nobody has.
    pub permission_exists: bool,
    /// Where.
    pub resource_id: ResourceId,
    /// The assignments on the resource or above it whose role has the permission, the nearest first.
    pub granted_by: Vec<Grant>,
    /// Those there whose role does not have it, the nearest first.
    pub without_permission: Vec<Grant>,
    /// Those whose role has it, on other resources: first those below. A hundred at most.
    pub elsewhere: Vec<Grant>,
    /// The slugs of the roles that have the permission in this organization: one of them would have to be given.
    pub roles_with_permission: Vec<String>,
}

/// A role that somebody was given somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "ExplainedGrant")]
pub struct Grant {
    /// The assignment: of the membership, or of the group.
    pub role_assignment_id: String,
    /// The role.
    pub role_slug: String,
    /// The group by which the membership has it; null if it was given to the membership itself.
    pub group: Option<GrantedGroup>,
    /// The resource on which it was given.
    pub resource_id: ResourceId,
    /// The type of that resource.
    pub resource_type_slug: String,
    /// What the application calls that resource.
    pub resource_external_id: String,
    /// Where that resource is, seen from the one in question.
    pub relation: Relation,
    /// How many levels it is above the one in question; null if it is not.
    pub distance: Option<i16>,
}

/// A group, as an explanation names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct GrantedGroup {
    /// Its id.
    pub id: GroupId,
    /// What people call it.
    pub name: String,
}
