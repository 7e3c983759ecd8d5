//! Invitations: somebody is asked by mail to sign up, or to join an organization.
//!
//! An invitation to an organization has a pending membership, and so a user, from its beginning: the role that awaits
//! them can be changed like any other, and accepting makes the membership active. Whoever takes the pending membership
//! away takes the invitation back. What is held: the organization, then roles, then the membership, then the
//! invitation.

use url::Url;

use super::mail::{self, Letter};
use super::{organization_memberships, role_assignments, users};
use crate::db::Tx;
use crate::kernel::check::is_email;
use crate::kernel::clock::Timestamp;
use crate::kernel::crypto::Keyring;
use crate::kernel::id::{InvitationId, MailId, OrganizationId, UserId};
use crate::kernel::{Error, Result};
use crate::model::environments::Settings;
use crate::model::invitations::{Invitation, State, Stored, Token};
use crate::model::organization_memberships::{OrganizationMembership, Status};
use crate::model::users::User;
use crate::store;

/// Letters and digits of a token.
const TOKEN_LENGTH: usize = 25;
const DAY_SECONDS: i64 = 86_400;

/// What sending an invitation, or showing one with its token, takes besides the database.
#[derive(Debug)]
pub struct Sender<'s> {
    /// What seals and opens tokens.
    pub keyring: &'s Keyring,
    /// The origin of this server.
    pub public_url: &'s str,
    /// The settings of the environment.
    pub settings: &'s Settings,
}

impl Sender<'_> {
    /// The invitation as whoever manages the environment is shown it: with its token, and where it is accepted.
    pub fn show(&self, stored: &Stored, now: Timestamp) -> Result<Invitation> {
        let token = stored.token(self.keyring)?;
        let mut shown = stored.at(now);
        shown.accept_invitation_url = Some(self.accept_url(&token)?);
        shown.token = Some(token.expose().to_owned());
        Ok(shown)
    }

    /// Where an invitation is accepted: the page that the environment names, or the one of this server.
    fn accept_url(&self, token: &Token) -> Result<String> {
        let page = self.settings.invitation_url.clone().unwrap_or_else(|| format!("{}/invite", self.public_url));
        let mut url = Url::parse(&page).map_err(Error::internal)?;
        url.query_pairs_mut().append_pair("invitation_token", token.expose());
        Ok(url.into())
    }
}

/// What a new invitation is made of.
#[derive(Debug, Default)]
pub struct Create {
    /// Its id, where a seed pins it.
    pub id: Option<InvitationId>,
    /// Who is invited.
    pub email: String,
    /// The organization to join.
    pub organization_id: Option<OrganizationId>,
    /// The role there; without one, the default role of the organization.
    pub role_slug: Option<String>,
    /// For how many days it is good; without a word, as many as the environment says.
    pub expires_in_days: Option<i64>,
    /// Who invites.
    pub inviter_user_id: Option<UserId>,
}

/// What awaits whoever accepts.
#[derive(Default)]
struct Place {
    user_id: Option<UserId>,
    role_slug: Option<String>,
    /// What people call the organization.
    name: Option<String>,
}

/// Invites somebody. One address has one invitation at a time to each organization, and one to none.
pub async fn create(tx: &mut Tx, sender: &Sender<'_>, input: Create) -> Result<Stored> {
    let Create { id, email, organization_id, role_slug, expires_in_days, inviter_user_id } = input;
    let email = email.trim().to_owned();
    if !is_email(&email) {
        return Err(Error::field("email", "invalid_email", "email must be an email address."));
    }
    let days = days(expires_in_days, sender.settings)?;
    let inviter = match &inviter_user_id {
        Some(id) => Some(store::users::get(tx, id).await?),
        None => None,
    };
    let place = match &organization_id {
        Some(organization) => reserve(tx, &email, organization, role_slug).await?,
        None => no_place(tx, &email, role_slug.as_deref()).await?,
    };
    let now = tx.now();
    let id = id.unwrap_or_else(|| tx.mint());
    let token = Token::new(tx.random().alphanumeric(TOKEN_LENGTH));
    let mut invitation = Stored {
        token_sealed: token.seal(sender.keyring, &id),
        id,
        email,
        state: State::Pending,
        organization_id,
        user_id: place.user_id,
        role_slug: place.role_slug,
        inviter_user_id,
        accepted_user_id: None,
        mail_id: None,
        days,
        expires_at: now.plus_seconds(i64::from(days) * DAY_SECONDS),
        accepted_at: None,
        revoked_at: None,
        created_at: now,
        updated_at: now,
    };
    let mail_id = post(tx, sender, &invitation, &token, inviter.as_ref(), place.name.as_deref()).await?;
    invitation.mail_id = Some(mail_id);
    store::invitations::expire(tx, &invitation.email, invitation.organization_id.as_ref(), now).await?;
    store::invitations::insert(tx, &invitation, &token).await?;
    tx.emit(invitation.created(now))?;
    Ok(invitation)
}

fn days(asked: Option<i64>, settings: &Settings) -> Result<i32> {
    match asked {
        None => Ok(settings.invitation_days),
        Some(days) if days < *Settings::INVITATION_DAYS.start() => {
            Err(Error::refused("expires_in_days_too_short", "expires_in_days must be at least 1."))
        }
        Some(days) if days > *Settings::INVITATION_DAYS.end() => {
            Err(Error::refused("expires_in_days_too_long", "expires_in_days must be at most 30."))
        }
        Some(days) => i32::try_from(days).map_err(Error::internal),
    }
}

/// Who is invited to no organization must be new, and has no role.
async fn no_place(tx: &mut Tx, email: &str, role_slug: Option<&str>) -> Result<Place> {
    if role_slug.is_some() {
        let message = "role_slug is the role in an organization and cannot come without organization_id.";
        return Err(Error::field("role_slug", "organization_required", message));
    }
    if store::users::find_by_email(tx, email).await?.is_some() {
        return Err(Error::refused("user_already_exists", "A user with this email already exists."));
    }
    Ok(Place::default())
}

/// Makes the pending membership of whoever is invited to an organization, and the user where there is none.
async fn reserve(
    tx: &mut Tx,
    email: &str,
    organization_id: &OrganizationId,
    role_slug: Option<String>,
) -> Result<Place> {
    if !store::organizations::hold(tx, organization_id).await? {
        return Err(Error::missing(organization_id));
    }
    let name = store::organizations::get(tx, organization_id).await?.name;
    let roles: Vec<_> = role_slug.into_iter().collect();
    role_assignments::resolve(tx, organization_id, &roles, false).await.map_err(refused_role)?;
    let user = users::find_or_create(tx, email).await?;
    let membership = pending_membership(tx, &user, organization_id, roles).await?;
    let role_slug = membership.roles.first().map(|role| role.slug.clone());
    Ok(Place { user_id: Some(user.id), role_slug, name: Some(name) })
}

async fn pending_membership(
    tx: &mut Tx,
    user: &User,
    organization_id: &OrganizationId,
    roles: Vec<String>,
) -> Result<OrganizationMembership> {
    let current = store::organization_memberships::lock_of(tx, &user.id, organization_id).await?;
    match current {
        Some(OrganizationMembership { status: Status::Active, .. }) => {
            let message = "The user with this email already is a member of the organization.";
            Err(Error::refused("user_already_organization_member", message))
        }
        // Its invitation has expired, or is about to be found in the way of another.
        Some(membership) if membership.status == Status::Pending && roles.is_empty() => Ok(membership),
        Some(membership) if membership.status == Status::Pending => {
            organization_memberships::update(tx, &membership.id, &roles, false).await
        }
        Some(_) | None => {
            let input = organization_memberships::Create {
                id: None,
                user_id: user.id.clone(),
                organization_id: organization_id.clone(),
                status: Status::Pending,
                roles,
                multiple_roles: false,
            };
            organization_memberships::create(tx, input).await
        }
    }
}

/// An unknown role is told in another way than by memberships.
fn refused_role(error: Error) -> Error {
    match error.code() {
        Some("invalid_role" | "sub_resource_scoped_role_not_allowed") => {
            Error::refused("invalid_role", error.message().to_owned())
        }
        _ => error,
    }
}

/// Accepts an invitation for the user whom it is for. In an organization they are an active member from then on.
pub async fn accept(tx: &mut Tx, id: &InvitationId) -> Result<Stored> {
    let now = tx.now();
    let found = store::invitations::get(tx, id).await?;
    check_pending(found.state(now))?;
    if let Some(organization) = &found.organization_id
        && !store::organizations::hold(tx, organization).await?
    {
        return Err(Error::missing(id));
    }
    let user = invited_user(tx, &found).await?;
    if let Some(organization) = &found.organization_id {
        organization_memberships::accept(tx, &user.id, organization, found.role_slug.as_deref()).await?;
    }
    // Of two who accept at once, one has waited for the other's membership or waits here.
    let mut invitation = store::invitations::lock(tx, id).await?;
    check_pending(invitation.state(now))?;
    invitation.state = State::Accepted;
    invitation.accepted_user_id = Some(user.id);
    (invitation.accepted_at, invitation.updated_at) = (Some(now), now);
    store::invitations::update(tx, &invitation).await?;
    tx.emit(invitation.accepted(now))?;
    withdraw(tx, &invitation, "the invitation was accepted before").await?;
    Ok(invitation)
}

/// The user whose membership waits, or the one of the address.
async fn invited_user(tx: &mut Tx, invitation: &Stored) -> Result<User> {
    if let Some(id) = &invitation.user_id
        && let Some(user) = store::users::find(tx, id).await?
    {
        return Ok(user);
    }
    let found = store::users::find_by_email(tx, &invitation.email).await?;
    found.ok_or_else(|| {
        Error::refused("invalid_invite", "There is no user with the email of this invitation yet: create one first.")
    })
}

fn check_pending(state: State) -> Result<()> {
    if state == State::Pending {
        return Ok(());
    }
    Err(Error::refused("invite_not_pending", format!("The invitation is not pending: it is {}.", state.as_str())))
}

/// Takes an invitation back, with the pending membership that waits for it.
pub async fn revoke(tx: &mut Tx, id: &InvitationId) -> Result<Stored> {
    let now = tx.now();
    let found = store::invitations::get(tx, id).await?;
    let membership = match (&found.user_id, &found.organization_id) {
        (Some(user), Some(organization)) => store::organization_memberships::lock_of(tx, user, organization).await?,
        (None, _) | (_, None) => None,
    };
    let invitation = store::invitations::lock(tx, id).await?;
    check_pending(invitation.state(now))?;
    let invitation = end(tx, invitation).await?;
    if let Some(membership) = membership.filter(|membership| membership.status == Status::Pending) {
        organization_memberships::delete(tx, &membership.id).await?;
    }
    Ok(invitation)
}

/// Takes back the invitations that these memberships, which are pending and being removed, were waiting for: otherwise
/// accepting one would bring back what somebody has taken away.
pub async fn revoke_all_of_memberships(tx: &mut Tx, memberships: &[OrganizationMembership]) -> Result<()> {
    let pending = memberships.iter().filter(|membership| membership.status == Status::Pending);
    let (organizations, users): (Vec<_>, Vec<_>) =
        pending.map(|membership| (&membership.organization_id, &membership.user_id)).unzip();
    if users.is_empty() {
        return Ok(());
    }
    let now = tx.now();
    for invitation in store::invitations::lock_pending_of(tx, (&organizations, &users)).await? {
        if invitation.state(now) == State::Pending {
            end(tx, invitation).await?;
        }
    }
    Ok(())
}

async fn end(tx: &mut Tx, mut invitation: Stored) -> Result<Stored> {
    let now = tx.now();
    invitation.state = State::Revoked;
    (invitation.revoked_at, invitation.updated_at) = (Some(now), now);
    store::invitations::update(tx, &invitation).await?;
    tx.emit(invitation.revoked(now))?;
    withdraw(tx, &invitation, "the invitation was revoked").await?;
    Ok(invitation)
}

/// Sends an invitation again, with another token: the link of before leads nowhere, and the days begin anew.
pub async fn resend(tx: &mut Tx, sender: &Sender<'_>, id: &InvitationId) -> Result<Stored> {
    let now = tx.now();
    let mut invitation = store::invitations::lock(tx, id).await?;
    match invitation.state(now) {
        State::Pending => {}
        State::Accepted => return Err(Error::refused("invite_accepted", "The invitation was accepted already.")),
        State::Expired => return Err(Error::refused("invite_expired", "The invitation has expired.")),
        State::Revoked => return Err(Error::refused("invite_revoked", "The invitation was revoked.")),
    }
    let token = Token::new(tx.random().alphanumeric(TOKEN_LENGTH));
    invitation.token_sealed = token.seal(sender.keyring, id);
    invitation.expires_at = now.plus_seconds(i64::from(invitation.days) * DAY_SECONDS);
    invitation.updated_at = now;
    let inviter = match &invitation.inviter_user_id {
        Some(id) => store::users::find(tx, id).await?,
        None => None,
    };
    let name = match &invitation.organization_id {
        Some(id) => store::organizations::find(tx, id).await?.map(|organization| organization.name),
        None => None,
    };
    withdraw(tx, &invitation, "another link took the place of the one in it").await?;
    invitation.mail_id = Some(post(tx, sender, &invitation, &token, inviter.as_ref(), name.as_deref()).await?);
    store::invitations::renew(tx, &invitation, &token).await?;
    tx.emit(invitation.resent(now))?;
    Ok(invitation)
}

/// Keeps a message that still waits from being sent, for its link leads nowhere any more.
async fn withdraw(tx: &mut Tx, invitation: &Stored, why: &str) -> Result<()> {
    match &invitation.mail_id {
        Some(id) => store::mail::withdraw(tx, id, why).await,
        None => Ok(()),
    }
}

async fn post(
    tx: &mut Tx,
    sender: &Sender<'_>,
    invitation: &Stored,
    token: &Token,
    inviter: Option<&User>,
    organization: Option<&str>,
) -> Result<MailId> {
    let what = organization.map_or_else(|| "sign up".to_owned(), |name| format!("join {name}"));
    let opening = match inviter {
        Some(user) => format!("{} has invited you to {what}.", called(user)),
        None => format!("You have been invited to {what}."),
    };
    let letter = Letter {
        subject: format!("You have been invited to {what}"),
        opening,
        action: Some(("Accept the invitation", sender.accept_url(token)?)),
        closing: "If you did not expect this, you can leave it unanswered.",
    };
    mail::post(tx, sender.keyring, &invitation.email, &letter, invitation.expires_at).await
}

/// What a user is called: their name, or their address if nothing else is known.
fn called(user: &User) -> String {
    let parts = [user.first_name.as_deref(), user.last_name.as_deref()];
    let whole = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let named = [user.name.clone().unwrap_or_default(), whole];
    named.into_iter().find(|name| !name.trim().is_empty()).unwrap_or_else(|| user.email.clone())
}
