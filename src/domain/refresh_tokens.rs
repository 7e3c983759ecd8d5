//! Refresh tokens: each is exchanged once, for a new pair of tokens.
//!
//! A client that sends several requests at once may exchange the same token several times; so for [`GRACE_SECONDS`]
//! an exchanged token is answered with the very pair that it was exchanged for. After that it is refused, and
//! the session goes on: whoever was slow is not signed out, and a thief of an old token gains nothing.
//!
//! A token is two parts. The first, the family, is common to all tokens of a session: by it the session is found, and
//! a token that was exchanged long ago is told from one that never was, without keeping every token for the life of
//! the session. The second is the token's own. Both are random, and stored as their hashes.

use serde::{Deserialize, Serialize};

use super::access_tokens::{self, Issuer};
use super::standings;
use crate::db::Tx;
use crate::kernel::clock::Timestamp;
use crate::kernel::crypto::{Random, sha256};
use crate::kernel::id::{OrganizationId, UserId};
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result};
use crate::model::authentication::Method;
use crate::model::sessions::{Status, Stored};
use crate::store;
use crate::store::sessions::RefreshHashes;

/// For how long an exchanged token is answered again, by the server's clock.
pub const GRACE_SECONDS: i64 = 30;

/// Characters of base64url for 128 bits. The family alone opens nothing.
const FAMILY_LEN: usize = 22;
/// Bytes of the second part, which is what must not be guessed.
const OWN_BYTES: usize = 32;

/// The part that all refresh tokens of a session begin with.
struct Family(Secret<String>);

impl Family {
    /// A new one.
    fn new(random: &Random) -> Self {
        Self(Secret::new(random.base64url(16)))
    }

    /// What is stored of it.
    fn hash(&self) -> [u8; 32] {
        sha256(self.0.expose().as_bytes())
    }

    /// The family of a token, if the text can be one.
    fn of(token: &Secret<String>) -> Option<Self> {
        token.expose().split_at_checked(FAMILY_LEN).map(|(family, _)| Self(family.into()))
    }

    fn token(&self, random: &Random) -> Secret<String> {
        Secret::new(format!("{}{}", self.0.expose(), random.base64url(OWN_BYTES)))
    }
}

/// What a client holds of a session.
#[derive(Debug)]
pub struct Issued {
    /// Whose session it is.
    pub user_id: UserId,
    /// The organization that the access token speaks for.
    pub organization_id: Option<OrganizationId>,
    /// How the user signed in.
    pub method: Method,
    /// What applications verify.
    pub access_token: Secret<String>,
    /// What it is exchanged for a new one with.
    pub refresh_token: Secret<String>,
}

/// What a token was exchanged for, as it is sealed beside the token.
#[derive(Serialize, Deserialize)]
struct Pair {
    organization_id: Option<OrganizationId>,
    access_token: String,
    refresh_token: String,
}

/// Makes the first refresh token of a session, and what is stored of it.
pub fn first(random: &Random) -> (Secret<String>, RefreshHashes) {
    let family = Family::new(random);
    let token = family.token(random);
    let hashes = RefreshHashes { family: family.hash(), first: hash(&token) };
    (token, hashes)
}

/// Exchanges a token for a new pair, which speaks for `organization` if one is given, and else for the same one as
/// before.
///
/// The session is held meanwhile, so of any number of exchanges of one token exactly one makes a successor.
pub async fn exchange(
    tx: &mut Tx,
    issuer: &Issuer<'_>,
    token: &Secret<String>,
    organization: Option<OrganizationId>,
) -> Result<Issued> {
    let family = Family::of(token).ok_or_else(invalid)?;
    let held = match &organization {
        Some(organization) => hold(tx, issuer, &family, organization).await,
        None => Ok(()),
    };
    let session = store::sessions::lock_by_family(tx, &family.hash(), issuer.client_id).await?.ok_or_else(invalid)?;
    match session.status(tx.now()) {
        Status::Active => {}
        Status::Expired | Status::Revoked => return Err(ended()),
    }
    let stored = store::refresh_tokens::find(tx, &session.id, &hash(token)).await?.ok_or_else(|| late(&session))?;
    held?;
    let in_grace = |at: Timestamp| tx.now() < at.plus_seconds(GRACE_SECONDS);
    match (stored.exchanged_at, stored.successor) {
        (Some(at), Some(sealed)) if in_grace(at) => {
            let pair = open(issuer, token, &sealed)?;
            repeat(tx, issuer, session, (token, at, pair), organization).await
        }
        (Some(_), _) => Err(late(&session)),
        (None, _) => succeed(tx, issuer, session, (&family, token), organization).await,
    }
}

/// Holds the membership that the session is to speak for. That comes before the session is held; what is wrong with it
/// is told afterwards, to who has shown a good token.
async fn hold(tx: &mut Tx, issuer: &Issuer<'_>, family: &Family, organization: &OrganizationId) -> Result<()> {
    let session = store::sessions::find_by_family(tx, &family.hash(), issuer.client_id).await?;
    standings::hold(tx, &session.ok_or_else(invalid)?.user_id, organization).await
}

/// The first exchange of a token.
async fn succeed(
    tx: &mut Tx,
    issuer: &Issuer<'_>,
    session: Stored,
    (family, token): (&Family, &Secret<String>),
    organization: Option<OrganizationId>,
) -> Result<Issued> {
    let session = scope(tx, session, organization).await?;
    let pair = Pair {
        access_token: sign(tx, issuer, &session).await?,
        refresh_token: family.token(tx.random()).expose().clone(),
        organization_id: session.organization_id.clone(),
    };
    let now = tx.now();
    store::refresh_tokens::delete_exchanged(tx, &session.id, now.plus_seconds(-GRACE_SECONDS)).await?;
    store::refresh_tokens::update(tx, &hash(token), &seal(issuer, token, &pair)?, now).await?;
    store::refresh_tokens::insert(tx, &session.id, &sha256(pair.refresh_token.as_bytes()), now).await?;
    store::sessions::touch(tx, &session.id, now).await?;
    Ok(issued(session, pair))
}

/// A further exchange of a token, within its grace: the pair that it was exchanged for. Where another organization is
/// asked for than the pair speaks for, its access token is made anew; the refresh token stays.
async fn repeat(
    tx: &mut Tx,
    issuer: &Issuer<'_>,
    session: Stored,
    (token, at, mut pair): (&Secret<String>, Timestamp, Pair),
    organization: Option<OrganizationId>,
) -> Result<Issued> {
    if organization.is_none() || organization == pair.organization_id {
        return Ok(issued(session, pair));
    }
    let session = scope(tx, session, organization).await?;
    pair.access_token = sign(tx, issuer, &session).await?;
    pair.organization_id.clone_from(&session.organization_id);
    store::refresh_tokens::update(tx, &hash(token), &seal(issuer, token, &pair)?, at).await?;
    Ok(issued(session, pair))
}

/// The session, speaking for this organization from now on if one is given. The caller holds the membership.
async fn scope(tx: &mut Tx, mut session: Stored, organization: Option<OrganizationId>) -> Result<Stored> {
    if let Some(organization) = organization
        && session.organization_id.as_ref() != Some(&organization)
    {
        session.updated_at = tx.now();
        store::sessions::set_organization(tx, &session.id, &organization, session.updated_at).await?;
        session.organization_id = Some(organization);
    }
    Ok(session)
}

/// A new access token. What the user is in the session's organization is read again each time; somebody who is no
/// active member any more is about to lose the session, and gets nothing from it.
async fn sign(tx: &mut Tx, issuer: &Issuer<'_>, session: &Stored) -> Result<String> {
    let standing = match &session.organization_id {
        None => None,
        Some(organization) => Some(
            store::organization_memberships::find_standing(tx, &session.user_id, organization)
                .await?
                .ok_or_else(ended)?,
        ),
    };
    Ok(access_tokens::sign(tx, issuer, session, standing.as_ref()).await?.expose().clone())
}

fn issued(session: Stored, pair: Pair) -> Issued {
    Issued {
        user_id: session.user_id,
        organization_id: pair.organization_id,
        method: session.method,
        access_token: Secret::new(pair.access_token),
        refresh_token: Secret::new(pair.refresh_token),
    }
}

fn hash(token: &Secret<String>) -> [u8; 32] {
    sha256(token.expose().as_bytes())
}

/// What the successor of a token is sealed for: that token and no other.
fn purpose(token: &Secret<String>) -> String {
    format!("refresh_token:{}", hex::encode(hash(token)))
}

fn seal(issuer: &Issuer<'_>, token: &Secret<String>, pair: &Pair) -> Result<Vec<u8>> {
    let plain = Secret::new(serde_json::to_vec(pair).map_err(Error::internal)?);
    Ok(issuer.keyring.seal(&purpose(token), plain.expose()))
}

fn open(issuer: &Issuer<'_>, token: &Secret<String>, sealed: &[u8]) -> Result<Pair> {
    let plain = issuer.keyring.open(&purpose(token), sealed).map_err(Error::internal)?;
    serde_json::from_slice(plain.expose()).map_err(Error::internal)
}

fn invalid() -> Error {
    Error::oauth("invalid_grant", "The refresh token is invalid.")
}

fn ended() -> Error {
    Error::oauth("invalid_grant", "Session has already ended.")
}

/// Either a client was away for longer than the grace, or a token was stolen. The operator can look for the latter.
fn late(session: &Stored) -> Error {
    let id = &session.id;
    tracing::warn!(session = %id, "a refresh token of {id} was presented again after it had been exchanged");
    Error::oauth("invalid_grant", "Refresh token already exchanged.")
}
