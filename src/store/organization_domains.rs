//! Domains of organizations.

use sqlx::FromRow;

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OrganizationDomainId, OrganizationId};
use crate::kernel::{Error, Result};
use crate::model::organization_domains::OrganizationDomain;
use crate::sql;

macro_rules! columns {
    () => {
        "d.id, d.organization_id, d.domain, d.state, d.verification_prefix, d.verification_token,
         d.verification_strategy, d.created_at, d.updated_at"
    };
}

/// A domain with how far its verification is.
#[derive(Debug, FromRow)]
pub struct Verification {
    /// The domain.
    #[sqlx(flatten)]
    pub domain: OrganizationDomain,
    /// Since when it has been looked for.
    #[sqlx(rename = "verification_began_at")]
    pub began_at: Timestamp,
    /// When it is looked for next; while somebody does, when their lease ends.
    pub next_check_at: Timestamp,
}

/// The domain, if there is one of this id.
pub async fn find(db: &mut Db, id: &OrganizationDomainId) -> Result<Option<OrganizationDomain>> {
    db.query(sql!("select ", columns!(), " from organization_domains d where d.environment = $1 and d.id = $2"))
        .bind(id)
        .find()
        .await
}

/// The domain that must be there.
pub async fn get(db: &mut Db, id: &OrganizationDomainId) -> Result<OrganizationDomain> {
    find(db, id).await?.ok_or_else(|| Error::missing(id))
}

/// The domain with its verification, held against other changes until the transaction ends.
pub async fn find_locked(db: &mut Db, id: &OrganizationDomainId) -> Result<Option<Verification>> {
    db.query(sql!(
        "select ",
        columns!(),
        ", d.verification_began_at, d.next_check_at
         from organization_domains d where d.environment = $1 and d.id = $2 for update"
    ))
    .bind(id)
    .find()
    .await
}

/// The domain that must be there, held against other changes until the transaction ends.
pub async fn lock(db: &mut Db, id: &OrganizationDomainId) -> Result<OrganizationDomain> {
    find_locked(db, id).await?.map(|verification| verification.domain).ok_or_else(|| Error::missing(id))
}

/// The domains of an organization, oldest first, held against other changes until the transaction ends.
pub async fn lock_all_of_organization(db: &mut Db, id: &OrganizationId) -> Result<Vec<OrganizationDomain>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from organization_domains d where d.environment = $1 and d.organization_id = $2 order by d.id for update"
    ))
    .bind(id)
    .all()
    .await
}

/// Writes a new domain. If it is pending, it is due at once.
pub async fn insert(db: &mut Db, domain: &OrganizationDomain) -> Result<()> {
    db.query(sql!(
        "insert into organization_domains (environment, id, organization_id, domain, state, verification_strategy,
                                           verification_token, verification_prefix, created_at, updated_at,
                                           verification_began_at, next_check_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $9, $9)"
    ))
    .bind(&domain.id)
    .bind(&domain.organization_id)
    .bind(&domain.domain)
    .bind(domain.state)
    .bind(domain.verification_strategy)
    .bind(&domain.verification_token)
    .bind(&domain.verification_prefix)
    .bind(domain.created_at)
    .bind(domain.updated_at)
    .run()
    .await
    .map(drop)
    .on_constraint("organization_domains_domain_key", || {
        let message = format!("An Organization with the domain {} already exists.", domain.domain);
        Error::conflict("domain_already_exists", message)
    })
}

/// Writes a changed domain.
pub async fn update(db: &mut Db, domain: &OrganizationDomain) -> Result<()> {
    db.query(sql!(
        "update organization_domains set state = $3, verification_strategy = $4, updated_at = $5
         where environment = $1 and id = $2"
    ))
    .bind(&domain.id)
    .bind(domain.state)
    .bind(domain.verification_strategy)
    .bind(domain.updated_at)
    .run()
    .await
    .map(drop)
}

/// Begins to look for it anew at this moment, and at once.
pub async fn restart(db: &mut Db, id: &OrganizationDomainId, at: Timestamp) -> Result<()> {
    db.query(sql!(
        "update organization_domains set verification_began_at = $3, next_check_at = $3
         where environment = $1 and id = $2"
    ))
    .bind(id)
    .bind(at)
    .run()
    .await
    .map(drop)
}

/// Sets when it is looked for next.
pub async fn schedule(db: &mut Db, id: &OrganizationDomainId, at: Timestamp) -> Result<()> {
    db.query(sql!("update organization_domains set next_check_at = $3 where environment = $1 and id = $2"))
        .bind(id)
        .bind(at)
        .run()
        .await
        .map(drop)
}

/// Removes a domain.
pub async fn delete(db: &mut Db, id: &OrganizationDomainId) -> Result<()> {
    db.query(sql!("delete from organization_domains where environment = $1 and id = $2")).bind(id).run().await.map(drop)
}
