//! Organizations.

use crate::db::{Db, OnConstraint};
use crate::kernel::id::{OrganizationId, OrganizationKind};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::organizations::Organization;
use crate::{page_sql, sql};

// The domains are whole rows: to name what is told of each costs every look-up as much again, with and without domains.
macro_rules! columns {
    () => {
        "o.id, o.name, o.allow_profiles_outside_organization, o.metadata, o.external_id, o.stripe_customer_id,
         o.created_at, o.updated_at,
         to_json(array(
             select d from organization_domains d
             where d.environment = o.environment and d.organization_id = o.id order by d.id)) as domains"
    };
}

/// Which organizations a list shows.
#[derive(Debug, Default)]
pub struct Filter {
    /// Those that have any of these domains.
    pub domains: Option<Vec<String>>,
    /// Those whose name contains this, in any case.
    pub search: Option<String>,
}

/// The organization, if there is one of this id.
pub async fn find(db: &mut Db, id: &OrganizationId) -> Result<Option<Organization>> {
    db.query(sql!("select ", columns!(), " from organizations o where o.environment = $1 and o.id = $2"))
        .bind(id)
        .find()
        .await
}

/// The organization that must be there.
pub async fn get(db: &mut Db, id: &OrganizationId) -> Result<Organization> {
    find(db, id).await?.ok_or_else(|| Error::missing(id))
}

/// The organization that the application calls by this name.
pub async fn find_by_external_id(db: &mut Db, external_id: &str) -> Result<Option<Organization>> {
    db.query(sql!("select ", columns!(), " from organizations o where o.environment = $1 and o.external_id = $2"))
        .bind(external_id)
        .find()
        .await
}

/// The organizations of exactly this name: it need not be unique.
pub async fn list_by_name(db: &mut Db, name: &str) -> Result<Vec<Organization>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from organizations o where o.environment = $1 and o.name = $2 order by o.id"
    ))
    .bind(name)
    .all()
    .await
}

/// The organization, held against other changes until the transaction ends.
///
/// Held first and read then: a statement that had to wait would show the domains from before it waited.
pub async fn lock(db: &mut Db, id: &OrganizationId) -> Result<Organization> {
    let held: Option<bool> = db
        .query(sql!("select true from organizations where environment = $1 and id = $2 for update"))
        .bind(id)
        .find_value()
        .await?;
    if held.is_some() { get(db, id).await } else { Err(Error::missing(id)) }
}

/// Holds these organizations against other changes until the transaction ends, those of them that are there.
pub async fn lock_all(db: &mut Db, ids: &[&OrganizationId]) -> Result<()> {
    db.query(sql!("select true from organizations where environment = $1 and id = any($2) order by id for update"))
        .bind(ids)
        .run()
        .await
        .map(drop)
}

/// Whether there is such an organization. If so it cannot be deleted until the transaction ends.
pub async fn hold(db: &mut Db, id: &OrganizationId) -> Result<bool> {
    let found: Option<String> = db
        .query(sql!("select id from organizations where environment = $1 and id = $2 for key share"))
        .bind(id)
        .find_value()
        .await?;
    Ok(found.is_some())
}

/// A page of organizations.
pub async fn list(db: &mut Db, filter: &Filter, page: &Page<OrganizationKind>) -> Result<List<Organization>> {
    db.page(
        page_sql!(
            "select ",
            columns!(),
            " from organizations o
             where o.environment = $1
               and ($5::text[] is null or exists (
                   select from organization_domains d
                   where d.environment = $1 and d.organization_id = o.id and d.domain = any($5)))
               and ($6::text is null or position(lower($6) in lower(o.name)) > 0)";
            "o.id"
        ),
        page,
    )
    .bind(filter.domains.as_deref())
    .bind(filter.search.as_deref())
    .list(|organization: &Organization| organization.id.as_str())
    .await
}

/// Writes a new organization. Its domains are rows of their own.
pub async fn insert(db: &mut Db, organization: &Organization) -> Result<()> {
    db.query(sql!(
        "insert into organizations (environment, id, name, allow_profiles_outside_organization, metadata, external_id,
                                    stripe_customer_id, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
    ))
    .bind(&organization.id)
    .bind(&organization.name)
    .bind(organization.allow_profiles_outside_organization)
    .bind(sqlx::types::Json(&organization.metadata))
    .bind(organization.external_id.as_deref())
    .bind(organization.stripe_customer_id.as_deref())
    .bind(organization.created_at)
    .bind(organization.updated_at)
    .run()
    .await
    .map(drop)
    .on_conflict()
}

/// Writes a changed organization.
pub async fn update(db: &mut Db, organization: &Organization) -> Result<()> {
    db.query(sql!(
        "update organizations
         set name = $3, allow_profiles_outside_organization = $4, metadata = $5, external_id = $6,
             stripe_customer_id = $7, updated_at = $8
         where environment = $1 and id = $2"
    ))
    .bind(&organization.id)
    .bind(&organization.name)
    .bind(organization.allow_profiles_outside_organization)
    .bind(sqlx::types::Json(&organization.metadata))
    .bind(organization.external_id.as_deref())
    .bind(organization.stripe_customer_id.as_deref())
    .bind(organization.updated_at)
    .run()
    .await
    .map(drop)
    .on_conflict()
}

/// Removes the organization with everything that hangs on it.
pub async fn delete(db: &mut Db, id: &OrganizationId) -> Result<()> {
    db.query(sql!("delete from organizations where environment = $1 and id = $2")).bind(id).run().await.map(drop)
}

trait OnConflict {
    fn on_conflict(self) -> Self;
}

impl OnConflict for Result<()> {
    fn on_conflict(self) -> Self {
        self.on_constraint("organizations_pkey", || {
            Error::conflict("organization_already_exists", "An organization with this id already exists.")
        })
        .on_constraint("organizations_external_id_key", || {
            Error::refused("external_id_already_used", "The external_id is already used by another organization.")
        })
        .on_constraint("organizations_stripe_customer_id_key", || {
            Error::refused(
                "stripe_customer_id_already_used",
                "The stripe_customer_id is already used by another organization.",
            )
        })
    }
}
