//! Groups of an organization's memberships.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::FromRow;

use super::keys::SubjectKey;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{GroupId, OrganizationId, OrganizationMembershipId};
use crate::kernel::schema;

/// Several memberships of an organization under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "group")]
#[schemars(transform = schema::object::<Self>)]
pub struct Group {
    /// Its id.
    pub id: GroupId,
    /// The number by which its members and its role assignments know it.
    #[serde(skip)]
    pub subject: SubjectKey,
    /// The organization.
    pub organization_id: OrganizationId,
    /// What people call it. It need not be unique.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed. Who is in it is no part of it.
    pub updated_at: Timestamp,
}

crate::events! { Group, |group| Some(group.organization_id.clone());
    created = "group.created",
    updated = "group.updated",
    deleted = "group.deleted",
}

/// That a membership is in a group, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow)]
pub struct Belonging {
    /// The group.
    pub group_id: GroupId,
    /// The membership.
    pub organization_membership_id: OrganizationMembershipId,
    /// The organization of both.
    #[serde(skip)]
    pub organization_id: OrganizationId,
}

crate::events! { Belonging, |belonging| Some(belonging.organization_id.clone());
    added = "group.member_added",
    removed = "group.member_removed",
}
