//! Role assignments: that a membership, or a group, has a role on a resource.
//!
//! What a group was given, each of its members has. That is written nowhere: such an assignment of a member is told from
//! the group's own, and its id from both.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::FromRow;

use super::keys::SubjectKey;
use super::organization_memberships::RoleReference;
use super::resources::ResourceTarget;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{
    GroupId, GroupRoleAssignmentId, GroupRoleAssignmentKind, Id, Kind, OrganizationId, OrganizationMembershipId,
    OrganizationMembershipKind, ResourceId, RoleAssignmentId, RoleAssignmentKind,
};
use crate::kernel::read::{ReadFields, Reader};
use crate::kernel::schema::{self, Fields};

/// A role that a membership has on a resource.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "role_assignment")]
#[schemars(transform = schema::object::<Self>)]
pub struct RoleAssignment {
    /// Its id.
    pub id: RoleAssignmentId,
    /// The membership.
    pub organization_membership_id: OrganizationMembershipId,
    /// The role.
    pub role: RoleReference,
    /// Where it has it: there, and on everything below.
    pub resource: AssignedResource,
    /// By what way it has it.
    pub source: Source,
    /// When it was given.
    pub created_at: Timestamp,
    /// The same: assignments do not change.
    pub updated_at: Timestamp,
}

/// A role that a group has on a resource, and with it each of its members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "group_role_assignment")]
#[schemars(transform = schema::object::<Self>)]
pub struct GroupRoleAssignment {
    /// Its id.
    pub id: GroupRoleAssignmentId,
    /// The group.
    pub group_id: GroupId,
    /// The role.
    pub role: RoleReference,
    /// Where it has it: there, and on everything below.
    pub resource: AssignedResource,
    /// When it was given.
    pub created_at: Timestamp,
    /// The same: assignments do not change.
    pub updated_at: Timestamp,
}

/// A resource, as assignments name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
pub struct AssignedResource {
    /// Its id.
    #[sqlx(rename = "resource_id")]
    pub id: ResourceId,
    /// What the application calls it.
    #[sqlx(rename = "resource_external_id")]
    pub external_id: String,
    /// Its type.
    pub resource_type_slug: String,
}

/// A membership, as the rows of its assignments know it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Holder {
    /// The membership.
    pub id: OrganizationMembershipId,
    /// The number by which its assignments know it.
    pub subject: SubjectKey,
    /// Its organization.
    pub organization_id: OrganizationId,
}

crate::words! {
    /// By what way a membership has a role.
    pub enum SourceType {
        /// It was given to the membership itself.
        Direct = "direct",
        /// It was given to a group that the membership is in.
        Group = "group",
    }
}

/// By what way a membership has a role, and through which group. Every key is always sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "RoleAssignmentSource")]
pub struct Source {
    /// The way.
    #[serde(rename = "type")]
    pub source_type: SourceType,
    /// The assignment of the group.
    pub group_role_assignment_id: Option<GroupRoleAssignmentId>,
    /// The group.
    pub group: Option<SourceGroup>,
}

/// A group, as assignments name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "RoleAssignmentGroup")]
pub struct SourceGroup {
    /// Its id.
    pub id: GroupId,
    /// What people call it.
    pub name: String,
}

impl Source {
    /// Given to the membership itself.
    pub fn direct() -> Self {
        Self { source_type: SourceType::Direct, group_role_assignment_id: None, group: None }
    }

    /// Given by this assignment of this group.
    pub fn group(assignment: GroupRoleAssignmentId, group: SourceGroup) -> Self {
        Self { source_type: SourceType::Group, group_role_assignment_id: Some(assignment), group: Some(group) }
    }
}

/// The length of a ULID. The ids of groups' assignments have one: they are made here, or pinned ([`is_derivable`]).
const ULID: usize = 26;

/// The id of what a membership has through an assignment of a group: the same each time, although nothing is stored.
pub fn derived_id(assignment: &GroupRoleAssignmentId, membership: &OrganizationMembershipId) -> RoleAssignmentId {
    Id::verbatim(&format!("{}_{}{}", RoleAssignmentKind::PREFIX, rest(assignment), rest(membership)))
}

/// The group's assignment and the membership that such an id is made of; None for the id of a stored assignment.
pub fn derivation(id: &RoleAssignmentId) -> Option<(GroupRoleAssignmentId, OrganizationMembershipId)> {
    let (assignment, membership) = rest(id).split_at_checked(ULID).filter(|(_, membership)| !membership.is_empty())?;
    let assignment = Id::verbatim(&format!("{}_{assignment}", GroupRoleAssignmentKind::PREFIX));
    Some((assignment, Id::verbatim(&format!("{}_{membership}", OrganizationMembershipKind::PREFIX))))
}

/// Whether a membership's assignment can be stored under this id: it must not look like one that is derived.
pub fn is_storable(id: &RoleAssignmentId) -> bool {
    derivation(id).is_none()
}

/// Whether the ids of members' assignments can be derived from this id of a group's, and told apart again.
pub fn is_derivable(id: &GroupRoleAssignmentId) -> bool {
    rest(id).len() == ULID
}

/// What comes after the prefix of an id.
fn rest<K: Kind>(id: &Id<K>) -> &str {
    id.as_str().strip_prefix(K::PREFIX).and_then(|rest| rest.strip_prefix('_')).unwrap_or_default()
}

/// How a request names where a group has a role: a resource, or the organization itself if it names none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupTarget(pub Option<ResourceTarget>);

impl ReadFields for GroupTarget {
    fn describe(fields: &mut Fields) {
        ResourceTarget::describe(fields);
    }

    fn read_fields(map: &mut Map<String, Value>, at: &mut Reader<'_>) -> Option<Self> {
        let keys = ["resource_id", "resource_external_id", "resource_type_slug"];
        if keys.iter().all(|key| map.get(*key).is_none_or(Value::is_null)) {
            return Some(Self(None));
        }
        ResourceTarget::read_fields(map, at).map(|target| Self(Some(target)))
    }
}
