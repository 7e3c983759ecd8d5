//! Organization memberships.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value};
use sqlx::FromRow;

use super::keys::SubjectKey;
use super::users::User;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::kernel::event::Event;
use crate::kernel::id::{OrganizationId, OrganizationMembershipId, UserId};
use crate::kernel::schema;

crate::words! {
    /// Whether the user takes part in the organization.
    pub enum Status {
        /// They do.
        Active = "active",
        /// They did, and may again.
        Inactive = "inactive",
        /// They are invited and have not accepted.
        Pending = "pending",
    }
}

/// A role, as memberships name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RoleReference {
    /// Its slug.
    pub slug: String,
}

/// A user's place in an organization. A user has at most one in each.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct OrganizationMembership {
    /// Its id.
    pub id: OrganizationMembershipId,
    /// The number by which its role assignments know it.
    pub subject: SubjectKey,
    /// The user.
    pub user_id: UserId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// What people call the organization.
    pub organization_name: String,
    /// Whether the user takes part.
    pub status: Status,
    /// Whether a directory decides about it.
    pub directory_managed: bool,
    /// What an identity provider says about the user in this organization.
    #[sqlx(json)]
    pub custom_attributes: Map<String, Value>,
    /// The roles in the organization, the primary one first. There is always one.
    #[sqlx(json)]
    pub roles: Vec<RoleReference>,
    /// The user.
    #[sqlx(json)]
    pub user: User,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The form that events show.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "object", rename = "organization_membership")]
#[schemars(transform = schema::object::<Self>)]
struct Base<'m> {
    id: &'m OrganizationMembershipId,
    user_id: &'m UserId,
    organization_id: &'m OrganizationId,
    status: Status,
    role: Option<&'m RoleReference>,
    roles: &'m [RoleReference],
    directory_managed: bool,
    custom_attributes: &'m Map<String, Value>,
    created_at: Timestamp,
    updated_at: Timestamp,
}

/// The form that the API shows.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "OrganizationMembership")]
struct Whole<'m> {
    #[serde(flatten)]
    base: Base<'m>,
    organization_name: &'m str,
    user: &'m User,
}

impl Serialize for OrganizationMembership {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        let whole = Whole { base: self.base(), organization_name: &self.organization_name, user: &self.user };
        whole.serialize(serializer)
    }
}

impl JsonSchema for OrganizationMembership {
    fn schema_name() -> Cow<'static, str> {
        Whole::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        Whole::json_schema(generator)
    }
}

impl OrganizationMembership {
    /// The event `organization_membership.created`.
    pub fn created(&self) -> Result<Event> {
        self.event("organization_membership.created")
    }

    /// The event `organization_membership.updated`.
    pub fn updated(&self) -> Result<Event> {
        self.event("organization_membership.updated")
    }

    /// The event `organization_membership.deleted`.
    pub fn deleted(&self) -> Result<Event> {
        self.event("organization_membership.deleted")
    }

    fn event(&self, name: &'static str) -> Result<Event> {
        Event::new(name, Some(self.organization_id.clone()), &self.base())
    }

    fn base(&self) -> Base<'_> {
        Base {
            id: &self.id,
            user_id: &self.user_id,
            organization_id: &self.organization_id,
            status: self.status,
            role: self.roles.first(),
            roles: &self.roles,
            directory_managed: self.directory_managed,
            custom_attributes: &self.custom_attributes,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}

/// A membership without its roles, as lists show it that are about something else: the members of a group, those who have a
/// permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
pub struct Member {
    #[sqlx(skip)]
    object: MemberObject,
    /// The membership.
    #[sqlx(rename = "membership_id")]
    pub id: OrganizationMembershipId,
    /// The user.
    pub user_id: UserId,
    /// The organization.
    pub organization_id: OrganizationId,
    /// What people call the organization.
    pub organization_name: String,
    /// Whether the user takes part.
    pub status: Status,
    /// Whether a directory decides about it.
    pub directory_managed: bool,
    /// What an identity provider says about the user in this organization.
    #[sqlx(json)]
    pub custom_attributes: Map<String, Value>,
    /// The user, under the names of its own columns; what both have goes by longer names here.
    #[sqlx(flatten)]
    pub user: User,
    /// When the membership was made.
    #[sqlx(rename = "membership_created_at")]
    pub created_at: Timestamp,
    /// When the membership was last changed.
    #[sqlx(rename = "membership_updated_at")]
    pub updated_at: Timestamp,
}

/// A field and no tag, for the form of memberships that has this name shows more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
enum MemberObject {
    #[default]
    OrganizationMembership,
}
