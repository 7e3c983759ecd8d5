//! Domains of organizations: claiming them, together with the organization.

use crate::db::Tx;
use crate::kernel::id::OrganizationId;
use crate::kernel::{Error, Result};
use crate::model::organization_domains::{OrganizationDomain, State, Strategy};
use crate::protocol::dns_name;
use crate::store;

/// A domain as somebody gives it with an organization.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The field that it came in, for messages.
    pub field: String,
    /// The domain, as it was written.
    pub domain: String,
    /// Whether they vouch for it.
    pub verified: bool,
}

/// The domain in the form in which it is stored and compared.
///
/// Mail providers that anybody can join are refused: whoever owned one would own its users.
fn normal(claim: &Claim) -> Result<String> {
    let domain = dns_name::normalize(&claim.domain)
        .ok_or_else(|| Error::field(&claim.field, "invalid_domain", format!("'{}' is not a domain.", claim.domain)))?;
    if dns_name::is_consumer(&domain) {
        let message = format!("'{domain}' is a consumer email domain and cannot belong to an organization.");
        return Err(Error::field(&claim.field, "consumer_domain_forbidden", message));
    }
    Ok(domain)
}

/// Adds a domain to an organization.
///
/// Whoever vouches for it verifies it by hand; otherwise it waits for its TXT record.
pub async fn create(tx: &mut Tx, organization: &OrganizationId, claim: &Claim) -> Result<OrganizationDomain> {
    let (state, verification_strategy) = standing(claim.verified);
    let domain = OrganizationDomain {
        id: tx.mint(),
        organization_id: organization.clone(),
        domain: normal(claim)?,
        state,
        verification_prefix: format!("vestibule-domain-verification-{}", tx.random().alphanumeric(6).to_lowercase()),
        verification_token: tx.random().alphanumeric(25),
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

/// Makes these the domains of an organization: the missing are added, the others removed, those named again stay as
/// they are, except that one may become verified.
pub async fn replace(
    tx: &mut Tx,
    organization: &OrganizationId,
    current: Vec<OrganizationDomain>,
    claims: &[Claim],
) -> Result<Vec<OrganizationDomain>> {
    let wanted = claims.iter().map(normal).collect::<Result<Vec<_>>>()?;
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
        (domain.state, domain.verification_strategy) = standing(true);
        domain.updated_at = tx.now();
        store::organization_domains::update(tx, &domain).await?;
        tx.emit(domain.updated())?;
        tx.emit(domain.verified())?;
    }
    Ok(domain)
}

/// Removes a domain.
pub async fn delete(tx: &mut Tx, domain: &OrganizationDomain) -> Result<()> {
    store::organization_domains::delete(tx, &domain.id).await?;
    tx.emit(domain.deleted())
}
