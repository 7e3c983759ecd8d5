//! Domains of organizations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OrganizationDomainId, OrganizationId};
use crate::kernel::schema;

crate::words! {
    /// Whether the organization is known to own the domain.
    pub enum State {
        /// It could not be shown in time.
        Failed = "failed",
        /// It was taken on trust, before domains were verified.
        LegacyVerified = "legacy_verified",
        /// It is being looked for.
        Pending = "pending",
        /// It has not been tried.
        Unverified = "unverified",
        /// It owns it.
        Verified = "verified",
    }
}

crate::words! {
    /// How the ownership is shown.
    pub enum Strategy {
        /// By a TXT record.
        Dns = "dns",
        /// Somebody says so.
        Manual = "manual",
    }
}

/// A domain of an organization. One environment knows a domain once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "organization_domain")]
#[schemars(transform = schema::object::<Self>)]
pub struct OrganizationDomain {
    /// Its id.
    pub id: OrganizationDomainId,
    /// The organization that claims it.
    pub organization_id: OrganizationId,
    /// The domain, in lower case and as ASCII.
    pub domain: String,
    /// Whether it is known to own it.
    pub state: State,
    /// What the TXT record says before its token.
    pub verification_prefix: String,
    /// What the TXT record must hold.
    pub verification_token: String,
    /// How the ownership is shown.
    pub verification_strategy: Strategy,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

crate::events! { OrganizationDomain, |domain| Some(domain.organization_id.clone());
    created = "organization_domain.created",
    updated = "organization_domain.updated",
    deleted = "organization_domain.deleted",
    verified = "organization_domain.verified",
}

crate::words! {
    /// Why a domain could not be verified. That another organization has verified it cannot happen here, because one
    /// environment knows a domain once.
    pub enum FailureReason {
        /// Its time is over.
        Expired = "domain_verification_period_expired",
    }
}

/// That a domain could not be verified, as the log tells it.
#[derive(Debug, Serialize, JsonSchema)]
pub struct VerificationFailure {
    /// Why.
    pub reason: FailureReason,
    /// The domain.
    pub organization_domain: OrganizationDomain,
}

crate::events! { VerificationFailure, |failure| Some(failure.organization_domain.organization_id.clone());
    failed = "organization_domain.verification_failed",
}
