//! Rules of flags. Their conditions are rows of the targets.

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{FeatureFlagId, FlagRuleId};
use crate::kernel::{Error, Result};
use crate::model::feature_flags::Rule;
use crate::sql;

/// The rules of a flag, in their order.
pub async fn list(db: &mut Db, flag: &FeatureFlagId) -> Result<Vec<Rule>> {
    db.query(sql!(
        "select r.id, r.flag_id, f.slug as flag_slug, e.id as environment_id,
                case when cardinality(r.target_types) = 1 then r.target_types[1] end as target_type,
                r.position, 'boolean' as value_type, r.value, r.created_at, r.updated_at,
                (select json_agg(json_build_object('target_type', c.target_type, 'values', array(
                     select t.target_id from feature_flag_targets t
                     where t.environment = r.environment and t.rule_id = r.id and t.target_type = c.target_type
                     order by t.target_id)) order by c.place)
                 from unnest(r.target_types) with ordinality as c (target_type, place)) as conditions
         from feature_flag_rules r
         join feature_flags f on f.environment = r.environment and f.id = r.flag_id
         join environments e on e.key = r.environment
         where r.environment = $1 and r.flag_id = $2 order by r.position"
    ))
    .bind(flag)
    .all()
    .await
}

/// Writes a new rule, apart from its targets.
pub async fn insert(db: &mut Db, Rule { rule, conditions }: &Rule) -> Result<()> {
    let types: Vec<_> = conditions.iter().map(|condition| condition.target_type.as_str()).collect();
    db.query(sql!(
        "insert into feature_flag_rules (environment, id, flag_id, position, value, target_types, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)"
    ))
    .bind(&rule.id)
    .bind(&rule.flag_id)
    .bind(rule.position)
    .bind(rule.value)
    .bind(types)
    .bind(rule.created_at)
    .bind(rule.updated_at)
    .run()
    .await
    .map(drop)
    .on_constraint("feature_flag_rules_pkey", || {
        Error::conflict("flag_rule_already_exists", "A flag rule with this id already exists.")
    })
}

/// Writes a changed rule, apart from its targets and its position.
pub async fn update(db: &mut Db, Rule { rule, conditions }: &Rule) -> Result<()> {
    let types: Vec<_> = conditions.iter().map(|condition| condition.target_type.as_str()).collect();
    db.query(sql!(
        "update feature_flag_rules set value = $3, target_types = $4, updated_at = $5 where environment = $1 and id = $2"
    ))
    .bind(&rule.id)
    .bind(rule.value)
    .bind(types)
    .bind(rule.updated_at)
    .run()
    .await
    .map(drop)
}

/// Gives the rules of a flag the positions in which they stand here. Only what moves is touched.
pub async fn reorder(db: &mut Db, order: &[&FlagRuleId], now: Timestamp) -> Result<()> {
    db.query(sql!(
        "update feature_flag_rules r set position = o.place - 1, updated_at = $3
         from unnest($2::text[]) with ordinality as o (id, place)
         where r.environment = $1 and r.id = o.id and r.position <> o.place - 1"
    ))
    .bind(order)
    .bind(now)
    .run()
    .await
    .map(drop)
}

/// Removes a rule with its targets.
pub async fn delete(db: &mut Db, id: &FlagRuleId) -> Result<()> {
    db.query(sql!("delete from feature_flag_rules where environment = $1 and id = $2")).bind(id).run().await.map(drop)
}
