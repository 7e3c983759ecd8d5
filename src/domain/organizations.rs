//! Organizations: made, changed and deleted with what belongs to them.

use std::ops::ControlFlow;

use super::organization_domains::{self, Claim};
use super::{api_keys, feature_flags, organization_memberships, roles};
use crate::db::Tx;
use crate::kernel::Result;
use crate::kernel::id::OrganizationId;
use crate::kernel::patch::Patch;
use crate::model::metadata::{self, Metadata};
use crate::model::organizations::Organization;
use crate::store;

/// What a new organization is made of.
#[derive(Debug, Default)]
pub struct Create {
    /// Its id, where a seed pins it.
    pub id: Option<OrganizationId>,
    /// What people call it. It need not be unique.
    pub name: String,
    /// Whether people of other domains may sign in through its connections.
    pub allow_profiles_outside_organization: bool,
    /// Its domains.
    pub domains: Vec<Claim>,
    /// What the application keeps on it.
    pub metadata: metadata::Change,
    /// What the application calls it.
    pub external_id: Option<String>,
}

/// What an update of an organization changes.
#[derive(Debug, Default)]
pub struct Update {
    /// A new name.
    pub name: Option<String>,
    /// Whether people of other domains may sign in through its connections.
    pub allow_profiles_outside_organization: Option<bool>,
    /// The whole set of its domains.
    pub domains: Option<Vec<Claim>>,
    /// A change of its metadata.
    pub metadata: metadata::Change,
    /// What the application calls it.
    pub external_id: Patch<String>,
    /// What Stripe calls it.
    pub stripe_customer_id: Patch<String>,
}

/// Makes an organization, its domains and the root of its resource tree with it.
///
/// The root lives as long as the organization, goes by its name and external id, and carries the roles that people have in
/// the organization as a whole.
pub async fn create(tx: &mut Tx, input: Create) -> Result<Organization> {
    let Create { id, name, allow_profiles_outside_organization, domains, metadata, external_id } = input;
    let mut organization = Organization {
        id: id.unwrap_or_else(|| tx.mint()),
        name: name.trim().to_owned(),
        allow_profiles_outside_organization,
        domains: Vec::new(),
        metadata: Metadata::default().changed(&metadata)?,
        external_id,
        stripe_customer_id: None,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    let root = tx.mint();
    store::organizations::insert(tx, &organization, &root).await?;
    organization.domains = organization_domains::replace(tx, &organization.id, Vec::new(), &domains).await?;
    tx.emit(organization.created())?;
    Ok(organization)
}

/// Changes an organization. A change that changes nothing is no event and leaves `updated_at` alone.
pub async fn update(tx: &mut Tx, id: &OrganizationId, input: Update) -> Result<Organization> {
    let Update { name, allow_profiles_outside_organization, domains, metadata, external_id, stripe_customer_id } =
        input;
    let mut current = store::organizations::lock(tx, id).await?;
    if domains.is_some() {
        // One of them may be verified at this moment.
        current.domains = store::organization_domains::lock_all_of_organization(tx, id).await?;
    }
    let mut organization = current.clone();
    if let Some(name) = name {
        organization.name = name.trim().to_owned();
    }
    if let Some(allow) = allow_profiles_outside_organization {
        organization.allow_profiles_outside_organization = allow;
    }
    organization.metadata = organization.metadata.changed(&metadata)?;
    organization.external_id = external_id.or(organization.external_id);
    organization.stripe_customer_id = stripe_customer_id.or(organization.stripe_customer_id);
    if let Some(claims) = domains {
        organization.domains = organization_domains::replace(tx, id, organization.domains, &claims).await?;
    }
    if organization != current {
        organization.updated_at = tx.now();
        store::organizations::update(tx, &organization).await?;
        tx.emit(organization.updated())?;
    }
    Ok(organization)
}

/// Deletes an organization and everything that belongs to it.
///
/// What announces itself goes first, each by its own rule, in the order of the foreign keys; the rest goes with the
/// row. Users stay: they belong to the environment.
///
/// Of one with very many resources it deletes some of these: it is to be done again, in another transaction, until it breaks
/// off.
pub async fn delete(tx: &mut Tx, id: &OrganizationId) -> Result<ControlFlow<()>> {
    let organization = store::organizations::lock(tx, id).await?;
    if let Some(root) = store::resources::tree::find_large(tx, id).await? {
        store::resources::tree::delete_some_below(tx, root).await?;
        return Ok(ControlFlow::Continue(()));
    }
    let roles = roles::hold_all(tx, id).await?;
    organization_memberships::delete_all_of_organization(tx, id).await?;
    api_keys::delete_all_of_organization(tx, id).await?;
    roles::delete_all(tx, &roles).await?;
    for domain in &store::organization_domains::lock_all_of_organization(tx, id).await? {
        organization_domains::delete(tx, domain).await?;
    }
    feature_flags::targets::delete_all_of_organization(tx, id).await?;
    store::organizations::delete(tx, id).await?;
    tx.emit(organization.deleted()).map(ControlFlow::Break)
}
