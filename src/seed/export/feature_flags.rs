//! Feature flags, with their targets and rules.

use std::io::Write;

use serde::Serialize;

use super::each_page;
use super::writer::Writer;
use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::id::{FeatureFlagId, FlagRuleId, FlagTargetId};
use crate::model::feature_flags::{self, Owner};
use crate::store;

#[derive(Serialize)]
struct FeatureFlag<'f> {
    id: &'f FeatureFlagId,
    slug: &'f str,
    name: &'f str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'f str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<&'f Owner>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'f [String],
    enabled: bool,
    default_value: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<Rule<'f>>,
}

#[derive(Serialize)]
struct Rule<'r> {
    id: &'r FlagRuleId,
    value: bool,
    conditions: Vec<Condition<'r>>,
}

#[derive(Serialize)]
struct Condition<'c> {
    target_type: &'c str,
    values: &'c [String],
}

#[derive(Serialize)]
struct Target<'t> {
    id: &'t FlagTargetId,
    target_type: &'t str,
    target_id: &'t str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<bool>,
}

pub(super) async fn write(db: &mut Db, out: &mut Writer<impl Write>) -> Result<()> {
    each_page(db, store::feature_flags::list, async |db, flags: Vec<feature_flags::FeatureFlag>| {
        for flag in &flags {
            let rules = store::feature_flags::rules::list(db, &flag.id).await?;
            out.entry("featureFlags", &one(flag, &rules))?;
            targets(db, flag, out).await?;
        }
        Ok(())
    })
    .await
}

fn one<'f>(flag: &'f feature_flags::FeatureFlag, rules: &'f [feature_flags::Rule]) -> FeatureFlag<'f> {
    let condition =
        |one: &'f feature_flags::Condition| Condition { target_type: &one.target_type, values: &one.values };
    let rule = |one: &'f feature_flags::Rule| Rule {
        id: &one.rule.id,
        value: one.rule.value,
        conditions: one.conditions.iter().map(condition).collect(),
    };
    FeatureFlag {
        id: &flag.id,
        slug: &flag.slug,
        name: &flag.name,
        description: flag.description.as_deref(),
        owner: flag.owner.as_ref(),
        tags: &flag.tags,
        enabled: flag.enabled,
        default_value: flag.default_value,
        rules: rules.iter().map(rule).collect(),
    }
}

async fn targets(db: &mut Db, flag: &feature_flags::FeatureFlag, out: &mut Writer<impl Write>) -> Result<()> {
    let list = async |db: &mut Db, page: &_| store::feature_flags::targets::list(db, &flag.id, page).await;
    let mut first = true;
    each_page(db, list, async |_, targets: Vec<feature_flags::FlagTarget>| {
        for target in &targets {
            let entry = Target {
                id: &target.id,
                target_type: &target.target_type,
                target_id: &target.target_id,
                value: target.value.filter(|value| !value),
            };
            out.nested("targets", std::mem::take(&mut first), &entry)?;
        }
        Ok(())
    })
    .await
}
