//! What is wrong by itself with the resources of an organization and with the roles on them.

use super::super::shape::{Group, Membership, Organization, Resource};
use super::Seen;
use crate::kernel::check::Faults;
use crate::model::role_assignments::{is_derivable, is_storable};

/// Adds the faults of what an organization's authorization consists of.
pub(super) fn organization(organization: &Organization, faults: &mut Faults) {
    resources(organization.resources.as_deref().unwrap_or_default(), faults);
    roles_of_memberships(organization.memberships.as_deref().unwrap_or_default(), faults);
    roles_of_groups(organization.groups.as_deref().unwrap_or_default(), faults);
}

fn resources(entries: &[Resource], faults: &mut Faults) {
    let (mut ids, mut names) = (Seen::new(), Seen::new());
    for entry in entries {
        let at = entry.at();
        let field = at.field("external_id");
        faults.external_id(&field, &entry.external_id);
        // A slug has no line break, so the two parts cannot be mistaken for other ones.
        names.once(faults, field, &format!("{}\n{}", entry.resource_type_slug, entry.external_id));
        if let Some(id) = &entry.id {
            ids.once(faults, at.field("id"), id.as_str());
        }
        faults.not_blank(&at.field("name"), &entry.name);
        faults.max(&at.field("name"), &entry.name, 48);
        faults.max(&at.field("description"), entry.description.as_deref().unwrap_or_default(), 150);
    }
}

fn roles_of_memberships(entries: &[Membership], faults: &mut Faults) {
    let mut ids = Seen::new();
    for role in entries.iter().filter_map(|entry| entry.role_assignments.as_ref()).flatten() {
        let Some(id) = &role.id else { continue };
        let field = role.at().field("id");
        if !is_storable(id) {
            faults.add(
                field.as_str(),
                "invalid_value",
                format!("{field} is too long: 26 characters after the prefix."),
            );
        }
        ids.once(faults, field, id.as_str());
    }
}

/// The ids of what members have through a group are made of its id.
fn roles_of_groups(entries: &[Group], faults: &mut Faults) {
    let mut ids = Seen::new();
    for role in entries.iter().filter_map(|entry| entry.role_assignments.as_ref()).flatten() {
        let Some(id) = &role.id else { continue };
        let field = role.at().field("id");
        if !is_derivable(id) {
            let message = format!("{field} must have exactly 26 characters after its prefix, as a ULID has.");
            faults.add(field.as_str(), "invalid_value", message);
        }
        ids.once(faults, field, id.as_str());
    }
}
