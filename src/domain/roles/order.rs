//! Which role counts more where only one can, and which one members have who were given none.
//!
//! The operator's business, for the environment or for one organization. The order and the default are no part of the
//! role as it is shown, so a change of them is no event.

use crate::db::Tx;
use crate::kernel::id::OrganizationId;
use crate::kernel::{Error, Result};
use crate::model::resource_types::ORGANIZATION;
use crate::model::roles::Role;
use crate::store;
use crate::store::roles::orders;

/// Makes this role the default of the environment, or of the organization if there is one, which may have a role of
/// its own for it. It must be a role on the organization as a whole. Members keep the roles that they have.
pub async fn set_default(tx: &mut Tx, organization: Option<&OrganizationId>, slug: &str) -> Result<Role> {
    let Some(organization) = organization else {
        let role = named(store::roles::lock_all(tx).await?, slug)?;
        orders::clear_default_of_environment(tx).await?;
        orders::set_default_of_environment(tx, role.key).await?;
        return Ok(role);
    };
    orders::lock(tx, organization).await?;
    orders::complete(tx, organization).await?;
    let slugs = [slug.to_owned()];
    let role = named(store::roles::hold_of_organization(tx, organization, &slugs).await?, slug)?;
    orders::clear_default(tx, organization).await?;
    orders::set_default(tx, organization, role.key).await?;
    Ok(role)
}

fn named(roles: Vec<Role>, slug: &str) -> Result<Role> {
    let role = roles.into_iter().find(|role| role.slug == slug);
    let role = role.ok_or_else(|| Error::missing_named("Role", slug))?;
    if role.resource_type_slug == ORGANIZATION {
        return Ok(role);
    }
    let message = "The default role must be one on the organization as a whole.";
    Err(Error::field("slug", "invalid_value", message))
}

/// Puts the roles of the environment, or of the organization if there is one, in this order, highest first. Every role
/// must be named once, so that nobody reorders what they did not know of.
pub async fn reorder(tx: &mut Tx, organization: Option<&OrganizationId>, slugs: &[String]) -> Result<Vec<Role>> {
    let Some(organization) = organization else {
        let roles = sorted(store::roles::lock_all(tx).await?, slugs)?;
        let keys: Vec<_> = roles.iter().map(|role| role.key).collect();
        orders::replace_of_environment(tx, &keys).await?;
        return Ok(roles);
    };
    orders::lock(tx, organization).await?;
    orders::complete(tx, organization).await?;
    let roles = sorted(store::roles::list_of_organization(tx, organization).await?, slugs)?;
    let keys: Vec<_> = roles.iter().map(|role| role.key).collect();
    orders::replace(tx, organization, &keys).await?;
    Ok(roles)
}

fn sorted(mut roles: Vec<Role>, slugs: &[String]) -> Result<Vec<Role>> {
    let place = |role: &Role| slugs.iter().position(|slug| *slug == role.slug);
    if let Some(role) = roles.iter().find(|role| place(role).is_none()) {
        let message = format!("slugs must name every role; it lacks '{}'.", role.slug);
        return Err(Error::field("slugs", "invalid_value", message));
    }
    if slugs.len() > roles.len() {
        return Err(Error::field("slugs", "invalid_value", "slugs must name every role once, and nothing else."));
    }
    roles.sort_by_key(place);
    Ok(roles)
}
