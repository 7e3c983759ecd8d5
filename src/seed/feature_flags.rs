//! Feature flags of a seed, with their targets and rules.

use super::Report;
use super::fault::{At as _, found};
use super::permissions::differs;
use super::shape;
use crate::db::Tx;
use crate::domain::feature_flags::targets::{self, Name, Set};
use crate::domain::feature_flags::{self, Create, Update, rules};
use crate::kernel::Result;
use crate::kernel::patch::Patch;
use crate::model::events::Actor;
use crate::model::feature_flags::{Condition, FeatureFlag, Operator, Owner, Rule};
use crate::store;

/// Makes or changes the flags. Whom they name is there by now.
pub(super) async fn settle(tx: &mut Tx, entries: &[shape::FeatureFlag], report: &mut Report) -> Result<()> {
    for entry in entries {
        let current = found(store::feature_flags::get(tx, &entry.slug).await)?;
        let flag = one(tx, entry, current.as_ref()).await.within(entry.at.as_str())?;
        let names = set_targets(tx, entry, &flag).await?;
        let ruled = set_rules(tx, entry, &flag).await?;
        match current {
            None => report.created("feature flag", flag.slug),
            Some(current) => report.updated(flag != current || names || ruled, "feature flag", flag.slug),
        }
    }
    Ok(())
}

async fn one(tx: &mut Tx, entry: &shape::FeatureFlag, current: Option<&FeatureFlag>) -> Result<FeatureFlag> {
    let owner = entry.owner.as_ref().map(|owner| Owner {
        email: owner.email.trim().to_owned(),
        first_name: owner.first_name.clone(),
        last_name: owner.last_name.clone(),
    });
    let actor = Actor::operator();
    if let Some(current) = current {
        differs(entry.id.as_ref(), &current.id, false)?;
        let input = Update {
            name: entry.name.clone(),
            description: entry.description.clone().map_or(Patch::Absent, Patch::Value),
            owner: owner.map_or(Patch::Absent, Patch::Value),
            tags: entry.tags.clone(),
            enabled: entry.enabled,
            default_value: entry.default_value,
        };
        return feature_flags::update(tx, &actor, &entry.slug, input).await;
    }
    let input = Create {
        id: entry.id.clone(),
        slug: entry.slug.clone(),
        name: entry.name.clone().unwrap_or_else(|| entry.slug.clone()),
        description: entry.description.clone(),
        owner,
        tags: entry.tags.clone().unwrap_or_default(),
        enabled: entry.enabled.unwrap_or(false),
        default_value: entry.default_value.unwrap_or(false),
    };
    feature_flags::create(tx, &actor, input).await
}

/// Names the targets of the file, beside those that the flag has; whether that changed anything.
async fn set_targets(tx: &mut Tx, entry: &shape::FeatureFlag, flag: &FeatureFlag) -> Result<bool> {
    let mut changed = false;
    for target in entry.targets.as_deref().unwrap_or_default() {
        let name = Name { target_type: target.target_type.clone(), target_id: target.target_id.clone() };
        let place = (name.target_type.as_str(), name.target_id.as_str());
        let value = target.value.unwrap_or(true);
        let current = store::feature_flags::targets::find(tx, &flag.id, place).await?;
        if current.is_some_and(|current| current.value == Some(value)) {
            continue;
        }
        let input = Set { id: target.id.clone(), name, value };
        targets::set(tx, &Actor::operator(), &flag.slug, input).await.within(target.at.as_str())?;
        changed = true;
    }
    Ok(changed)
}

/// Makes these the rules of the flag, if the file says any; whether that changed anything. What is there already, by its
/// id or by all that it says, stays and takes its place.
async fn set_rules(tx: &mut Tx, entry: &shape::FeatureFlag, flag: &FeatureFlag) -> Result<bool> {
    let Some(wanted) = &entry.rules else { return Ok(false) };
    let actor = Actor::operator();
    let mut current = store::feature_flags::rules::list(tx, &flag.id).await?;
    let before = current.clone();
    let mut matched = Vec::with_capacity(wanted.len());
    for rule in wanted {
        let found = current.iter().position(|current| is_meant(rule, current));
        matched.push(found.map(|index| current.remove(index)));
    }
    for gone in &current {
        rules::delete(tx, &actor, &flag.slug, &gone.rule.id).await.at(entry.at.as_str())?;
    }
    for (position, (rule, matched)) in wanted.iter().zip(matched).enumerate() {
        let (value, conditions) = (rule.value.unwrap_or(true), conditions(rule));
        match matched {
            Some(Rule { rule: current, conditions: _ }) => {
                let input =
                    rules::Update { value: Some(value), conditions: Some(conditions), position: Some(position) };
                rules::update(tx, &actor, &flag.slug, &current.id, input).await.within(rule.at.as_str())?;
            }
            None => {
                let input = rules::Create { id: rule.id.clone(), value, conditions, position: Some(position) };
                rules::create(tx, &actor, &flag.slug, input).await.within(rule.at.as_str())?;
            }
        }
    }
    Ok(store::feature_flags::rules::list(tx, &flag.id).await? != before)
}

fn is_meant(wanted: &shape::FlagRule, current: &Rule) -> bool {
    match &wanted.id {
        Some(id) => *id == current.rule.id,
        None => {
            wanted.value.unwrap_or(true) == current.rule.value
                && rules::normal(conditions(wanted)) == current.conditions
        }
    }
}

fn conditions(rule: &shape::FlagRule) -> Vec<Condition> {
    let one = |condition: &shape::FlagCondition| Condition {
        target_type: condition.target_type.clone(),
        operator: Operator::OneOf,
        values: condition.values.clone(),
    };
    rule.conditions.iter().map(one).collect()
}
