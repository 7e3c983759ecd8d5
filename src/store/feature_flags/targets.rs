//! Targets: what flags and their rules name.

use crate::db::{Db, OnConstraint};
use crate::kernel::id::{FeatureFlagId, FlagRuleId, FlagTargetId, FlagTargetKind, Id};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::feature_flags::FlagTarget;
use crate::model::feature_flags::events::{ConfiguredTargets, MOST_LISTED};
use crate::{page_sql, sql};

/// The columns of a target `t` of the flag `f` in the environment `e`.
macro_rules! columns {
    () => {
        "t.id, t.flag_id, f.slug as flag_slug, e.id as environment_id, t.target_type, t.target_id, t.rule_id,
         case when t.value is not null then 'boolean' end as value_type, t.value, t.created_at, t.updated_at"
    };
}

/// What a target `t` belongs to.
macro_rules! owners {
    () => {
        " join feature_flags f on f.environment = t.environment and f.id = t.flag_id
          join environments e on e.key = t.environment "
    };
}

/// A page of a flag's own targets.
pub async fn list(db: &mut Db, flag: &FeatureFlagId, page: &Page<FlagTargetKind>) -> Result<List<FlagTarget>> {
    db.page(
        page_sql!(
            "select ",
            columns!(),
            " from feature_flag_targets t",
            owners!(),
            "where t.environment = $1 and t.flag_id = $5 and t.rule_id is null";
            "t.id"
        ),
        page,
    )
    .bind(flag)
    .list(|target: &FlagTarget| target.id.as_str())
    .await
}

/// All targets of a flag and of its rules, oldest first.
pub async fn list_all(db: &mut Db, flag: &FeatureFlagId) -> Result<Vec<FlagTarget>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from feature_flag_targets t",
        owners!(),
        "where t.environment = $1 and t.flag_id = $2 order by t.id"
    ))
    .bind(flag)
    .all()
    .await
}

/// All targets of a rule, oldest first.
pub async fn list_of_rule(db: &mut Db, flag: &FeatureFlagId, rule: &FlagRuleId) -> Result<Vec<FlagTarget>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from feature_flag_targets t",
        owners!(),
        "where t.environment = $1 and t.flag_id = $2 and t.rule_id = $3 order by t.id"
    ))
    .bind(flag)
    .bind(rule)
    .all()
    .await
}

/// All targets of a flag and of its rules that name this, oldest first.
pub async fn list_of(
    db: &mut Db,
    flag: &FeatureFlagId,
    (target_type, target_id): (&str, &str),
) -> Result<Vec<FlagTarget>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from feature_flag_targets t",
        owners!(),
        "where t.environment = $1 and t.flag_id = $2 and t.target_type = $3 and t.target_id = $4 order by t.id"
    ))
    .bind(flag)
    .bind(target_type)
    .bind(target_id)
    .all()
    .await
}

/// How many a flag has, those of its rules included.
pub async fn count(db: &mut Db, flag: &FeatureFlagId) -> Result<i64> {
    db.query(sql!("select count(*) from feature_flag_targets where environment = $1 and flag_id = $2"))
        .bind(flag)
        .value()
        .await
}

/// A flag's own target, if it names this one.
pub async fn find(
    db: &mut Db,
    flag: &FeatureFlagId,
    (target_type, target_id): (&str, &str),
) -> Result<Option<FlagTarget>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from feature_flag_targets t",
        owners!(),
        "where t.environment = $1 and t.flag_id = $2 and t.rule_id is null and t.target_type = $3 and t.target_id = $4"
    ))
    .bind(flag)
    .bind(target_type)
    .bind(target_id)
    .find()
    .await
}

/// A flag's own target of this id.
pub async fn find_by_id(db: &mut Db, flag: &FeatureFlagId, id: &FlagTargetId) -> Result<Option<FlagTarget>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from feature_flag_targets t",
        owners!(),
        "where t.environment = $1 and t.flag_id = $2 and t.rule_id is null and t.id = $3"
    ))
    .bind(flag)
    .bind(id)
    .find()
    .await
}

/// Those of the users that are there. Until the transaction ends, none of them can be deleted.
pub async fn hold_users(db: &mut Db, ids: &[String]) -> Result<Vec<String>> {
    db.query(sql!("select id from users where environment = $1 and id = any($2) order by id for key share"))
        .bind(ids)
        .values()
        .await
}

/// Those of the organizations that are there. Until the transaction ends, none of them can be deleted.
pub async fn hold_organizations(db: &mut Db, ids: &[String]) -> Result<Vec<String>> {
    db.query(sql!("select id from organizations where environment = $1 and id = any($2) order by id for key share"))
        .bind(ids)
        .values()
        .await
}

/// Whether anybody is given the flag by name, and the first of those organizations and users.
pub async fn find_configured(db: &mut Db, flag: &FeatureFlagId) -> Result<(bool, ConfiguredTargets)> {
    #[derive(sqlx::FromRow)]
    struct Found {
        named: bool,
        #[sqlx(flatten)]
        targets: ConfiguredTargets,
    }
    let found: Found = db
        .query(sql!(
            "with given as materialized (
                 select t.user_id, t.organization_id
                 from feature_flag_targets t
                 left join feature_flag_rules r on r.environment = t.environment and r.id = t.rule_id
                 where t.environment = $1 and t.flag_id = $2 and coalesce(t.value, r.value))
             select exists (select from given) as named,
                    coalesce((select json_agg(o) from (
                        select o.id, o.name from organizations o
                        where o.environment = $1 and o.id in (select organization_id from given)
                        order by o.id limit $3) o), '[]') as organizations,
                    coalesce((select json_agg(u) from (
                        select u.id, u.email from users u
                        where u.environment = $1 and u.id in (select user_id from given)
                        order by u.id limit $3) u), '[]') as users"
        ))
        .bind(flag)
        .bind(MOST_LISTED)
        .one()
        .await?;
    Ok((found.named, found.targets))
}

/// Writes new targets of one flag. The caller holds the flag and what they name.
pub async fn insert(db: &mut Db, targets: &[FlagTarget]) -> Result<()> {
    let Some(first) = targets.first() else { return Ok(()) };
    let ids: Vec<_> = targets.iter().map(|target| target.id.as_str()).collect();
    let rules: Vec<_> = targets.iter().map(|target| target.rule_id.as_ref().map(Id::as_str)).collect();
    let types: Vec<_> = targets.iter().map(|target| target.target_type.as_str()).collect();
    let names: Vec<_> = targets.iter().map(|target| target.target_id.as_str()).collect();
    let values: Vec<_> = targets.iter().map(|target| target.value).collect();
    db.query(sql!(
        "insert into feature_flag_targets (environment, id, flag_id, rule_id, target_type, target_id, value,
                                           created_at, updated_at)
         select $1, n.id, $2, n.rule_id, n.target_type, n.target_id, n.value, $8, $8
         from unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::boolean[])
              as n (id, rule_id, target_type, target_id, value)"
    ))
    .bind(&first.flag_id)
    .bind(ids)
    .bind(rules)
    .bind(types)
    .bind(names)
    .bind(values)
    .bind(first.created_at)
    .run()
    .await
    .map(drop)
    .on_constraint("feature_flag_targets_pkey", || {
        Error::conflict("flag_target_already_exists", "A flag target with this id already exists.")
    })
}

/// Removes these targets.
pub async fn delete(db: &mut Db, targets: &[FlagTarget]) -> Result<()> {
    let ids: Vec<_> = targets.iter().map(|target| target.id.as_str()).collect();
    db.query(sql!("delete from feature_flag_targets where environment = $1 and id = any($2)"))
        .bind(ids)
        .run()
        .await
        .map(drop)
}
