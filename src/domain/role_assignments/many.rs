//! Very many roles at once, given to memberships or groups of one organization, as a file names them.
//!
//! The rules are those of one at a time. What a membership has on the root of the organization's tree is not given here:
//! these are its roles, of which a file says all.

use std::collections::{HashMap, HashSet};

use super::{fitting, groups, memberships};
use crate::db::Tx;
use crate::kernel::id::{GroupRoleAssignmentKind, OrganizationId, RoleAssignmentKind};
use crate::kernel::{Error, Result};
use crate::model::keys::{ResourceKey, RoleKey, SubjectKey};
use crate::model::resources::ResourceTarget;
use crate::model::roles::Role;
use crate::store;
use crate::store::role_assignments::New;
use crate::store::role_assignments::many::{self, AT_ONCE};
use crate::store::role_assignments::targets::{self, Target};

/// Whose roles they are. The caller holds the organization, and groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holders {
    /// Memberships.
    Memberships,
    /// Groups.
    Groups,
}

/// A role that somebody is to have.
#[derive(Debug)]
pub struct Wanted<'w> {
    /// How errors name it.
    pub at: &'w str,
    /// The id of the assignment, if it is pinned.
    pub id: Option<&'w str>,
    /// Who is to have it.
    pub subject: SubjectKey,
    /// The slug of the role.
    pub role_slug: &'w str,
    /// Where; on the organization itself if nothing is named.
    pub target: Option<&'w ResourceTarget>,
}

/// Gives these roles, as far as they were not given yet; whether each of them was not.
pub async fn give(
    tx: &mut Tx,
    organization: &OrganizationId,
    holders: Holders,
    wanted: &[Wanted<'_>],
) -> Result<Vec<bool>> {
    // While types are edited it cannot be had, and does without: then nothing is moved or deleted either.
    store::resources::tree::share(tx, organization).await?;
    let mut given = Vec::with_capacity(wanted.len());
    for chunk in wanted.chunks(AT_ONCE) {
        given.extend(some(tx, organization, holders, chunk).await?);
    }
    let new = wanted.iter().zip(&given).filter(|(_, is_new)| **is_new);
    let last: HashMap<_, _> = new.map(|(one, _)| (one.subject, one)).collect();
    let subjects: Vec<_> = last.keys().copied().collect();
    for chunk in subjects.chunks(AT_ONCE) {
        let full = many::list_with_more_than(tx, chunk, holders.most()).await?;
        if let Some(one) = full.first().and_then(|subject| last.get(subject)) {
            let message = format!("there would be more than {} role assignments.", holders.most());
            return Err(Error::field(one.at, "role_assignment_limit_exceeded", message));
        }
    }
    Ok(given)
}

/// The same for as many as go into one statement.
async fn some(
    tx: &mut Tx,
    organization: &OrganizationId,
    holders: Holders,
    wanted: &[Wanted<'_>],
) -> Result<Vec<bool>> {
    let slugs: HashSet<_> = wanted.iter().map(|one| one.role_slug.to_owned()).collect();
    let roles = store::roles::hold_of_organization(tx, organization, &slugs.into_iter().collect::<Vec<_>>()).await?;
    let named: Vec<_> = wanted.iter().map(|one| one.target).collect();
    let found = targets::find_all(tx, organization, &named).await?;
    let mut pairs = Vec::with_capacity(wanted.len());
    for (one, target) in wanted.iter().zip(&found) {
        pairs.push(pair(one, holders, &roles, target.as_ref())?);
    }
    holders.hold(tx, wanted).await?;
    let missing = missing(tx, wanted, &pairs).await?;
    let ids: Vec<_> = missing.iter().map(|&place| holders.id(tx, wanted.get(place))).collect();
    let new = missing.iter().zip(&ids).filter_map(|(&place, id)| {
        let (one, &(role, resource)) = wanted.get(place).zip(pairs.get(place))?;
        Some(New { id, subject: one.subject, role, resource })
    });
    let (new, now): (Vec<_>, _) = (new.collect(), tx.now());
    if !new.is_empty() {
        store::role_assignments::insert(tx, organization, &new, now).await?;
    }
    let missing: HashSet<_> = missing.into_iter().collect();
    Ok((0..wanted.len()).map(|place| missing.contains(&place)).collect())
}

/// The role and the resource that are meant, which must go together.
fn pair(one: &Wanted<'_>, holders: Holders, roles: &[Role], target: Option<&Target>) -> Result<(RoleKey, ResourceKey)> {
    let target = target.ok_or_else(|| match one.target {
        Some(named) => at_target(one, targets::missing(named)),
        None => Error::internal("the organization has no root"),
    })?;
    if target.is_root && holders == Holders::Memberships {
        let message = "what a membership may do in the organization as a whole is said by its role or roles.";
        return Err(at_target(one, Error::unprocessable("invalid_value", message)));
    }
    let role = fitting(roles, one.role_slug, target).map_err(|error| error.of_field(format!("{}.role", one.at)))?;
    Ok((role.key, target.key))
}

/// The places of those that are not there, each of them once.
async fn missing(tx: &mut Tx, wanted: &[Wanted<'_>], pairs: &[(RoleKey, ResourceKey)]) -> Result<Vec<usize>> {
    let all = wanted.iter().zip(pairs);
    let all: Vec<_> = all
        .map(|(one, &(role, resource))| New { id: one.id.unwrap_or_default(), subject: one.subject, role, resource })
        .collect();
    let mut there: HashMap<_, Vec<_>> = HashMap::new();
    for found in many::find_all(tx, &all).await? {
        there.entry(found.place).or_default().push(found);
    }
    let (mut seen, mut missing) = (HashSet::new(), Vec::new());
    for (place, (number, (one, &pair))) in (1..).zip(wanted.iter().zip(pairs)).enumerate() {
        let found = there.remove(&number).unwrap_or_default();
        match (found.iter().find(|found| found.is_same), one.id) {
            (Some(same), Some(id)) if same.id != id => {
                let message = format!("it exists with the id {}, and an id does not change.", same.id);
                return Err(Error::field(format!("{}.id", one.at), "id_differs", message));
            }
            (Some(_), _) => {}
            (None, Some(_)) if !found.is_empty() => {
                let message = "a role assignment of this id already exists.";
                return Err(Error::field(format!("{}.id", one.at), "role_assignment_already_exists", message));
            }
            (None, _) if seen.insert((one.subject, pair)) => missing.push(place),
            (None, _) => {}
        }
    }
    Ok(missing)
}

impl Holders {
    fn most(self) -> i64 {
        match self {
            Self::Memberships => memberships::MOST,
            Self::Groups => groups::MOST,
        }
    }

    /// Holds those who are given something against their deletion.
    async fn hold(self, tx: &mut Tx, wanted: &[Wanted<'_>]) -> Result<()> {
        let mut subjects: Vec<_> = wanted.iter().map(|one| one.subject).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let held = match self {
            Self::Memberships => store::organization_memberships::hold_all(tx, &subjects).await?.len(),
            Self::Groups => subjects.len(),
        };
        if held == subjects.len() { Ok(()) } else { Err(Error::unavailable("a membership was deleted meanwhile")) }
    }

    /// The pinned id, or a new one.
    fn id(self, tx: &Tx, one: Option<&Wanted<'_>>) -> String {
        let pinned = one.and_then(|one| one.id).map(str::to_owned);
        pinned.unwrap_or_else(|| match self {
            Self::Memberships => tx.mint::<RoleAssignmentKind>().to_string(),
            Self::Groups => tx.mint::<GroupRoleAssignmentKind>().to_string(),
        })
    }
}

/// Says where in the file it is that a resource cannot be what a role is given on.
fn at_target(one: &Wanted<'_>, error: Error) -> Error {
    let field = if matches!(one.target, Some(ResourceTarget::Id(_))) { "resource_id" } else { "resource_external_id" };
    error.of_field(format!("{}.{field}", one.at))
}
