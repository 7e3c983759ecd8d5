//! Sessions.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::FromRow;

use super::authentication::Method;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OrganizationId, SessionId, UserId};
use crate::kernel::schema;

crate::words! {
    /// How a session was begun, in the words of sessions (sign-in has its own, see [`Method`]).
    pub enum AuthMethod {
        /// By a token of another application.
        CrossAppAuth = "cross_app_auth",
        /// By the application's own sign-in.
        ExternalAuth = "external_auth",
        /// By somebody who acts for the user.
        Impersonation = "impersonation",
        /// By a code sent to the address.
        MagicCode = "magic_code",
        /// It was brought along from another system.
        MigratedSession = "migrated_session",
        /// By an account elsewhere.
        OAuth = "oauth",
        /// By a passkey.
        Passkey = "passkey",
        /// By a password.
        Password = "password",
        /// By a connection of the organization.
        Sso = "sso",
    }
}

crate::words! {
    /// Whether a session goes on.
    pub enum Status {
        /// It can be refreshed.
        Active = "active",
        /// It has lasted its time.
        Expired = "expired",
        /// Somebody ended it.
        Revoked = "revoked",
    }
}

/// A session, as it stands at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "session")]
#[schemars(transform = schema::object::<Self>)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The organization that its tokens speak for. Left out when there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_id: Option<OrganizationId>,
    /// The address that the application named at sign-in.
    pub ip_address: Option<String>,
    /// The program that the application named at sign-in.
    pub user_agent: Option<String>,
    /// How it was begun.
    pub auth_method: AuthMethod,
    /// Whether it goes on.
    pub status: Status,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When it ended, if it has.
    pub ended_at: Option<Timestamp>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was last changed; refreshing it is no change.
    pub updated_at: Timestamp,
}

crate::events! { Session, |session| session.organization_id.clone();
    created = "session.created",
    revoked = "session.revoked",
}

/// What is kept of a session: everything but what the clock decides.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Stored {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// The organization that its tokens speak for.
    pub organization_id: Option<OrganizationId>,
    /// How the user signed in.
    pub method: Method,
    /// The address that the application named at sign-in.
    pub ip_address: Option<String>,
    /// The program that the application named at sign-in.
    pub user_agent: Option<String>,
    /// When the user proved who it is. No refresh changes it.
    pub authenticated_at: Timestamp,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
    /// When it ends unless it is refreshed before: the above, or sooner where idle sessions end.
    pub ends_at: Timestamp,
    /// When somebody ended it.
    pub revoked_at: Option<Timestamp>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

impl Stored {
    /// Whether it goes on at this moment.
    pub fn status(&self, now: Timestamp) -> Status {
        match self.revoked_at {
            Some(_) => Status::Revoked,
            None if self.ends_at <= now => Status::Expired,
            None => Status::Active,
        }
    }

    /// The session as it stands at this moment.
    pub fn at(self, now: Timestamp) -> Session {
        let status = self.status(now);
        let ended_at = match status {
            Status::Active => None,
            Status::Expired => Some(self.ends_at),
            Status::Revoked => self.revoked_at,
        };
        Session {
            id: self.id,
            user_id: self.user_id,
            organization_id: self.organization_id,
            ip_address: self.ip_address,
            user_agent: self.user_agent,
            auth_method: self.method.auth_method(),
            status,
            expires_at: self.expires_at,
            ended_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
        }
    }
}
