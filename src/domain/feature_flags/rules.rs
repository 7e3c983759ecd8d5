//! Rules: values for those who meet conditions, tried in their order after the flag's own targets.

use super::Change;
use super::targets::{self, Name};
use crate::db::Tx;
use crate::kernel::check::Faults;
use crate::kernel::id::FlagRuleId;
use crate::kernel::{Error, Result};
use crate::model::events::Actor;
use crate::model::feature_flags::{Condition, FlagRule, FlagTarget, Rule, ValueType};
use crate::store;

/// A flag has at most that many rules.
pub const MOST_RULES: usize = 100;

/// A rule has at most that many conditions.
const MOST_CONDITIONS: usize = 10;

/// Notes what is wrong with the conditions of a rule: there must be one, and one at most for each type, since nothing
/// is of two of the same.
pub fn check<'c>(faults: &mut Faults, field: &str, conditions: impl Iterator<Item = (&'c str, &'c [String])>) {
    let mut types = Vec::new();
    for (i, (target_type, values)) in conditions.enumerate() {
        let place = format!("{field}[{i}]");
        let type_field = format!("{place}.target_type");
        if types.contains(&target_type) {
            faults.add(&type_field, "invalid_value", format!("{type_field} must not be that of another condition."));
        }
        types.push(target_type);
        targets::check_type(faults, &type_field, target_type);
        for (j, value) in values.iter().enumerate() {
            targets::check_id(faults, &format!("{place}.values[{j}]"), value);
        }
    }
    if types.is_empty() {
        faults.add(field, "required", format!("{field} must not be empty."));
    }
    faults.most(field, types.len(), MOST_CONDITIONS);
}

/// What a new rule is made of.
#[derive(Debug, Default)]
pub struct Create {
    /// Its id, where a seed pins it.
    pub id: Option<FlagRuleId>,
    /// What the flag is where it holds.
    pub value: bool,
    /// Its conditions, at least one and of different types.
    pub conditions: Vec<Condition>,
    /// Its place; the last, if nothing is said.
    pub position: Option<usize>,
}

/// What an update of a rule changes.
#[derive(Debug, Default)]
pub struct Update {
    /// What the flag is where it holds.
    pub value: Option<bool>,
    /// Its conditions, all of them.
    pub conditions: Option<Vec<Condition>>,
    /// Its place. Behind the last is the last.
    pub position: Option<usize>,
}

/// Makes a rule. Those from its place on move by one.
pub async fn create(tx: &mut Tx, actor: &Actor, slug: &str, input: Create) -> Result<Rule> {
    let Create { id, value, conditions, position } = input;
    store::feature_flags::get(tx, slug).await?;
    targets::hold(tx, &names(&conditions)).await?;
    let change = Change::begin(tx, actor, slug).await?;
    let before = store::feature_flags::rules::list(tx, &change.flag.id).await?;
    if before.len() >= MOST_RULES {
        let message = format!("A feature flag may have at most {MOST_RULES} rules.");
        return Err(Error::refused("too_many_flag_rules", message));
    }
    let conditions = normal(conditions);
    let rule = FlagRule {
        id: id.unwrap_or_else(|| tx.mint()),
        flag_id: change.flag.id.clone(),
        flag_slug: change.flag.slug.clone(),
        environment_id: change.author.environment.id.clone(),
        target_type: single(&conditions),
        position: i32::try_from(before.len()).map_err(Error::internal)?,
        value_type: ValueType::Boolean,
        value,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    let new = Rule { rule, conditions };
    store::feature_flags::rules::insert(tx, &new).await?;
    let added = new_targets(tx, &change, &new, |_| true);
    let mut order: Vec<_> = before.iter().map(|rule| rule.rule.id.clone()).collect();
    order.insert(position.unwrap_or(usize::MAX).min(order.len()), new.rule.id.clone());
    let made = reorder(tx, &change, &order, &new.rule.id, &before).await?;
    tx.emit(made.rule.created(&change.author))?;
    targets::add(tx, &change, &added).await?;
    finish(tx, &change, &new.rule.id).await
}

/// Changes a rule. A change that changes nothing is no event and leaves `updated_at` alone.
pub async fn update(tx: &mut Tx, actor: &Actor, slug: &str, id: &FlagRuleId, input: Update) -> Result<Rule> {
    let Update { value, conditions, position } = input;
    store::feature_flags::get(tx, slug).await?;
    targets::hold(tx, &names(conditions.as_deref().unwrap_or_default())).await?;
    let change = Change::begin(tx, actor, slug).await?;
    let before = store::feature_flags::rules::list(tx, &change.flag.id).await?;
    let current = before.iter().find(|rule| rule.rule.id == *id).ok_or_else(|| Error::missing(id))?;
    let mut rule = current.clone();
    rule.rule.value = value.unwrap_or(rule.rule.value);
    if let Some(conditions) = conditions {
        rule.conditions = normal(conditions);
        rule.rule.target_type = single(&rule.conditions);
    }
    let mut order: Vec<_> = before.iter().map(|rule| rule.rule.id.clone()).collect();
    if let Some(position) = position {
        order.retain(|other| other != id);
        order.insert(position.min(order.len()), id.clone());
    }
    let moved = order.iter().zip(&before).any(|(id, rule)| *id != rule.rule.id);
    if rule == *current && !moved {
        return Ok(rule);
    }
    rule.rule.updated_at = tx.now();
    store::feature_flags::rules::update(tx, &rule).await?;
    let gone = old_targets(tx, &change, current, &rule).await?;
    targets::remove(tx, &change, &gone).await?;
    let was = names(&current.conditions);
    let added = new_targets(tx, &change, &rule, |name| !was.contains(name));
    targets::add(tx, &change, &added).await?;
    let changed = reorder(tx, &change, &order, id, &before).await?;
    tx.emit(changed.rule.updated(&change.author, &current.rule))?;
    finish(tx, &change, id).await
}

/// Deletes a rule with its targets. Those behind it move up.
pub async fn delete(tx: &mut Tx, actor: &Actor, slug: &str, id: &FlagRuleId) -> Result<()> {
    let change = Change::begin(tx, actor, slug).await?;
    let before = store::feature_flags::rules::list(tx, &change.flag.id).await?;
    let rule = before.iter().find(|rule| rule.rule.id == *id).ok_or_else(|| Error::missing(id))?;
    let empty = Rule { conditions: Vec::new(), ..rule.clone() };
    let gone = old_targets(tx, &change, rule, &empty).await?;
    targets::remove(tx, &change, &gone).await?;
    store::feature_flags::rules::delete(tx, id).await?;
    tx.emit(rule.rule.deleted(&change.author))?;
    let order: Vec<_> = before.iter().map(|rule| rule.rule.id.clone()).filter(|other| other != id).collect();
    settle(tx, &change, &order, &before).await?;
    change.announce(tx, &change.flag).await
}

/// The conditions with each value once, in order, as they are read back.
pub fn normal(mut conditions: Vec<Condition>) -> Vec<Condition> {
    for condition in &mut conditions {
        condition.values.sort_unstable();
        condition.values.dedup();
    }
    conditions
}

/// The type of the targets, if there is one condition.
fn single(conditions: &[Condition]) -> Option<String> {
    match conditions {
        [only] => Some(only.target_type.clone()),
        _ => None,
    }
}

fn names(conditions: &[Condition]) -> Vec<Name> {
    let of = |condition: &Condition| {
        let target_type = condition.target_type.clone();
        let name = move |target_id: &String| Name { target_type: target_type.clone(), target_id: target_id.clone() };
        condition.values.iter().map(name).collect::<Vec<_>>()
    };
    conditions.iter().flat_map(of).collect()
}

/// The targets of a rule that are to be written.
fn new_targets(tx: &Tx, change: &Change, rule: &Rule, is_new: impl Fn(&Name) -> bool) -> Vec<FlagTarget> {
    let names = names(&rule.conditions).into_iter().filter(is_new);
    names.map(|name| targets::make(tx, change, name, Some(rule.rule.id.clone()), None)).collect()
}

/// The targets of a rule that it is to name no longer.
async fn old_targets(tx: &mut Tx, change: &Change, was: &Rule, is: &Rule) -> Result<Vec<FlagTarget>> {
    let kept = names(&is.conditions);
    let mut gone = store::feature_flags::targets::list_of_rule(tx, &change.flag.id, &was.rule.id).await?;
    gone.retain(|target| {
        !kept.iter().any(|name| name.target_type == target.target_type && name.target_id == target.target_id)
    });
    Ok(gone)
}

/// Gives all rules their places; the one that this is about, as it is now.
async fn reorder(tx: &mut Tx, change: &Change, order: &[FlagRuleId], id: &FlagRuleId, before: &[Rule]) -> Result<Rule> {
    let others: Vec<_> = before.iter().filter(|rule| rule.rule.id != *id).cloned().collect();
    let after = settle(tx, change, order, &others).await?;
    after.into_iter().find(|rule| rule.rule.id == *id).ok_or_else(|| Error::internal("a rule that was written is gone"))
}

/// Gives all rules their places. Those of `before` that are moved by it say so.
async fn settle(tx: &mut Tx, change: &Change, order: &[FlagRuleId], before: &[Rule]) -> Result<Vec<Rule>> {
    let (ids, now) = (order.iter().collect::<Vec<_>>(), tx.now());
    store::feature_flags::rules::reorder(tx, &ids, now).await?;
    let after = store::feature_flags::rules::list(tx, &change.flag.id).await?;
    for rule in &after {
        let was = before.iter().find(|was| was.rule.id == rule.rule.id);
        if let Some(was) = was.filter(|was| was.rule.position != rule.rule.position) {
            tx.emit(rule.rule.updated(&change.author, &was.rule))?;
        }
    }
    Ok(after)
}

/// Announces who has the flag now, and shows the rule.
async fn finish(tx: &mut Tx, change: &Change, id: &FlagRuleId) -> Result<Rule> {
    change.announce(tx, &change.flag).await?;
    let rules = store::feature_flags::rules::list(tx, &change.flag.id).await?;
    rules.into_iter().find(|rule| rule.rule.id == *id).ok_or_else(|| Error::internal("a rule that was written is gone"))
}
