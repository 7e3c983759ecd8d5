//! Feature flags, and who has them.
//!
//! The order of evaluation is written down once, in `value!`; the payload of `model::feature_flags::payload` says the
//! same to clients that evaluate for themselves, and a test holds the two together.

pub mod rules;
pub mod targets;

use crate::db::{Db, OnConstraint};
use crate::kernel::id::{FeatureFlagId, FeatureFlagKind, OrganizationId, UserId};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::feature_flags::FeatureFlag;
use crate::model::feature_flags::payload::Definition;
use crate::{page_sql, sql};

macro_rules! columns {
    () => {
        "f.id, f.slug, f.name, f.description, f.owner, f.tags, f.enabled, f.default_value, f.created_at, f.updated_at"
    };
}

/// Whether the flag `f` is on for the user and the organization of the row `c`, either of which may be null.
macro_rules! value {
    () => {
        "(f.enabled and coalesce(
             (select t.value from feature_flag_targets t
              where t.environment = f.environment and t.flag_id = f.id and t.rule_id is null
                and (t.target_type, t.target_id) in (('user', c.user_id), ('organization', c.organization_id))
              order by t.target_type = 'user' desc limit 1),
             (select r.value from feature_flag_rules r
              where r.environment = f.environment and r.flag_id = f.id
                and r.target_types <@ array(
                    select t.target_type from feature_flag_targets t
                    where t.environment = r.environment and t.rule_id = r.id
                      and (t.target_type, t.target_id) in (('user', c.user_id), ('organization', c.organization_id)))
              order by r.position limit 1),
             f.default_value))"
    };
}

/// A page of flags.
pub async fn list(db: &mut Db, page: &Page<FeatureFlagKind>) -> Result<List<FeatureFlag>> {
    db.page(page_sql!("select ", columns!(), " from feature_flags f where f.environment = $1"; "f.id"), page)
        .list(|flag: &FeatureFlag| flag.id.as_str())
        .await
}

/// A page of the flags that are on for an organization.
pub async fn list_of_organization(
    db: &mut Db,
    organization: &OrganizationId,
    page: &Page<FeatureFlagKind>,
) -> Result<List<FeatureFlag>> {
    db.page(
        page_sql!(
            "select ",
            columns!(),
            " from feature_flags f cross join (select null::text as user_id, $5::text as organization_id) c
             where f.environment = $1 and ",
            value!();
            "f.id"
        ),
        page,
    )
    .bind(organization)
    .list(|flag: &FeatureFlag| flag.id.as_str())
    .await
}

/// A page of the flags that are on for a user, be it by themselves or in any organization of which they are an active
/// member.
pub async fn list_of_user(db: &mut Db, user: &UserId, page: &Page<FeatureFlagKind>) -> Result<List<FeatureFlag>> {
    db.page(
        page_sql!(
            "select ",
            columns!(),
            " from feature_flags f
             where f.environment = $1 and exists (
                 select from (
                     select $5::text as user_id, null::text as organization_id
                     union all
                     select m.user_id, m.organization_id from organization_memberships m
                     where m.environment = $1 and m.user_id = $5 and m.status = 'active') c
                 where ",
            value!(),
            ")";
            "f.id"
        ),
        page,
    )
    .bind(user)
    .list(|flag: &FeatureFlag| flag.id.as_str())
    .await
}

/// The slugs of the flags that are on for a user in an organization, or in none.
pub async fn list_slugs(db: &mut Db, user: &UserId, organization: Option<&OrganizationId>) -> Result<Vec<String>> {
    db.query(sql!(
        "select f.slug
         from feature_flags f cross join (select $2::text as user_id, $3::text as organization_id) c
         where f.environment = $1 and ",
        value!(),
        " order by f.slug"
    ))
    .bind(user)
    .bind(organization)
    .values()
    .await
}

/// Everything that decides who has which flag.
pub async fn list_definitions(db: &mut Db) -> Result<Vec<Definition>> {
    db.query(sql!(
        "select f.id, f.slug, f.enabled, f.default_value,
                coalesce((select json_agg(json_build_object('target_type', t.target_type, 'target_id', t.target_id,
                                                            'value', t.value) order by t.target_type, t.target_id)
                          from feature_flag_targets t
                          where t.environment = f.environment and t.flag_id = f.id and t.rule_id is null),
                         '[]') as targets,
                coalesce((select json_agg(json_build_object('id', r.id, 'value', r.value, 'conditions', (
                              select json_agg(json_build_object('target_type', c.target_type, 'values', array(
                                  select t.target_id from feature_flag_targets t
                                  where t.environment = r.environment and t.rule_id = r.id
                                    and t.target_type = c.target_type
                                  order by t.target_id)) order by c.place)
                              from unnest(r.target_types) with ordinality as c (target_type, place)))
                          order by r.position)
                          from feature_flag_rules r where r.environment = f.environment and r.flag_id = f.id),
                         '[]') as rules
         from feature_flags f where f.environment = $1 order by f.id"
    ))
    .all()
    .await
}

/// The flag that must be there.
pub async fn get(db: &mut Db, slug: &str) -> Result<FeatureFlag> {
    db.query(sql!("select ", columns!(), " from feature_flags f where f.environment = $1 and f.slug = $2"))
        .bind(slug)
        .find()
        .await?
        .ok_or_else(|| missing(slug))
}

/// The flag, held against other changes of it, its targets and its rules until the transaction ends.
pub async fn lock(db: &mut Db, slug: &str) -> Result<FeatureFlag> {
    db.query(sql!("select ", columns!(), " from feature_flags f where f.environment = $1 and f.slug = $2 for update"))
        .bind(slug)
        .find()
        .await?
        .ok_or_else(|| missing(slug))
}

/// The flags that name this target, themselves or in a rule, held as [`lock`] does it.
pub async fn lock_naming(db: &mut Db, target_type: &str, target_id: &str) -> Result<Vec<FeatureFlag>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from feature_flags f
         where f.environment = $1 and f.id in (
             select t.flag_id from feature_flag_targets t
             where t.environment = $1 and ((t.user_id = $3 and $2 = 'user')
                                           or (t.organization_id = $3 and $2 = 'organization')))
         order by f.id for update"
    ))
    .bind(target_type)
    .bind(target_id)
    .all()
    .await
}

/// How many there are.
pub async fn count(db: &mut Db) -> Result<i64> {
    db.query(sql!("select count(*) from feature_flags where environment = $1")).value().await
}

/// Writes a new flag.
pub async fn insert(db: &mut Db, flag: &FeatureFlag) -> Result<()> {
    db.query(sql!(
        "insert into feature_flags (environment, id, slug, name, description, owner, tags, enabled, default_value,
                                    created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"
    ))
    .bind(&flag.id)
    .bind(&flag.slug)
    .bind(&flag.name)
    .bind(flag.description.as_deref())
    .bind(flag.owner.as_ref().map(sqlx::types::Json))
    .bind(&flag.tags)
    .bind(flag.enabled)
    .bind(flag.default_value)
    .bind(flag.created_at)
    .bind(flag.updated_at)
    .run()
    .await
    .map(drop)
    .on_constraint("feature_flags_slug_key", || {
        let message = format!("A feature flag with the slug '{}' already exists.", flag.slug);
        Error::conflict("feature_flag_already_exists", message)
    })
    .on_constraint("feature_flags_pkey", || {
        Error::conflict("feature_flag_already_exists", "A feature flag with this id already exists.")
    })
}

/// Writes a changed flag.
pub async fn update(db: &mut Db, flag: &FeatureFlag) -> Result<()> {
    db.query(sql!(
        "update feature_flags
         set name = $3, description = $4, owner = $5, tags = $6, enabled = $7, default_value = $8, updated_at = $9
         where environment = $1 and id = $2"
    ))
    .bind(&flag.id)
    .bind(&flag.name)
    .bind(flag.description.as_deref())
    .bind(flag.owner.as_ref().map(sqlx::types::Json))
    .bind(&flag.tags)
    .bind(flag.enabled)
    .bind(flag.default_value)
    .bind(flag.updated_at)
    .run()
    .await
    .map(drop)
}

/// Removes the flag with its targets and its rules.
pub async fn delete(db: &mut Db, id: &FeatureFlagId) -> Result<()> {
    db.query(sql!("delete from feature_flags where environment = $1 and id = $2")).bind(id).run().await.map(drop)
}

fn missing(slug: &str) -> Error {
    Error::missing_named("Feature flag", slug)
}
