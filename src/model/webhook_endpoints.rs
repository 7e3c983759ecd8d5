//! Webhook endpoints: where an application wants to be told of events.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use sqlx::FromRow;

use crate::kernel::clock::Timestamp;
use crate::kernel::id::WebhookEndpointId;
use crate::kernel::schema;
use crate::kernel::secret::Secret;

crate::words! {
    /// Whether anything is sent to an endpoint.
    pub enum Status {
        /// What happens now is not for it, and what it is owed waits.
        Disabled = "disabled",
        /// It is told of what happens.
        Enabled = "enabled",
    }
}

/// An endpoint, as its application sees it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "webhook_endpoint")]
#[schemars(transform = schema::object::<Self>)]
pub struct WebhookEndpoint {
    /// Its id.
    pub id: WebhookEndpointId,
    /// Where deliveries are sent.
    pub endpoint_url: String,
    /// What deliveries are signed with at this moment.
    #[serde(serialize_with = "expose")]
    #[schemars(with = "String")]
    pub secret: Secret<String>,
    /// Whether anything is sent to it.
    pub status: Status,
    /// The names of the events that it is told of.
    pub events: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

crate::words! {
    /// What a live secret is good for.
    pub enum SecretState {
        /// It signs.
        Active = "active",
        /// It has signed, and verifies for a while yet.
        Former = "former",
        /// It will sign, and verifies already.
        Next = "next",
    }
}

/// A live secret, as the operator sees it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LiveSecret {
    /// The secret itself.
    #[serde(serialize_with = "expose")]
    #[schemars(with = "String")]
    pub value: Secret<String>,
    /// What it is good for.
    pub state: SecretState,
    /// When it begins to sign; null if it has begun.
    pub active_at: Option<Timestamp>,
    /// When it ends; null if nothing is known to follow it.
    pub expires_at: Option<Timestamp>,
}

/// An endpoint, as the operator sees it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "webhook_endpoint")]
#[schemars(rename = "OperatedWebhookEndpoint", transform = schema::object_named("webhook_endpoint"))]
pub struct OperatedEndpoint {
    /// Its id.
    pub id: WebhookEndpointId,
    /// Where deliveries are sent.
    pub endpoint_url: String,
    /// Its live secrets, the one that signs first.
    pub secrets: Vec<LiveSecret>,
    /// Whether anything is sent to it.
    pub status: Status,
    /// The names of the events that it is told of.
    pub events: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// An endpoint as it is stored, its secrets sealed.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct StoredEndpoint {
    /// Its id.
    pub id: WebhookEndpointId,
    /// Where deliveries are sent.
    pub endpoint_url: String,
    /// Its live secrets.
    #[sqlx(flatten)]
    pub secrets: SealedSecrets,
    /// Whether anything is sent to it.
    pub status: Status,
    /// The names of the events that it is told of.
    pub events: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The secrets of an endpoint: one, or two while one takes the other's place.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct SealedSecrets {
    /// The secret that signs, until another takes its place.
    pub secret: Vec<u8>,
    /// The secret that takes its place.
    pub next_secret: Option<Vec<u8>>,
    /// When it does.
    pub next_secret_at: Option<Timestamp>,
    /// Until when the first verifies after that.
    pub former_secret_until: Option<Timestamp>,
}

/// A secret that is live at a moment, still sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedSecret<'s> {
    /// The sealed value.
    pub sealed: &'s [u8],
    /// What it is good for.
    pub state: SecretState,
    /// When it begins to sign, if it has not begun.
    pub active_at: Option<Timestamp>,
    /// When it ends, if something follows it.
    pub expires_at: Option<Timestamp>,
}

impl SealedSecrets {
    /// The live secrets of this moment: the one that signs, and the other one if there is one.
    ///
    /// Nothing has to happen for a secret to take over or to end: it is a matter of comparing times, so that all
    /// servers change at once and none can forget to.
    pub fn at(&self, now: Timestamp) -> (SealedSecret<'_>, Option<SealedSecret<'_>>) {
        let plain = |sealed, state| SealedSecret { sealed, state, active_at: None, expires_at: None };
        let (Some(next), Some(at), Some(until)) = (&self.next_secret, self.next_secret_at, self.former_secret_until)
        else {
            return (plain(&self.secret, SecretState::Active), None);
        };
        if now < at {
            let active = SealedSecret { expires_at: Some(until), ..plain(&self.secret, SecretState::Active) };
            return (active, Some(SealedSecret { active_at: Some(at), ..plain(next, SecretState::Next) }));
        }
        let former = SealedSecret { expires_at: Some(until), ..plain(&self.secret, SecretState::Former) };
        (plain(next, SecretState::Active), (now < until).then_some(former))
    }
}

/// The one place where a secret leaves: its application needs it to verify what it is sent.
fn expose<S: Serializer>(secret: &Secret<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose())
}
