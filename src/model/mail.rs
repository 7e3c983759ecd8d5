//! Mail, as it stands in the outbox.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::kernel::clock::Timestamp;
use crate::kernel::crypto::Keyring;
use crate::kernel::id::{EnvironmentId, EnvironmentKey, MailId};
use crate::kernel::{Error, Result, schema};

/// How long mail is kept, in days of 24 hours.
pub const RETENTION_DAYS: i64 = 30;

crate::words! {
    /// What became of a message.
    pub enum State {
        /// It waits to be sent. Where no server for mail is configured, all of them do.
        Queued = "queued",
        /// A server for mail has taken it over.
        Sent = "sent",
        /// It was refused, could not be sent in time, or was of no use any more.
        Failed = "failed",
    }
}

/// What a message says, in both forms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// As plain text.
    pub text: String,
    /// As HTML.
    pub html: String,
}

impl Body {
    /// What the body of a message is sealed for.
    fn purpose(id: &MailId) -> String {
        format!("mail:{id}")
    }

    /// Seals the body of this message.
    pub fn seal(&self, keyring: &Keyring, id: &MailId) -> Result<Vec<u8>> {
        let plain = serde_json::to_vec(self).map_err(Error::internal)?;
        Ok(keyring.seal(&Self::purpose(id), &plain))
    }

    /// Opens the body of this message.
    pub fn open(keyring: &Keyring, id: &MailId, sealed: &[u8]) -> Result<Self> {
        let plain = keyring.open(&Self::purpose(id), sealed).map_err(Error::internal)?;
        serde_json::from_slice(plain.expose()).map_err(Error::internal)
    }
}

/// A message of the outbox, as the operator is shown it.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "mail")]
#[schemars(transform = schema::object::<Self>)]
pub struct Mail {
    /// Its id, which also stands in its Message-ID.
    pub id: MailId,
    /// The environment that it was written in.
    pub environment_id: EnvironmentId,
    /// Who it is for.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// What it says, as plain text.
    pub text: String,
    /// What it says, as HTML.
    pub html: String,
    /// What became of it.
    pub state: State,
    /// How often it was tried to send it.
    pub attempts: i32,
    /// When it is tried next.
    pub next_attempt_at: Option<Timestamp>,
    /// What went wrong the last time.
    pub failure: Option<String>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// When it was written.
    pub created_at: Timestamp,
}

/// A message of the outbox, with its body sealed.
#[derive(Debug, FromRow)]
pub struct Stored {
    id: MailId,
    environment_id: EnvironmentId,
    recipient: String,
    subject: String,
    sealed: Vec<u8>,
    state: State,
    attempts: i32,
    next_attempt_at: Option<Timestamp>,
    failure: Option<String>,
    sent_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl Stored {
    /// Its id.
    pub fn id(&self) -> &MailId {
        &self.id
    }

    /// The message with its body opened.
    pub fn open(self, keyring: &Keyring) -> Result<Mail> {
        let Self { id, environment_id, recipient, subject, sealed, state, .. } = self;
        let Body { text, html } = Body::open(keyring, &id, &sealed)?;
        Ok(Mail {
            id,
            environment_id,
            to: recipient,
            subject,
            text,
            html,
            state,
            attempts: self.attempts,
            next_attempt_at: self.next_attempt_at,
            failure: self.failure,
            sent_at: self.sent_at,
            created_at: self.created_at,
        })
    }
}

/// A message that a worker has taken to send it.
#[derive(Debug, FromRow)]
pub struct Claimed {
    /// The environment that it was written in.
    pub environment: EnvironmentKey,
    /// Its id.
    pub id: MailId,
    /// Who it is for.
    pub recipient: String,
    /// What it is about.
    pub subject: String,
    /// Its body.
    pub sealed: Vec<u8>,
    /// How often it was taken, this time included.
    pub attempts: i32,
    /// When it is too late.
    pub expires_at: Timestamp,
    /// When it was written.
    pub created_at: Timestamp,
}

/// What came of an attempt.
#[derive(Debug)]
pub enum Outcome {
    /// A server took it over.
    Sent(Timestamp),
    /// It did not work, and is tried again at this moment.
    Delayed(Timestamp, String),
    /// It did not work and never will, or it is too late.
    Failed(String),
}
