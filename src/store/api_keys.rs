//! API keys of organizations and users: found by hash, never by value.

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{ApiKeyId, ApiKeyKind, OrganizationId, UserId};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::api_keys::{ApiKey, Owner};
use crate::model::keys::PermissionKey;
use crate::{page_sql, sql};

/// The columns of a key `k`.
macro_rules! columns {
    () => {
        "k.id, k.organization_id, k.user_id, k.name, k.obfuscated as obfuscated_value, k.last_used_at, k.expires_at,
         coalesce((select array_agg(p.slug order by p.slug)
                   from api_key_permissions h
                   join permissions p on p.environment = h.environment and p.key = h.permission
                   where h.environment = k.environment and h.api_key_id = k.id), '{}') as permissions,
         k.created_at, k.updated_at"
    };
}

/// Which keys are meant.
#[derive(Debug, Clone, Copy)]
pub enum Which<'w> {
    /// Those of an organization, and those of its members.
    Organization(&'w OrganizationId),
    /// Those of these users as members of these organizations, pair by pair.
    Members(&'w [(&'w OrganizationId, &'w UserId)]),
    /// Those that have this permission.
    Having(PermissionKey),
}

/// The key of this hash, if it is valid at this moment: it has not run out, and its user, if it has one, is an active
/// member of its organization. One statement, because it is asked at every request that an application answers.
pub async fn find_valid(db: &mut Db, hash: &[u8; 32], now: Timestamp) -> Result<Option<ApiKey>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from api_keys k
          left join organization_memberships m
            on m.environment = k.environment and m.organization_id = k.organization_id and m.user_id = k.user_id
          where k.environment = $1 and k.hash = $2
            and (k.expires_at is null or k.expires_at > $3)
            and (k.user_id is null or m.status = 'active')"
    ))
    .bind(&hash[..])
    .bind(now)
    .find()
    .await
}

/// Notes that a key was used, unless that was noted after `before`. Whoever else is at the row notes it, or takes it
/// away; nobody waits for them.
pub async fn stamp_use(db: &mut Db, id: &ApiKeyId, now: Timestamp, before: Timestamp) -> Result<()> {
    db.query(sql!(
        "update api_keys set last_used_at = $3
         where environment = $1 and id = (
             select id from api_keys
             where environment = $1 and id = $2 and (last_used_at is null or last_used_at <= $4)
             for no key update skip locked)"
    ))
    .bind(id)
    .bind(now)
    .bind(before)
    .run()
    .await
    .map(drop)
}

/// The key, held against other changes until the transaction ends.
pub async fn lock(db: &mut Db, id: &ApiKeyId) -> Result<ApiKey> {
    let held: Option<bool> = db
        .query(sql!("select true from api_keys where environment = $1 and id = $2 for update"))
        .bind(id)
        .find_value()
        .await?;
    let key: Option<ApiKey> = match held {
        Some(_) => {
            db.query(sql!("select ", columns!(), " from api_keys k where k.environment = $1 and k.id = $2"))
                .bind(id)
                .find()
                .await?
        }
        None => None,
    };
    key.ok_or_else(|| Error::missing(id))
}

/// All keys that are meant, oldest first, held against other changes until the transaction ends.
pub async fn lock_all(db: &mut Db, which: Which<'_>) -> Result<Vec<ApiKey>> {
    let held: Vec<ApiKeyId> = match which {
        Which::Organization(organization) => {
            db.query(sql!(
                "select id from api_keys where environment = $1 and organization_id = $2 order by id for update"
            ))
            .bind(organization)
            .values()
            .await?
        }
        Which::Members(pairs) => {
            let (organizations, users): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
            db.query(sql!(
                "select k.id from api_keys k
                 where k.environment = $1
                   and (k.organization_id, k.user_id) in (select * from unnest($2::text[], $3::text[]))
                 order by k.id for update"
            ))
            .bind(organizations)
            .bind(users)
            .values()
            .await?
        }
        Which::Having(permission) => {
            db.query(sql!(
                "select k.id
                 from api_key_permissions h join api_keys k on k.environment = h.environment and k.id = h.api_key_id
                 where h.environment = $1 and h.permission = $2
                 order by k.id for update of k"
            ))
            .bind(permission)
            .values()
            .await?
        }
    };
    if held.is_empty() {
        return Ok(Vec::new());
    }
    db.query(sql!("select ", columns!(), " from api_keys k where k.environment = $1 and k.id = any($2) order by k.id"))
        .bind(&held)
        .all()
        .await
}

/// A page of the keys of an organization itself.
pub async fn list_of_organization(
    db: &mut Db,
    organization: &OrganizationId,
    page: &Page<ApiKeyKind>,
) -> Result<List<ApiKey>> {
    db.page(
        page_sql!(
            "select ",
            columns!(),
            " from api_keys k where k.environment = $1 and k.organization_id = $5 and k.user_id is null";
            "k.id"
        ),
        page,
    )
    .bind(organization)
    .list(|key: &ApiKey| key.id.as_str())
    .await
}

/// A page of the keys of a user, in one organization or in all.
pub async fn list_of_user(
    db: &mut Db,
    user: &UserId,
    organization: Option<&OrganizationId>,
    page: &Page<ApiKeyKind>,
) -> Result<List<ApiKey>> {
    db.page(
        page_sql!(
            "select ",
            columns!(),
            " from api_keys k
              where k.environment = $1 and k.user_id = $5 and ($6::text is null or k.organization_id = $6)";
            "k.id"
        ),
        page,
    )
    .bind(user)
    .bind(organization)
    .list(|key: &ApiKey| key.id.as_str())
    .await
}

/// A new key.
#[derive(Debug)]
pub struct New<'n> {
    /// Its id.
    pub id: &'n ApiKeyId,
    /// For whom it speaks.
    pub owner: &'n Owner,
    /// What people call it.
    pub name: &'n str,
    /// The hash of its value.
    pub hash: &'n [u8; 32],
    /// Enough of the value to recognise it.
    pub obfuscated_value: &'n str,
    /// From when on it is not valid.
    pub expires_at: Option<Timestamp>,
    /// What it allows.
    pub permissions: &'n [PermissionKey],
}

/// Writes a new key. The caller holds its organization, its permissions, and the membership of its user.
pub async fn insert(db: &mut Db, new: New<'_>, now: Timestamp) -> Result<()> {
    db.query(sql!(
        "with k as (
             insert into api_keys (environment, id, organization_id, user_id, name, hash, obfuscated, expires_at,
                                   created_at, updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
             returning environment, id)
         insert into api_key_permissions (environment, api_key_id, permission)
         select k.environment, k.id, unnest($10::integer[]) from k"
    ))
    .bind(new.id)
    .bind(new.owner.organization())
    .bind(new.owner.user())
    .bind(new.name)
    .bind(&new.hash[..])
    .bind(new.obfuscated_value)
    .bind(new.expires_at)
    .bind(now)
    .bind(new.permissions)
    .run()
    .await
    .map(drop)
    .on_constraint("api_keys_pkey", || already_exists("An API key with this id already exists."))
    .on_constraint("api_keys_hash_key", || already_exists("An API key with this value already exists."))
}

fn already_exists(message: &'static str) -> Error {
    Error::conflict("api_key_already_exists", message)
}

/// Writes until when a key is valid.
pub async fn update(db: &mut Db, key: &ApiKey) -> Result<()> {
    db.query(sql!("update api_keys set expires_at = $3, updated_at = $4 where environment = $1 and id = $2"))
        .bind(&key.id)
        .bind(key.expires_at)
        .bind(key.updated_at)
        .run()
        .await
        .map(drop)
}

/// Takes a permission from every key, and notes of these keys that they were changed at this moment.
pub async fn delete_permission(
    db: &mut Db,
    permission: PermissionKey,
    keys: &[&ApiKeyId],
    now: Timestamp,
) -> Result<()> {
    db.query(sql!(
        "with gone as (delete from api_key_permissions where environment = $1 and permission = $2)
         update api_keys set updated_at = $4 where environment = $1 and id = any($3)"
    ))
    .bind(permission)
    .bind(keys)
    .bind(now)
    .run()
    .await
    .map(drop)
}

/// Removes these keys.
pub async fn delete(db: &mut Db, ids: &[&ApiKeyId]) -> Result<()> {
    db.query(sql!("delete from api_keys where environment = $1 and id = any($2)")).bind(ids).run().await.map(drop)
}
