//! What is wrong with a seed by itself: values out of bounds, and entries that contradict one another.
//!
//! Found before the database is asked, so that one answer names all of it.

mod authorization;

use std::collections::HashMap;

use super::place::Place;
use super::shape::{
    self, Environment, FeatureFlag, Membership, Organization, Permission, ResourceType, Role, User, Waitlist,
    WebhookEndpoint,
};
use crate::domain::feature_flags::{Description, check_slug, rules, targets};
use crate::domain::passwords;
use crate::domain::waitlists::check_additional_fields;
use crate::kernel::check::{Faults, normal_email};
use crate::model::environments::Settings;
use crate::model::roles::RoleType;
use crate::model::waitlists::State;
use crate::protocol::dns_name;
use crate::protocol::password::Scheme;
use crate::protocol::web_address::{self, Plain};

/// Adds the faults of an environment and of all that it holds.
pub(super) fn environment(environment: &Environment, faults: &mut Faults) {
    let identity = &environment.identity;
    name(faults, &identity.at.field("name"), identity.name.as_deref());
    if let Some(settings) = &identity.settings {
        self::settings(settings, faults);
        invitation_url(settings, faults);
    }
    let families = &environment.families;
    resource_types(families.resource_types.as_deref().unwrap_or_default(), faults);
    permissions(families.permissions.as_deref().unwrap_or_default(), faults);
    roles(families.roles.as_deref().unwrap_or_default(), faults);
    organizations(families.organizations.as_deref().unwrap_or_default(), faults);
    users(families.users.as_deref().unwrap_or_default(), faults);
    for key in &families.api_keys.customers {
        name(faults, &key.at.field("name"), Some(&key.name));
        name(faults, &key.at.field("obfuscated_value"), key.obfuscated_value.as_deref());
    }
    feature_flags(families.feature_flags.as_deref().unwrap_or_default(), faults);
    waitlists(families.waitlists.as_deref().unwrap_or_default(), faults);
    webhook_endpoints(families.webhook_endpoints.as_deref().unwrap_or_default(), faults);
}

fn resource_types(entries: &[ResourceType], faults: &mut Faults) {
    let mut slugs = Seen::new();
    for entry in entries {
        let at = &entry.at;
        faults.slug(&at.field("slug"), &entry.slug, "-_");
        slugs.once(faults, at.field("slug"), &entry.slug);
        faults.not_blank(&at.field("name"), &entry.name);
        faults.max(&at.field("name"), &entry.name, 48);
        faults.max(&at.field("description"), entry.description.as_deref().unwrap_or_default(), 150);
    }
}

/// The type of resources of a permission or a role has two spellings, which must not contradict one another.
fn one_resource_type<E>(faults: &mut Faults, at: &Place<E>, slug: Option<&String>, short: Option<&String>) {
    if slug.is_some() && short.is_some() && slug != short {
        let field = at.field("resource_type");
        faults.add(field.as_str(), "invalid_value", format!("{field} contradicts resource_type_slug."));
    }
}

fn waitlists(lists: &[Waitlist], faults: &mut Faults) {
    for list in lists.iter().skip(1) {
        let place = list.at.as_str();
        faults.add(place, "invalid_value", format!("{place} cannot be made: an environment has one waitlist."));
    }
    let (mut ids, mut emails) = (Seen::new(), Seen::new());
    for entry in lists.iter().filter_map(|list| list.entries.as_ref()).flatten() {
        let at = &entry.at;
        faults.email(&at.field("email"), &entry.email);
        emails.once(faults, at.field("email"), &normal_email(&entry.email));
        if let Some(id) = &entry.id {
            ids.once(faults, at.field("id"), id.as_str());
        }
        if entry.approved_at.is_some() && entry.state != Some(State::Approved) {
            let field = at.field("approved_at");
            faults.add(field.as_str(), "invalid_value", format!("{field} can only stand beside the state approved."));
        }
        if let Some(fields) = &entry.additional_fields {
            check_additional_fields(faults, &at.field("additional_fields"), fields);
        }
    }
}

fn webhook_endpoints(entries: &[WebhookEndpoint], faults: &mut Faults) {
    let (mut ids, mut urls) = (Seen::new(), Seen::new());
    for entry in entries {
        let at = &entry.at;
        if let Some(id) = &entry.id {
            ids.once(faults, at.field("id"), id.as_str());
        }
        if entry.address().is_empty() {
            faults.add(at.field("endpoint_url"), "required", format!("{} is required.", at.field("endpoint_url")));
        }
        urls.once(faults, at.field("endpoint_url"), entry.address());
        let secret = entry.secret.as_ref().map(|secret| secret.expose().as_str());
        name(faults, &at.field("secret"), secret);
    }
}

fn settings(entry: &shape::Settings, faults: &mut Faults) {
    for (field, value, bounds) in [
        ("access_token_seconds", entry.access_token_seconds, Settings::ACCESS_TOKEN_SECONDS),
        ("session_seconds", entry.session_seconds, Settings::SESSION_SECONDS),
        ("session_idle_seconds", entry.session_idle_seconds.as_value().copied(), Settings::SESSION_SECONDS),
        ("invitation_days", entry.invitation_days, Settings::INVITATION_DAYS),
    ] {
        if let Some(value) = value {
            faults.between(&entry.at.field(field), value, &bounds);
        }
    }
}

/// What is http in one place may be https in another, so that is not judged.
fn invitation_url(entry: &shape::Settings, faults: &mut Faults) {
    let field = entry.at.field("invitation_url");
    if let Some(url) = entry.invitation_url.as_value()
        && let Err(problem) = web_address::page(url, Plain::Anywhere)
    {
        faults.add(field.as_str(), "invalid_url", format!("{field} {problem}."));
    }
}

fn feature_flags(entries: &[FeatureFlag], faults: &mut Faults) {
    let (mut slugs, mut ids) = (Seen::new(), Seen::new());
    for entry in entries {
        let at = &entry.at;
        check_slug(faults, &at.field("slug"), &entry.slug);
        slugs.once(faults, at.field("slug"), &entry.slug);
        if let Some(id) = &entry.id {
            ids.once(faults, at.field("id"), id.as_str());
        }
        let owner = entry
            .owner
            .as_ref()
            .map(|owner| (owner.email.as_str(), [owner.first_name.as_deref(), owner.last_name.as_deref()]));
        let described = Description {
            name: entry.name.as_deref(),
            description: entry.description.as_deref(),
            owner,
            tags: entry.tags.as_deref().unwrap_or_default(),
        };
        described.check(faults, |field| at.field(field));
        for target in entry.targets.as_deref().unwrap_or_default() {
            targets::check_type(faults, &target.at.field("target_type"), &target.target_type);
            targets::check_id(faults, &target.at.field("target_id"), &target.target_id);
        }
        for rule in entry.rules.as_deref().unwrap_or_default() {
            let conditions = rule.conditions.iter().map(|one| (one.target_type.as_str(), one.values.as_slice()));
            rules::check(faults, &rule.at.field("conditions"), conditions);
        }
    }
}

fn organizations(entries: &[Organization], faults: &mut Faults) {
    let (mut ids, mut names, mut external_ids, mut domains) = (Seen::new(), Seen::new(), Seen::new(), Seen::new());
    for entry in entries {
        let at = &entry.at;
        name(faults, &at.field("name"), Some(&entry.name));
        match &entry.id {
            Some(id) => ids.once(faults, at.field("id"), id.as_str()),
            // Names need not be unique, but here they are all that tells two entries apart.
            None => names.once(faults, at.field("name"), entry.name.trim()),
        }
        for (field, value) in [("stripe_customer_id", &entry.stripe_customer_id), ("default_role", &entry.default_role)]
        {
            name(faults, &at.field(field), value.as_deref());
        }
        if let Some(external_id) = &entry.external_id {
            faults.external_id(&at.field("external_id"), external_id);
            external_ids.once(faults, at.field("external_id"), external_id);
        }
        for claim in entry.domains.as_deref().unwrap_or_default() {
            for (field, value) in
                [("verification_prefix", &claim.verification_prefix), ("verification_token", &claim.verification_token)]
            {
                name(faults, &claim.at.field(field), value.as_deref());
            }
            if let Some(domain) = dns_name::normalize(&claim.domain) {
                domains.once(faults, claim.at.field("domain"), &domain);
            }
        }
        authorization::organization(entry, faults);
        memberships(entry.memberships.as_deref().unwrap_or_default(), faults);
        for group in entry.groups.as_deref().unwrap_or_default() {
            faults.not_blank(&group.at.field("name"), &group.name);
            faults.max(&group.at.field("name"), &group.name, 256);
            faults.max(&group.at.field("description"), group.description.as_deref().unwrap_or_default(), 150);
        }
    }
}

fn memberships(entries: &[Membership], faults: &mut Faults) {
    let mut emails = Seen::new();
    for entry in entries {
        let at = &entry.at;
        faults.email(&at.field("email"), &entry.email);
        emails.once(faults, at.field("email"), &normal_email(&entry.email));
        if entry.role.is_some() && entry.roles.is_some() {
            let place = at.as_str();
            faults.add(place, "invalid_value", format!("{place} must have either role or roles, not both."));
        }
    }
}

fn permissions(entries: &[Permission], faults: &mut Faults) {
    let mut slugs = Seen::new();
    for entry in entries {
        let at = &entry.at;
        faults.slug(&at.field("slug"), &entry.slug, "-_:.*");
        slugs.once(faults, at.field("slug"), &entry.slug);
        one_resource_type(faults, at, entry.resource_type_slug.as_ref(), entry.resource_type.as_ref());
        faults.not_blank(&at.field("name"), &entry.name);
        faults.max(&at.field("name"), &entry.name, 48);
        faults.max(&at.field("description"), entry.description.as_deref().unwrap_or_default(), 150);
    }
}

fn roles(entries: &[Role], faults: &mut Faults) {
    let (mut slugs, mut defaults) = (Seen::new(), Seen::new());
    for entry in entries {
        let at = &entry.at;
        // An id has no line break, so the two parts cannot be mistaken for other ones.
        let owner = entry.organization_id.as_ref().map(ToString::to_string).unwrap_or_default();
        faults.slug(&at.field("slug"), &entry.slug, "-_");
        slugs.once(faults, at.field("slug"), &format!("{owner}\n{}", entry.slug));
        one_resource_type(faults, at, entry.resource_type_slug.as_ref(), entry.resource_type.as_ref());
        faults.not_blank(&at.field("name"), &entry.name);
        faults.max(&at.field("name"), &entry.name, 48);
        faults.max(&at.field("description"), entry.description.as_deref().unwrap_or_default(), 150);
        if entry.is_default_role == Some(true) {
            defaults.once(faults, at.field("is_default_role"), &owner);
        }
        let field = at.field("organization_id");
        match (entry.role_type, &entry.organization_id) {
            (Some(RoleType::Organization), None) => {
                faults.add(field.as_str(), "required", format!("{field} is required for an OrganizationRole."));
            }
            (Some(RoleType::Environment), Some(_)) => {
                faults.add(field.as_str(), "invalid_value", format!("{field} contradicts the type EnvironmentRole."));
            }
            (Some(RoleType::Organization) | None, Some(_)) | (Some(RoleType::Environment) | None, None) => {}
        }
    }
}

fn users(entries: &[User], faults: &mut Faults) {
    let (mut ids, mut emails, mut external_ids) = (Seen::new(), Seen::new(), Seen::new());
    for entry in entries {
        let at = &entry.at;
        faults.email(&at.field("email"), &entry.email);
        emails.once(faults, at.field("email"), &normal_email(&entry.email));
        if let Some(id) = &entry.id {
            ids.once(faults, at.field("id"), id.as_str());
        }
        for (field, value) in
            [("first_name", &entry.first_name), ("last_name", &entry.last_name), ("name", &entry.name)]
        {
            if let Some(value) = value {
                faults.max(&at.field(field), value, 255);
            }
        }
        if let Some(external_id) = &entry.external_id {
            faults.external_id(&at.field("external_id"), external_id);
            external_ids.once(faults, at.field("external_id"), external_id);
        }
        if entry.password.as_ref().is_some_and(|password| password.expose().is_empty()) {
            faults.add(at.field("password"), "required", format!("{} must not be empty.", at.field("password")));
        }
        imported_password(entry, faults);
    }
}

/// A hash comes with its type, and not beside a password. What is wrong with the hash itself is told here too.
fn imported_password(entry: &User, faults: &mut Faults) {
    let User { password, password_hash, password_hash_type, password_salt_position, at, .. } = entry;
    let (field, type_field) = (at.field("password_hash"), at.field("password_hash_type"));
    let position_field = at.field("password_salt_position");
    match (password_hash, *password_hash_type) {
        (Some(_), _) if password.is_some() => {
            faults.add(field.as_str(), "invalid_value", format!("{field} cannot stand beside password."));
        }
        (Some(_), None) => {
            faults.add(type_field.as_str(), "required", format!("{type_field} is required with a hash."));
        }
        (Some(hash), Some(scheme)) => {
            if let Err(refusal) = passwords::import(scheme, hash, *password_salt_position) {
                faults.add(field.as_str(), "invalid_password_hash", format!("{field}: {refusal}."));
            }
        }
        (None, Some(_)) => faults.add(field.as_str(), "required", format!("{field} is required with its type.")),
        (None, None) => {}
    }
    if password_salt_position.is_some() && *password_hash_type != Some(Scheme::Ssha256) {
        let message = format!("{position_field} can only stand beside a hash of the type ssha256.");
        faults.add(position_field.as_str(), "invalid_value", message);
    }
}

fn name(faults: &mut Faults, field: &str, name: Option<&str>) {
    if let Some(name) = name {
        faults.not_blank(field, name);
        faults.max(field, name, 255);
    }
}

/// The values that were seen, and where each was first.
struct Seen(HashMap<String, String>);

impl Seen {
    fn new() -> Self {
        Self(HashMap::new())
    }

    /// A value that no two places may have.
    fn once(&mut self, faults: &mut Faults, field: String, value: &str) {
        if let Some(first) = self.0.get(value) {
            faults.add(field.as_str(), "duplicate", format!("{field} is the same as {first}."));
            return;
        }
        self.0.insert(value.to_owned(), field);
    }
}
