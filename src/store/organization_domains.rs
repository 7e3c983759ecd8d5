//! Domains of organizations.

use crate::db::{Db, OnConstraint};
use crate::kernel::id::OrganizationDomainId;
use crate::kernel::{Error, Result};
use crate::model::organization_domains::OrganizationDomain;
use crate::sql;

/// Writes a new domain.
pub async fn insert(db: &mut Db, domain: &OrganizationDomain) -> Result<()> {
    db.query(sql!(
        "insert into organization_domains (environment, id, organization_id, domain, state, verification_strategy,
                                           verification_token, verification_prefix, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
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

/// Removes a domain.
pub async fn delete(db: &mut Db, id: &OrganizationDomainId) -> Result<()> {
    db.query(sql!("delete from organization_domains where environment = $1 and id = $2")).bind(id).run().await.map(drop)
}
