//! All flags of an environment, as the clients poll them that evaluate flags for themselves.
//!
//! There are two forms. The second is the order of evaluation itself, written down as rules. The first is older and
//! knows only who is on: a client that reads it takes a flag for on when any of its targets is, and so cannot be told of
//! a rule with several conditions, nor that somebody is an exception to a default that is on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use super::{Condition, ORGANIZATION, Operator, USER};
use crate::kernel::id::{FeatureFlagId, FlagRuleId};

/// Everything that decides who has a flag.
#[derive(Debug, Clone, FromRow)]
pub struct Definition {
    /// Its id.
    pub id: FeatureFlagId,
    /// The name that programs use.
    pub slug: String,
    /// Whether anybody has it at all.
    pub enabled: bool,
    /// Whether those have it about whom nothing else is said.
    pub default_value: bool,
    /// Its own targets.
    #[sqlx(json)]
    pub targets: Vec<Target>,
    /// Its rules, in their order.
    #[sqlx(json)]
    pub rules: Vec<RuleDefinition>,
}

/// A target of a flag.
#[derive(Debug, Clone, Deserialize)]
pub struct Target {
    target_type: String,
    target_id: String,
    value: bool,
}

/// A rule of a flag.
#[derive(Debug, Clone, Deserialize)]
pub struct RuleDefinition {
    id: FlagRuleId,
    value: bool,
    conditions: Vec<Condition>,
}

/// All flags, in one of the forms.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "FeatureFlagsPayload")]
pub enum Payload {
    /// The older one: flags by their slugs.
    First(BTreeMap<String, FirstFlag>),
    /// The newer one.
    Second(Second),
}

impl Payload {
    /// The older form.
    pub fn first(flags: Vec<Definition>) -> Self {
        Self::First(flags.into_iter().map(|flag| (flag.slug.clone(), FirstFlag::of(flag))).collect())
    }

    /// The newer form.
    pub fn second(flags: Vec<Definition>) -> Self {
        let flags = flags.into_iter().map(|flag| (flag.slug.clone(), SecondFlag::of(flag))).collect();
        Self::Second(Second { version: 2, flags })
    }
}

/// A flag in the older form.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FeatureFlagsFirstFlag")]
pub struct FirstFlag {
    slug: String,
    enabled: bool,
    default_value: bool,
    targets: FirstTargets,
}

/// Who is named, by type. Clients insist on the first two.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[schemars(rename = "FeatureFlagsFirstTargets")]
struct FirstTargets {
    users: Vec<FirstTarget>,
    organizations: Vec<FirstTarget>,
    custom_targets: Vec<FirstCustomTarget>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FeatureFlagsFirstTarget")]
struct FirstTarget {
    id: String,
    enabled: bool,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FeatureFlagsFirstCustomTarget")]
struct FirstCustomTarget {
    #[serde(rename = "type")]
    target_type: String,
    id: String,
    enabled: bool,
}

impl FirstFlag {
    fn of(flag: Definition) -> Self {
        // Whatever names a target first decides about it. Rules with several conditions say nothing about one target.
        let own = flag.targets.into_iter().map(|target| (target.target_type, target.target_id, target.value));
        let of_rules = flag.rules.into_iter().filter(|rule| rule.conditions.len() == 1).flat_map(|rule| {
            let conditions = rule.conditions.into_iter();
            conditions.flat_map(move |Condition { target_type, values, operator: Operator::OneOf }| {
                values.into_iter().map(move |id| (target_type.clone(), id, rule.value))
            })
        });
        let mut values = BTreeMap::new();
        for (target_type, id, enabled) in own.chain(of_rules) {
            values.entry((target_type, id)).or_insert(enabled);
        }
        let mut targets = FirstTargets::default();
        for ((target_type, id), enabled) in values {
            match target_type.as_str() {
                USER => targets.users.push(FirstTarget { id, enabled }),
                ORGANIZATION => targets.organizations.push(FirstTarget { id, enabled }),
                _ => targets.custom_targets.push(FirstCustomTarget { target_type, id, enabled }),
            }
        }
        Self { slug: flag.slug, enabled: flag.enabled, default_value: flag.default_value, targets }
    }
}

/// The newer form.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FeatureFlagsSecond")]
pub struct Second {
    version: u8,
    flags: BTreeMap<String, SecondFlag>,
}

/// A flag in the newer form.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FeatureFlagsSecondFlag")]
struct SecondFlag {
    slug: String,
    enabled: bool,
    default_value: bool,
    off_value: bool,
    rules: Vec<SecondRule>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "FeatureFlagsSecondRule")]
struct SecondRule {
    id: String,
    kind: RuleKind,
    value: bool,
    conditions: Vec<Condition>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "FeatureFlagsRuleKind")]
enum RuleKind {
    Conditions,
}

impl SecondFlag {
    fn of(flag: Definition) -> Self {
        let rules = flag.rules.into_iter().map(|RuleDefinition { id, value, conditions }| SecondRule {
            id: id.to_string(),
            kind: RuleKind::Conditions,
            value,
            conditions,
        });
        let rules = own_rules(&flag.id, flag.targets).into_iter().chain(rules).collect();
        let (enabled, default_value) = (flag.enabled, flag.default_value);
        // A feature that is switched off is off for everybody.
        Self { slug: flag.slug, enabled, default_value, off_value: false, rules }
    }
}

/// A flag's own targets as rules: users before organizations before all others, as they are evaluated.
fn own_rules(flag: &FeatureFlagId, targets: Vec<Target>) -> Vec<SecondRule> {
    let mut values = BTreeMap::<_, Vec<_>>::new();
    for Target { target_type, target_id, value } in targets {
        let rank = match target_type.as_str() {
            USER => 0,
            ORGANIZATION => 1,
            _ => 2,
        };
        values.entry((rank, target_type, value)).or_default().push(target_id);
    }
    let rule = |((_, target_type, value), values): ((u8, String, bool), Vec<String>)| SecondRule {
        id: format!("{flag}_{target_type}_{value}"),
        kind: RuleKind::Conditions,
        value,
        conditions: vec![Condition { target_type, operator: Operator::OneOf, values }],
    };
    values.into_iter().map(rule).collect()
}
