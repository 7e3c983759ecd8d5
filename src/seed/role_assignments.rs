//! Roles on resources in a seed, of memberships and of groups, and those of groups in the organization.

use super::Report;
use super::shape;
use crate::db::Tx;
use crate::domain::role_assignments::many::{self, Holders, Wanted};
use crate::kernel::Result;
use crate::kernel::id::{GroupRoleAssignmentId, RoleAssignmentId};
use crate::model::groups::Group;
use crate::model::organization_memberships::OrganizationMembership;
use crate::model::organizations::Organization;
use crate::model::resources::ResourceTarget;

/// Gives the roles on resources of an organization. Its memberships, groups and resources are there by now, the former two
/// one for each entry.
pub(super) async fn settle(
    tx: &mut Tx,
    entry: &shape::Organization,
    organization: &Organization,
    (memberships, groups): (&[OrganizationMembership], &[Group]),
    report: &mut Report,
) -> Result<()> {
    let (mut wanted, mut holders) = (Vec::new(), Vec::new());
    for (entry, membership) in entry.memberships.as_deref().unwrap_or_default().iter().zip(memberships) {
        for role in entry.role_assignments.as_deref().unwrap_or_default() {
            let (at, id) = (role.at().as_str(), role.id.as_ref().map(RoleAssignmentId::as_str));
            let (subject, target) = (membership.subject, Some(role.target()));
            wanted.push(Wanted { at, id, subject, role_slug: &role.role, target });
            holders.push(membership.user.email.as_str());
        }
    }
    give(tx, organization, Holders::Memberships, (&wanted, &holders), report).await?;
    let (mut wanted, mut holders) = (Vec::new(), Vec::new());
    for (entry, group) in entry.groups.as_deref().unwrap_or_default().iter().zip(groups) {
        for role in entry.role_assignments.as_deref().unwrap_or_default() {
            let (at, id) = (role.at().as_str(), role.id.as_ref().map(GroupRoleAssignmentId::as_str));
            wanted.push(Wanted { at, id, subject: group.subject, role_slug: &role.role, target: role.target() });
            holders.push(group.name.as_str());
        }
    }
    give(tx, organization, Holders::Groups, (&wanted, &holders), report).await
}

async fn give(
    tx: &mut Tx,
    organization: &Organization,
    kind: Holders,
    (wanted, holders): (&[Wanted<'_>], &[&str]),
    report: &mut Report,
) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let given = many::give(tx, &organization.id, kind, wanted).await?;
    for ((one, holder), _) in wanted.iter().zip(holders).zip(given).filter(|(_, is_new)| *is_new) {
        let (role, name) = (one.role_slug, &organization.name);
        report.created(
            "role assignment",
            match one.target {
                None => format!("{role} of {holder} in {name}"),
                Some(ResourceTarget::Id(id)) => format!("{role} of {holder} on {id} in {name}"),
                Some(ResourceTarget::External { resource_type_slug, external_id }) => {
                    format!("{role} of {holder} on {resource_type_slug} {external_id} in {name}")
                }
            },
        );
    }
    Ok(())
}
