//! Memberships of a seed: who takes part in an organization.

use super::Report;
use super::fault::At as _;
use super::{roles, shape};
use crate::db::Tx;
use crate::domain::organization_memberships::{self, Create};
use crate::kernel::{Error, Result};
use crate::model::organization_memberships::{OrganizationMembership, Status};
use crate::model::organizations::Organization;
use crate::model::users::User;
use crate::store;

/// Makes or changes the memberships of an organization; as they are then, one for each entry.
pub(super) async fn settle(
    tx: &mut Tx,
    entry: &shape::Organization,
    organization: &Organization,
    multiple_roles: bool,
    report: &mut Report,
) -> Result<Vec<OrganizationMembership>> {
    let mut settled = Vec::new();
    for entry in entry.memberships.as_deref().unwrap_or_default() {
        let user = user(tx, entry).await?;
        let wanted = slugs(entry);
        roles::assume(tx, &organization.id, &wanted, &entry.at.field("role"), report).await?;
        let name = format!("{} in {}", user.email, organization.name);
        match store::organization_memberships::find_of(tx, &user.id, &organization.id).await? {
            Some(current) => {
                let changed = update(tx, &current, &wanted, multiple_roles, entry).await.within(entry.at.as_str())?;
                report.updated(changed != current, "membership", name);
                settled.push(changed);
            }
            None => {
                let input = Create {
                    id: entry.id.clone(),
                    user_id: user.id,
                    organization_id: organization.id.clone(),
                    status: entry.status.unwrap_or(Status::Active),
                    roles: wanted,
                    multiple_roles,
                };
                settled.push(organization_memberships::create(tx, input).await.within(entry.at.as_str())?);
                report.created("membership", name);
            }
        }
    }
    Ok(settled)
}

async fn user(tx: &mut Tx, entry: &shape::Membership) -> Result<User> {
    store::users::find_by_email(tx, &entry.email).await?.ok_or_else(|| {
        let message = format!("there is no user '{}', neither in the file nor in the environment.", entry.email);
        Error::field(entry.at.field("email"), "entity_not_found", message)
    })
}

/// The slugs of the roles that the file says; none leaves a new membership to the default role.
fn slugs(entry: &shape::Membership) -> Vec<String> {
    match (&entry.role, &entry.roles) {
        (Some(role), _) => vec![role.clone()],
        (None, Some(roles)) => roles.clone(),
        (None, None) => Vec::new(),
    }
}

/// What the file says, and nothing else. A pending membership of the file that has become active stays so: it was the
/// beginning, and the user has accepted since.
async fn update(
    tx: &mut Tx,
    current: &OrganizationMembership,
    wanted: &[String],
    multiple_roles: bool,
    entry: &shape::Membership,
) -> Result<OrganizationMembership> {
    let mut membership = current.clone();
    if !wanted.is_empty() {
        membership = organization_memberships::update(tx, &current.id, wanted, multiple_roles).await?;
    }
    match entry.status {
        Some(Status::Active) => organization_memberships::reactivate(tx, &current.id).await,
        Some(Status::Inactive) => organization_memberships::deactivate(tx, &current.id).await,
        Some(Status::Pending) | None => Ok(membership),
    }
}
