//! Sign-in: from a proof of who somebody is to a session.
//!
//! A proof (a password, later others) becomes a [`Pending`]: known, but not in yet. Between that and the session stand
//! the gates, in [`admit`], in a fixed order; each either lets pass or holds the sign-in, with an error that carries a
//! pending token to go on with. What precedes the proof, what the organization and its domains allow, is decided
//! before any credential is looked at. Passwords are compared outside of transactions, in [`super::passwords`].

use serde_json::json;

use super::access_tokens::Issuer;
use super::passwords::Proof;
use super::refresh_tokens::{self, Issued};
use super::{sessions, standings};
use crate::db::Tx;
use crate::kernel::crypto::sha256;
use crate::kernel::id::{OrganizationId, UserId};
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result};
use crate::model::authentication::{Choice, Failure, Method, Outcome, PasswordAttempt, Pending, Standing, Step};
use crate::model::metadata::Metadata;
use crate::model::users::User;
use crate::store;

/// For how long a sign-in waits for its next step.
pub const PENDING_SECONDS: i64 = 600;
/// Bytes of a pending token.
const TOKEN_BYTES: usize = 32;

/// Where the user is, as far as the application says.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// Their address.
    pub ip_address: Option<String>,
    /// Their program.
    pub user_agent: Option<String>,
}

/// What came of an attempt. Both are worth keeping: the transaction is committed either way.
#[derive(Debug)]
pub enum Entry {
    /// The user is in.
    Admitted(Box<Admitted>),
    /// They are not, for this reason.
    Held(Error),
}

/// A user who has signed in.
#[derive(Debug)]
pub struct Admitted {
    /// The user, as sign-in shows them.
    pub user: User,
    /// Their session.
    pub issued: Issued,
}

/// Signs in by a password that was compared already; None if it was compared with a hash that is there no longer.
///
/// Between the comparison and this transaction the password may have been changed or the user deleted, and then it is
/// wrong after all; or another sign-in has hashed the same password anew, and then it is still right. Only another
/// comparison can tell.
pub async fn by_password(
    tx: &mut Tx,
    issuer: &Issuer<'_>,
    email: &str,
    origin: Origin,
    proof: Proof,
) -> Result<Option<Entry>> {
    let (user, hash, renewed) = match proof {
        Proof::Wrong { user } => return refuse(tx, email, origin, user).map(|error| Some(Entry::Held(error))),
        Proof::Right { user, hash, renewed } => {
            let locked = store::users::lock_with_password(tx, &user, hash.expose()).await?;
            let Some(user) = locked else { return Ok(None) };
            (user, hash, renewed)
        }
    };
    if let Some(renewed) = renewed {
        store::users::replace_password(tx, &user.id, hash.expose(), renewed.expose()).await?;
    }
    let attempt = attempt(Outcome::Succeeded, email, origin.clone(), Some(user.id.clone()), None);
    tx.emit(attempt.succeeded())?;
    let pending = Pending {
        user_id: user.id.clone(),
        client_id: issuer.client_id.to_owned(),
        method: Method::Password,
        ip_address: origin.ip_address,
        user_agent: origin.user_agent,
        authenticated_at: tx.now(),
    };
    admit(tx, issuer, user, pending).await.map(Some)
}

/// The one answer to an unknown user, a user without a password and a wrong password; the log tells them apart.
fn refuse(tx: &mut Tx, email: &str, origin: Origin, user: Option<UserId>) -> Result<Error> {
    let (code, message) = ("invalid_credentials", format!("Invalid credentials for '{email}'."));
    let failure = Failure { code: code.to_owned(), message: message.clone() };
    tx.emit(attempt(Outcome::Failed, email, origin, user, Some(failure)).failed())?;
    Ok(Error::refused(code, message))
}

fn attempt(
    status: Outcome,
    email: &str,
    origin: Origin,
    user_id: Option<UserId>,
    error: Option<Failure>,
) -> PasswordAttempt {
    let Origin { ip_address, user_agent } = origin;
    PasswordAttempt { status, ip_address, user_agent, user_id, email: email.to_owned(), error }
}

/// Goes on with a sign-in that waited for the choice of an organization. The token works once; a choice that is
/// refused does not use it up.
pub async fn by_organization(
    tx: &mut Tx,
    issuer: &Issuer<'_>,
    token: &Secret<String>,
    organization: OrganizationId,
) -> Result<Entry> {
    let hash = sha256(token.expose().as_bytes());
    let now = tx.now();
    let step = Step::OrganizationSelection;
    let waiting = store::pending_authentications::find(tx, &hash, issuer.client_id, step, now).await?;
    let pending = waiting.ok_or_else(used)?;
    // The user first, as whoever deletes them does it.
    let user = store::users::lock(tx, &pending.user_id).await?;
    if !store::pending_authentications::delete(tx, &hash).await? {
        return Err(used());
    }
    let standing = standings::enter(tx, &user.id, &organization).await?;
    begin(tx, issuer, user, pending, Some((organization, standing))).await
}

fn used() -> Error {
    let message = "The pending authentication token is invalid or has expired.";
    Error::refused("invalid_pending_authentication_token", message)
}

/// The gates, in their order: the user's address must be theirs, their second factor must be shown, the organization
/// must be settled. The first two come with the families that they need; each holds the sign-in as the third does.
async fn admit(tx: &mut Tx, issuer: &Issuer<'_>, user: User, pending: Pending) -> Result<Entry> {
    match settle(tx, &user).await? {
        Settled::Nowhere => begin(tx, issuer, user, pending, None).await,
        Settled::In(organization, standing) => begin(tx, issuer, user, pending, Some((organization, standing))).await,
        Settled::Open(choices) => {
            let token = hold(tx, &pending, Step::OrganizationSelection).await?;
            let message = "The user must choose an organization to finish their authentication.";
            let error = Error::forbidden("organization_selection_required", message)
                .with("pending_authentication_token", token.expose().as_str())
                .with("organizations", json!(choices))
                .with("user", json!(shown(user)));
            Ok(Entry::Held(error))
        }
    }
}

/// Which organization a sign-in leads to that named none.
enum Settled {
    /// The user is no active member of any.
    Nowhere,
    /// The only one.
    In(OrganizationId, Standing),
    /// There are several.
    Open(Vec<Choice>),
}

async fn settle(tx: &mut Tx, user: &User) -> Result<Settled> {
    let mut choices = store::organization_memberships::list_choices(tx, &user.id).await?;
    if choices.len() > 1 {
        return Ok(Settled::Open(choices));
    }
    let Some(Choice { id, name: _ }) = choices.pop() else { return Ok(Settled::Nowhere) };
    // It may have been taken away since it was listed.
    let standing = standings::find(tx, &user.id, &id).await?;
    Ok(standing.map_or(Settled::Nowhere, |standing| Settled::In(id, standing)))
}

/// Writes a sign-in down under a token for its next step.
async fn hold(tx: &mut Tx, pending: &Pending, awaits: Step) -> Result<Secret<String>> {
    let token = Secret::new(tx.random().base64url(TOKEN_BYTES));
    let expires_at = tx.now().plus_seconds(PENDING_SECONDS);
    let hash = sha256(token.expose().as_bytes());
    store::pending_authentications::insert(tx, pending, awaits, &hash, expires_at).await?;
    Ok(token)
}

/// Behind the last gate.
async fn begin(
    tx: &mut Tx,
    issuer: &Issuer<'_>,
    mut user: User,
    pending: Pending,
    place: Option<(OrganizationId, Standing)>,
) -> Result<Entry> {
    let issued = sessions::create(tx, issuer, pending, place).await?;
    user.last_sign_in_at = Some(tx.now());
    Ok(Entry::Admitted(Box::new(Admitted { user: shown(user), issued })))
}

/// Goes on with a session.
pub async fn by_refresh_token(
    tx: &mut Tx,
    issuer: &Issuer<'_>,
    token: &Secret<String>,
    organization: Option<OrganizationId>,
) -> Result<Entry> {
    let issued = refresh_tokens::exchange(tx, issuer, token, organization).await?;
    let user = store::users::get(tx, &issued.user_id).await?;
    Ok(Entry::Admitted(Box::new(Admitted { user: shown(user), issued })))
}

/// The user as answers of sign-in show them: without metadata, which may be meant for the application's servers only,
/// while these answers often end up in a browser.
fn shown(user: User) -> User {
    User { metadata: Metadata::default(), ..user }
}
