//! Making the server agree with a seed: one transaction for each environment, all of it or nothing.

use super::fault::Failure;
use super::shape::{Environment, Families};
use super::{
    Report, Seed, api_keys, applications, environments, feature_flags, groups, memberships, organizations, permissions,
    resource_types, resources, role_assignments, roles, users, waitlists,
};
use crate::db::{Database, System};
use crate::domain::passwords::Hashed;
use crate::domain::webhook_endpoints as webhooks;
use crate::kernel::crypto::Keyring;
use crate::kernel::{Error, Result};
use crate::outbound::http;
use crate::protocol::password::Hasher;
use crate::protocol::web_address::Plain;
use crate::store;

/// Whether it is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Change what is to be changed.
    Apply,
    /// Do the same and take it back, to see what it would be.
    DryRun,
}

/// What it takes to apply a seed, besides the file.
#[derive(Debug, Clone, Copy)]
pub struct Tools<'t> {
    /// Where it is applied.
    pub database: &'t Database,
    /// Where passwords are hashed.
    pub hasher: &'t Hasher,
    /// What seals the secrets of the file.
    pub keyring: &'t Keyring,
    /// What webhooks will be sent by.
    pub http: &'t http::Client,
    /// Where plain http is good enough.
    pub plain: Plain,
}

/// Applies a seed, environment by environment. The report holds what was changed, also when a later environment fails.
///
/// # Errors
///
/// When the file and what is there contradict each other, or the server fails. The environment that it is about, and
/// those behind it, are as they were.
pub async fn apply(tools: Tools<'_>, seed: &Seed, mode: Mode, report: &mut Report) -> Result<(), Failure> {
    for environment in &seed.environments {
        let applied = apply_one(tools, environment, mode).await;
        report.extend(applied.map_err(|error| Failure::of(seed.path.clone(), error))?);
    }
    Ok(())
}

async fn apply_one(tools: Tools<'_>, entry: &Environment, mode: Mode) -> Result<Report> {
    let Tools { database, hasher, .. } = tools;
    // Hashing takes its time, and has no place in a transaction.
    let passwords = users::hash_passwords(database, hasher, entry).await?;
    let mut report = Report::default();
    let ended = database
        .write_system(async |system| {
            settle(system, tools, entry, passwords, &mut report).await?;
            match mode {
                Mode::Apply => Ok(()),
                // An error is what takes a transaction back.
                Mode::DryRun => Err(Error::refused("dry_run", "This was to be taken back.")),
            }
        })
        .await;
    match ended {
        Ok(()) => Ok(report),
        Err(error) if error.code() == Some("dry_run") => Ok(report),
        Err(error) => Err(error),
    }
}

/// Everything of one environment, families in the order in which they need one another.
async fn settle(
    system: &mut System,
    tools: Tools<'_>,
    entry: &Environment,
    passwords: Vec<Option<Hashed>>,
    report: &mut Report,
) -> Result<()> {
    // Servers that start together with one seed take turns; otherwise each would make what it does not see yet.
    let installation = store::system::installation::lock(system).await?;
    let first = installation.first_environment_id.as_ref();
    let environment = environments::settle(system, entry, first, report).await?;
    let families = &entry.families;
    let Families { feature_flags, organizations, permissions, roles, users, webhook_endpoints, .. } = families;
    let organizations = organizations.as_deref().unwrap_or_default();
    let roles = roles.as_deref().unwrap_or_default();
    system
        .within(environment.key, async |tx| {
            let untouched = store::environments::is_untouched(tx).await?;
            organizations::hold(tx, organizations).await?;
            resource_types::settle(tx, families.resource_types.as_deref().unwrap_or_default(), report).await?;
            permissions::settle(tx, permissions.as_deref().unwrap_or_default(), untouched, report).await?;
            roles::settle_of_environment(tx, roles, untouched, report).await?;
            users::settle(tx, users.as_deref().unwrap_or_default(), passwords, report).await?;
            let settled = organizations::settle(tx, organizations, report).await?;
            roles::settle_of_organizations(tx, roles, report).await?;
            roles::settle_orders(tx, organizations, &settled, report).await?;
            let multiple_roles = environment.settings.multiple_roles;
            for (entry, organization) in organizations.iter().zip(&settled) {
                resources::settle(tx, entry, organization, report).await?;
                let memberships = memberships::settle(tx, entry, organization, multiple_roles, report).await?;
                let groups = groups::settle(tx, entry, organization, report).await?;
                role_assignments::settle(tx, entry, organization, (&memberships, &groups), report).await?;
            }
            feature_flags::settle(tx, feature_flags.as_deref().unwrap_or_default(), report).await?;
            api_keys::settle(tx, &families.api_keys.customers, report).await?;
            applications::settle(tx, families, tools.plain, report).await?;
            waitlists::settle(tx, families.waitlists.as_deref().unwrap_or_default(), report).await?;
            let endpoints = webhook_endpoints.as_deref().unwrap_or_default();
            let tools = webhooks::Tools { keyring: tools.keyring, http: tools.http };
            super::webhook_endpoints::settle(tx, tools, endpoints, report).await
        })
        .await
}
