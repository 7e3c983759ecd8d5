//! Targets: who, or what, a flag names by itself.

use super::{Change, author};
use crate::db::Tx;
use crate::kernel::check::Faults;
use crate::kernel::id::{FlagRuleId, FlagTargetId, OrganizationId, UserId};
use crate::kernel::{Error, Result};
use crate::model::events::Actor;
use crate::model::feature_flags::{FlagTarget, ORGANIZATION, USER, ValueType};
use crate::store;

/// A flag names at most that many, together with its rules: clients are told of all of them at once.
pub const MOST_TARGETS: i64 = 10_000;

/// What a target names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// `user`, `organization`, or a type of the application's own.
    pub target_type: String,
    /// Its id.
    pub target_id: String,
}

impl Name {
    /// The user or the organization of this id, as the API names targets: by the id alone.
    pub fn of_resource(id: &str) -> Result<Self> {
        let name = |target_type: &str| Self { target_type: target_type.to_owned(), target_id: id.to_owned() };
        if UserId::parse(id).is_some() {
            return Ok(name(USER));
        }
        if OrganizationId::parse(id).is_some() {
            return Ok(name(ORGANIZATION));
        }
        Err(Error::refused("invalid_resource_id_format", "The resource id must be that of a user or an organization."))
    }

    fn missing(target_type: &str, id: &str) -> Error {
        Error::missing_named(if target_type == USER { "User" } else { "Organization" }, id)
    }
}

/// Notes what is wrong with the type of a target. Clients compare it with theirs, whose form is this.
pub fn check_type(faults: &mut Faults, field: &str, target_type: &str) {
    let word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-');
    let first = target_type.starts_with(|c: char| c.is_ascii_lowercase());
    if !first || target_type.len() > 64 || !target_type.chars().all(word) {
        let message = format!("{field} must be 1 to 64 lower-case letters, digits, '_' or '-', a letter first.");
        faults.add(field, "invalid_format", message);
    }
}

/// Notes what is wrong with the id of a target, as [`check_type`] does it.
pub fn check_id(faults: &mut Faults, field: &str, id: &str) {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | ':' | '-');
    if id.is_empty() || id.len() > 255 || matches!(id, "." | "..") || !id.chars().all(plain) {
        let message = format!("{field} must be 1 to 255 letters, digits or any of '._:-'.");
        faults.add(field, "invalid_format", message);
    }
}

/// What a target of a flag is made of.
#[derive(Debug)]
pub struct Set {
    /// Its id, where a seed pins it.
    pub id: Option<FlagTargetId>,
    /// What it names.
    pub name: Name,
    /// Whether it has the feature.
    pub value: bool,
}

/// Gives a flag to a target, or takes it from it. One that says so already stays, and announces nothing.
pub async fn set(tx: &mut Tx, actor: &Actor, slug: &str, input: Set) -> Result<FlagTarget> {
    let Set { id, name, value } = input;
    // A flag that is not there is told before a target that is not there.
    store::feature_flags::get(tx, slug).await?;
    hold(tx, [&name]).await?;
    let change = Change::begin(tx, actor, slug).await?;
    let place = (name.target_type.as_str(), name.target_id.as_str());
    let current = store::feature_flags::targets::find(tx, &change.flag.id, place).await?;
    if let Some(current) = &current {
        if current.value == Some(value) {
            return Ok(current.clone());
        }
        remove(tx, &change, std::slice::from_ref(current)).await?;
    }
    let target = FlagTarget { id: id.unwrap_or_else(|| tx.mint()), ..make(tx, &change, name, None, Some(value)) };
    add(tx, &change, std::slice::from_ref(&target)).await?;
    change.announce(tx, &change.flag).await?;
    Ok(target)
}

/// Removes a flag's own target: rules and the default decide again.
pub async fn delete(tx: &mut Tx, actor: &Actor, slug: &str, name: &Name) -> Result<()> {
    let change = Change::begin(tx, actor, slug).await?;
    let place = (name.target_type.as_str(), name.target_id.as_str());
    let target = store::feature_flags::targets::find(tx, &change.flag.id, place).await?;
    let target = target.ok_or_else(|| Error::missing_named("Flag target", &name.target_id))?;
    remove(tx, &change, &[target]).await?;
    change.announce(tx, &change.flag).await
}

/// The same, for one that is named by its own id.
pub async fn delete_by_id(tx: &mut Tx, actor: &Actor, slug: &str, id: &FlagTargetId) -> Result<()> {
    let change = Change::begin(tx, actor, slug).await?;
    let target = store::feature_flags::targets::find_by_id(tx, &change.flag.id, id).await?;
    remove(tx, &change, &[target.ok_or_else(|| Error::missing(id))?]).await?;
    change.announce(tx, &change.flag).await
}

/// Removes a user from all flags and rules: for one who is deleted, and held.
pub async fn delete_all_of_user(tx: &mut Tx, user: &UserId) -> Result<()> {
    delete_all(tx, USER, user.as_str()).await
}

/// Removes an organization from all flags and rules: for one that is deleted, and held.
pub async fn delete_all_of_organization(tx: &mut Tx, organization: &OrganizationId) -> Result<()> {
    delete_all(tx, ORGANIZATION, organization.as_str()).await
}

async fn delete_all(tx: &mut Tx, target_type: &str, target_id: &str) -> Result<()> {
    let flags = store::feature_flags::lock_naming(tx, target_type, target_id).await?;
    if flags.is_empty() {
        return Ok(());
    }
    let author = author(tx, &Actor::system()).await?;
    for flag in flags {
        let change = Change::of(tx, author.clone(), flag).await?;
        let targets = store::feature_flags::targets::list_of(tx, &change.flag.id, (target_type, target_id)).await?;
        remove(tx, &change, &targets).await?;
        change.announce(tx, &change.flag).await?;
    }
    Ok(())
}

/// Holds the users and organizations among these, all of which must be there. Targets of other types are nobody's here.
pub(super) async fn hold<'n>(tx: &mut Tx, names: impl IntoIterator<Item = &'n Name>) -> Result<()> {
    let (mut organizations, mut users) = (Vec::new(), Vec::new());
    for name in names {
        match name.target_type.as_str() {
            ORGANIZATION => organizations.push(name.target_id.clone()),
            USER => users.push(name.target_id.clone()),
            _ => {}
        }
    }
    if !organizations.is_empty() {
        let held = store::feature_flags::targets::hold_organizations(tx, &organizations).await?;
        all_held(ORGANIZATION, &organizations, &held)?;
    }
    if !users.is_empty() {
        let held = store::feature_flags::targets::hold_users(tx, &users).await?;
        all_held(USER, &users, &held)?;
    }
    Ok(())
}

fn all_held(target_type: &str, named: &[String], held: &[String]) -> Result<()> {
    let missing = named.iter().find(|id| held.binary_search(id).is_err());
    missing.map_or(Ok(()), |id| Err(Name::missing(target_type, id)))
}

/// A new target of a flag or of a rule of it.
pub(super) fn make(
    tx: &Tx,
    change: &Change,
    name: Name,
    rule_id: Option<FlagRuleId>,
    value: Option<bool>,
) -> FlagTarget {
    FlagTarget {
        id: tx.mint(),
        flag_id: change.flag.id.clone(),
        flag_slug: change.flag.slug.clone(),
        environment_id: change.author.environment.id.clone(),
        target_type: name.target_type,
        target_id: name.target_id,
        rule_id,
        value_type: value.map(|_| ValueType::Boolean),
        value,
        created_at: tx.now(),
        updated_at: tx.now(),
    }
}

/// Writes new targets, which the caller holds.
pub(super) async fn add(tx: &mut Tx, change: &Change, targets: &[FlagTarget]) -> Result<()> {
    store::feature_flags::targets::insert(tx, targets).await?;
    if store::feature_flags::targets::count(tx, &change.flag.id).await? > MOST_TARGETS {
        let message = format!("A feature flag may have at most {MOST_TARGETS} targets, those of its rules included.");
        return Err(Error::refused("too_many_flag_targets", message));
    }
    targets.iter().try_for_each(|target| tx.emit(target.created(&change.author)))
}

/// Removes targets.
pub(super) async fn remove(tx: &mut Tx, change: &Change, targets: &[FlagTarget]) -> Result<()> {
    store::feature_flags::targets::delete(tx, targets).await?;
    targets.iter().try_for_each(|target| tx.emit(target.deleted(&change.author)))
}
