//! API keys: what an application gives to its customers, so that they can call the application.
//!
//! They are not the keys that manage an environment ([`super::environments::ManagementKey`]).

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row as _};

use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::kernel::event::Event;
use crate::kernel::id::{ApiKeyId, OrganizationId, UserId};
use crate::kernel::schema;

/// For whom a key speaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "lowercase")]
#[schemars(rename = "ApiKeyOwner")]
pub enum Owner {
    /// For an organization.
    Organization {
        /// The organization.
        id: OrganizationId,
    },
    /// For a user, as a member of an organization.
    User {
        /// The user.
        id: UserId,
        /// The organization.
        organization_id: OrganizationId,
    },
}

impl Owner {
    /// The organization, whoever owns the key.
    pub fn organization(&self) -> &OrganizationId {
        match self {
            Self::Organization { id } => id,
            Self::User { organization_id, .. } => organization_id,
        }
    }

    /// The user, if one owns the key.
    pub fn user(&self) -> Option<&UserId> {
        match self {
            Self::Organization { .. } => None,
            Self::User { id, .. } => Some(id),
        }
    }
}

/// Every key has an organization; a user's has a user besides.
impl FromRow<'_, PgRow> for Owner {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        let organization_id = row.try_get("organization_id")?;
        Ok(match row.try_get("user_id")? {
            Some(id) => Self::User { id, organization_id },
            None => Self::Organization { id: organization_id },
        })
    }
}

/// A key. Its value is shown once, when it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "api_key")]
#[schemars(transform = schema::object::<Self>)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// For whom it speaks.
    #[sqlx(flatten)]
    pub owner: Owner,
    /// What people call it.
    pub name: String,
    /// Enough of the value to recognise it: `sk_...3456`.
    pub obfuscated_value: String,
    /// When it was last found valid, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// From when on it is not valid; null is never.
    pub expires_at: Option<Timestamp>,
    /// The slugs of its permissions, in their order.
    pub permissions: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed. To be used is no change.
    pub updated_at: Timestamp,
}

crate::events! { ApiKey, |key| Some(key.owner.organization().clone());
    created = "api_key.created",
    revoked = "api_key.revoked",
}

/// A key that was changed, as events show it: with what it was before.
#[derive(Serialize)]
struct Changed<'k> {
    #[serde(flatten)]
    key: &'k ApiKey,
    previous_attributes: Previous,
}

#[derive(Serialize)]
struct Previous {
    expires_at: Option<Timestamp>,
}

impl ApiKey {
    /// The event `api_key.updated`. It tells until when the key was valid before, whether that changed or not.
    pub fn updated(&self, expired_at: Option<Timestamp>) -> Result<Event> {
        let data = Changed { key: self, previous_attributes: Previous { expires_at: expired_at } };
        Event::new("api_key.updated", Some(self.owner.organization().clone()), &data)
    }

    /// Whether it has run out by then. A user's key also needs an active membership.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }
}
