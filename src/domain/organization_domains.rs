//! Domains of organizations: claiming them, and showing by a TXT record that they are the organization's.
//!
//! Nobody is asked here: `worker/domains.rs` looks a domain up outside of every transaction and brings what it saw to
//! [`settle`].

use crate::db::Tx;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OrganizationDomainId, OrganizationId};
use crate::kernel::{Error, Result};
use crate::model::organization_domains::{FailureReason, OrganizationDomain, State, Strategy, VerificationFailure};
use crate::protocol::dns_name;
use crate::store;

/// For how long a domain is looked for: 30 days.
pub const PERIOD_SECONDS: i64 = 30 * 86_400;
/// The least and the most time between two look-ups.
const INTERVAL_SECONDS: std::ops::RangeInclusive<i64> = 60..=3600;

/// Domains are shown with their organization each time, so they are not to be many.
pub const MOST: usize = 100;

/// A domain as somebody gives it with an organization.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The field that it came in, for messages.
    pub field: String,
    /// The domain, as it was written.
    pub domain: String,
    /// Whether they vouch for it.
    pub verified: bool,
    /// What a seed pins of it.
    pub pinned: Pinned,
}

/// What a seed may say of a domain that is otherwise chosen here: so that a TXT record that is published already goes on
/// showing that the domain is the organization's.
#[derive(Debug, Clone, Default)]
pub struct Pinned {
    /// Its id.
    pub id: Option<OrganizationDomainId>,
    /// What the TXT record says before its token.
    pub verification_prefix: Option<String>,
    /// What the TXT record must hold.
    pub verification_token: Option<String>,
}

/// The domain in the form in which it is stored and compared, or a code and a message.
///
/// Mail providers that anybody can join are refused: whoever owned one would own its users.
pub fn normal(text: &str) -> Result<String, (&'static str, String)> {
    let domain = dns_name::normalize(text).ok_or_else(|| ("invalid_domain", format!("'{text}' is not a domain.")))?;
    if dns_name::is_consumer(&domain) {
        let message = format!("'{domain}' is a consumer email domain and cannot belong to an organization.");
        return Err(("consumer_domain_forbidden", message));
    }
    Ok(domain)
}

fn normal_of(claim: &Claim) -> Result<String> {
    normal(&claim.domain).map_err(|(code, message)| Error::field(&claim.field, code, message))
}

/// Adds a domain to an organization that the transaction holds.
///
/// Whoever vouches for it verifies it by hand; otherwise it waits for its TXT record.
pub async fn create(tx: &mut Tx, organization: &OrganizationId, claim: &Claim) -> Result<OrganizationDomain> {
    let (state, verification_strategy) = standing(claim.verified);
    let Pinned { id, verification_prefix, verification_token } = claim.pinned.clone();
    let prefix = || format!("vestibule-domain-verification-{}", tx.random().alphanumeric(6).to_lowercase());
    let domain = OrganizationDomain {
        id: id.unwrap_or_else(|| tx.mint()),
        organization_id: organization.clone(),
        domain: normal_of(claim)?,
        state,
        verification_prefix: verification_prefix.unwrap_or_else(prefix),
        verification_token: verification_token.unwrap_or_else(|| tx.random().alphanumeric(25)),
        verification_strategy,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    store::organization_domains::insert(tx, &domain).await?;
    tx.emit(domain.created())?;
    if claim.verified {
        tx.emit(domain.verified())?;
    }
    Ok(domain)
}

fn standing(verified: bool) -> (State, Strategy) {
    if verified { (State::Verified, Strategy::Manual) } else { (State::Pending, Strategy::Dns) }
}

/// Adds a domain to an organization that must be there.
///
/// The organization is held as its updates hold it, which replace the whole set of its domains.
pub async fn add(tx: &mut Tx, organization: &OrganizationId, claim: &Claim) -> Result<OrganizationDomain> {
    let organization_domains = store::organizations::lock(tx, organization).await?.domains;
    if organization_domains.len() >= MOST {
        let message = format!("An organization can have at most {MOST} domains.");
        return Err(Error::field(&claim.field, "too_many", message));
    }
    create(tx, organization, claim).await
}

/// Makes these the domains of an organization: the missing are added, the others removed, those named again stay as
/// they are, except that one may become verified.
pub async fn replace(
    tx: &mut Tx,
    organization: &OrganizationId,
    current: Vec<OrganizationDomain>,
    claims: &[Claim],
) -> Result<Vec<OrganizationDomain>> {
    let wanted = claims.iter().map(normal_of).collect::<Result<Vec<_>>>()?;
    let mut domains = Vec::with_capacity(wanted.len());
    for domain in current {
        match wanted.iter().position(|name| *name == domain.domain) {
            Some(index) => domains.push(confirm(tx, domain, claims[index].verified).await?),
            None => delete(tx, &domain).await?,
        }
    }
    for (name, claim) in wanted.iter().zip(claims) {
        if !domains.iter().any(|domain| domain.domain == *name) {
            domains.push(create(tx, organization, claim).await?);
        }
    }
    Ok(domains)
}

async fn confirm(tx: &mut Tx, mut domain: OrganizationDomain, verified: bool) -> Result<OrganizationDomain> {
    if verified && domain.state != State::Verified {
        domain.verification_strategy = Strategy::Manual;
        set_state(tx, &mut domain, State::Verified).await?;
        tx.emit(domain.verified())?;
    }
    Ok(domain)
}

async fn set_state(tx: &mut Tx, domain: &mut OrganizationDomain, state: State) -> Result<()> {
    domain.state = state;
    domain.updated_at = tx.now();
    store::organization_domains::update(tx, domain).await?;
    tx.emit(domain.updated())
}

/// Removes a domain that the transaction holds.
pub async fn delete(tx: &mut Tx, domain: &OrganizationDomain) -> Result<()> {
    store::organization_domains::delete(tx, &domain.id).await?;
    tx.emit(domain.deleted())
}

/// Removes the domain of this id.
pub async fn remove(tx: &mut Tx, id: &OrganizationDomainId) -> Result<()> {
    let domain = store::organization_domains::lock(tx, id).await?;
    delete(tx, &domain).await
}

/// Begins to look for the TXT record of a domain, or begins anew: it has 30 days from now, and is due at once.
///
/// A domain that was pending is shown as before, so that is no event.
pub async fn verify(tx: &mut Tx, id: &OrganizationDomainId) -> Result<OrganizationDomain> {
    let mut domain = store::organization_domains::lock(tx, id).await?;
    match domain.state {
        State::Verified | State::LegacyVerified => {
            return Err(Error::refused("domain_already_verified", "Domain is already verified."));
        }
        State::Pending => {}
        State::Failed | State::Unverified => {
            domain.verification_strategy = Strategy::Dns;
            set_state(tx, &mut domain, State::Pending).await?;
        }
    }
    let now = tx.now();
    store::organization_domains::restart(tx, id, now).await?;
    Ok(domain)
}

/// The names at which the TXT record of a domain may stand: its own, and that below which older instructions put it. The
/// latter is also the only one for a name that is an alias (RFC 1034, 3.6.2: nothing else stands beside a CNAME). Whoever
/// has that name, and be it by delegation, can have certificates for the domain issued (RFC 8555, 8.4), so it shows as much.
pub fn places(domain: &OrganizationDomain) -> [String; 2] {
    [domain.domain.clone(), format!("_acme-challenge.{}", domain.domain)]
}

/// Whether a TXT record shows that the domain is the organization's: it holds the token that was made for this
/// claim.
pub fn is_proof(domain: &OrganizationDomain, text: &str) -> bool {
    let Some((key, token)) = text.trim().split_once('=') else { return false };
    (key == "verification_token" || key == domain.verification_prefix) && token == domain.verification_token
}

/// Takes note of a look-up that was made under this lease: whether the TXT record was there.
///
/// The domain may have been deleted or verified by hand meanwhile; then there is nothing left to note. If somebody asked
/// to begin anew meanwhile, a record that is there is still one, and one that is not is looked for again as they asked.
pub async fn settle(tx: &mut Tx, id: &OrganizationDomainId, lease: Timestamp, found: bool) -> Result<()> {
    let Some(verification) = store::organization_domains::find_locked(tx, id).await? else { return Ok(()) };
    let mut domain = verification.domain;
    if domain.state != State::Pending {
        return Ok(());
    }
    if found {
        set_state(tx, &mut domain, State::Verified).await?;
        return tx.emit(domain.verified());
    }
    if verification.next_check_at != lease {
        return Ok(());
    }
    let end = verification.began_at.plus_seconds(PERIOD_SECONDS);
    if tx.now() >= end {
        set_state(tx, &mut domain, State::Failed).await?;
        let failure = VerificationFailure { reason: FailureReason::Expired, organization_domain: domain };
        return tx.emit(failure.failed());
    }
    let next = next_check(verification.began_at, tx.now()).min(end);
    store::organization_domains::schedule(tx, id, next).await
}

/// After a tenth of the time that it has been looked for already: each minute at first, each hour after ten.
fn next_check(began_at: Timestamp, now: Timestamp) -> Timestamp {
    let age = now.seconds().saturating_sub(began_at.seconds());
    now.plus_seconds((age / 10).clamp(*INTERVAL_SECONDS.start(), *INTERVAL_SECONDS.end()))
}
