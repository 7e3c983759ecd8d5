//! Invitations.

use schemars::JsonSchema;
use serde::Serialize;
use sqlx::FromRow;

use crate::kernel::clock::Timestamp;
use crate::kernel::crypto::{Keyring, sha256};
use crate::kernel::event::Event;
use crate::kernel::id::{InvitationId, MailId, OrganizationId, UserId};
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result, schema};

crate::words! {
    /// What became of an invitation.
    pub enum State {
        /// It can be accepted.
        Pending = "pending",
        /// It was.
        Accepted = "accepted",
        /// It can not be any more.
        Expired = "expired",
        /// It was taken back.
        Revoked = "revoked",
    }
}

/// An invitation to sign up, or to join an organization.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "invitation")]
#[schemars(transform = schema::object::<Self>)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Who is invited.
    pub email: String,
    /// What became of it.
    pub state: State,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it can not be accepted any more.
    pub expires_at: Timestamp,
    /// The organization that it invites to.
    pub organization_id: Option<OrganizationId>,
    /// Who invited.
    pub inviter_user_id: Option<UserId>,
    /// Who accepted.
    pub accepted_user_id: Option<UserId>,
    /// The role that they have, or will have, in the organization.
    pub role_slug: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// What shows that its bearer is invited. Events do not tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required)]
    pub token: Option<String>,
    /// Where it is accepted, with the token in the address. Events do not tell it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required)]
    pub accept_invitation_url: Option<String>,
}

impl Invitation {
    fn event(&self, name: &'static str) -> Result<Event> {
        Event::new(name, self.organization_id.clone(), self)
    }
}

/// An invitation as its row has it: with the token sealed, and pending where only the clock says otherwise.
#[derive(Debug, Clone, FromRow)]
pub struct Stored {
    /// Its id.
    pub id: InvitationId,
    /// Who is invited, as it was written.
    pub email: String,
    /// What became of it, apart from what the clock does.
    pub state: State,
    /// Its token, sealed.
    pub token_sealed: Vec<u8>,
    /// The organization that it invites to.
    pub organization_id: Option<OrganizationId>,
    /// The user whose membership waits for it.
    pub user_id: Option<UserId>,
    /// The role in the organization.
    pub role_slug: Option<String>,
    /// Who invited.
    pub inviter_user_id: Option<UserId>,
    /// Who accepted.
    pub accepted_user_id: Option<UserId>,
    /// The message that carries its link.
    pub mail_id: Option<MailId>,
    /// For how many days it is good, each time that it is sent.
    pub days: i32,
    /// When it can not be accepted any more.
    pub expires_at: Timestamp,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// When it was taken back.
    pub revoked_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A token of an invitation.
#[derive(Debug)]
pub struct Token(Secret<String>);

impl Token {
    /// A token that somebody shows, or a new one.
    pub fn new(text: String) -> Self {
        Self(Secret::new(text))
    }

    /// What it is looked up by.
    pub fn hash(&self) -> [u8; 32] {
        sha256(self.0.expose().as_bytes())
    }

    /// What is kept, to show it again with this invitation.
    pub fn seal(&self, keyring: &Keyring, id: &InvitationId) -> Vec<u8> {
        keyring.seal(&purpose(id), self.0.expose().as_bytes())
    }

    /// The token itself, for the link and for whoever manages the environment.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

fn purpose(id: &InvitationId) -> String {
    format!("invitation:{id}")
}

impl Stored {
    /// What became of it, at this moment.
    pub fn state(&self, now: Timestamp) -> State {
        if self.state == State::Pending && self.expires_at <= now { State::Expired } else { self.state }
    }

    /// Its token.
    pub fn token(&self, keyring: &Keyring) -> Result<Token> {
        let plain = keyring.open(&purpose(&self.id), &self.token_sealed).map_err(Error::internal)?;
        let text = std::str::from_utf8(plain.expose()).map_err(Error::internal)?;
        Ok(Token::new(text.to_owned()))
    }

    /// The invitation at this moment, without its token.
    pub fn at(&self, now: Timestamp) -> Invitation {
        Invitation {
            id: self.id.clone(),
            email: self.email.clone(),
            state: self.state(now),
            accepted_at: self.accepted_at,
            revoked_at: self.revoked_at,
            expires_at: self.expires_at,
            organization_id: self.organization_id.clone(),
            inviter_user_id: self.inviter_user_id.clone(),
            accepted_user_id: self.accepted_user_id.clone(),
            role_slug: self.role_slug.clone(),
            created_at: self.created_at,
            updated_at: self.updated_at,
            token: None,
            accept_invitation_url: None,
        }
    }

    /// The event `invitation.created`.
    pub fn created(&self, now: Timestamp) -> Result<Event> {
        self.at(now).event("invitation.created")
    }

    /// The event `invitation.accepted`.
    pub fn accepted(&self, now: Timestamp) -> Result<Event> {
        self.at(now).event("invitation.accepted")
    }

    /// The event `invitation.resent`.
    pub fn resent(&self, now: Timestamp) -> Result<Event> {
        self.at(now).event("invitation.resent")
    }

    /// The event `invitation.revoked`.
    pub fn revoked(&self, now: Timestamp) -> Result<Event> {
        self.at(now).event("invitation.revoked")
    }
}
