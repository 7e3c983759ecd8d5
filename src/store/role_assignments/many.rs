//! Very many role assignments at a time: what a file names, and what is written into one.
//!
//! Statements are bounded by whoever calls them: [`AT_ONCE`].

use sqlx::FromRow;

use crate::db::Db;
use crate::kernel::Result;
use crate::model::keys::SubjectKey;
use crate::sql;

use super::New;

/// So many assignments go into one statement.
pub const AT_ONCE: usize = 1000;

/// An assignment that was looked for.
#[derive(Debug, FromRow)]
pub struct Found {
    /// The place, from 1 on, of what it was found by.
    pub place: i64,
    /// Its id.
    pub id: String,
    /// Whether it is the same subject's, of the same role and on the same resource: otherwise it has the same id only.
    pub is_same: bool,
}

/// The assignments that are there of these, and those that have their ids: none, one or two for each. What has no id yet
/// has an empty one.
pub async fn find_all(db: &mut Db, wanted: &[New<'_>]) -> Result<Vec<Found>> {
    let ids: Vec<_> = wanted.iter().map(|one| one.id).collect();
    let subjects: Vec<_> = wanted.iter().map(|one| one.subject).collect();
    let (roles, resources): (Vec<_>, Vec<_>) = wanted.iter().map(|one| (one.role, one.resource)).unzip();
    db.query(sql!(
        "select n.place, a.id, (a.subject, a.role, a.resource) = (n.subject, n.role, n.resource) as is_same
         from unnest($2::text[], $3::bigint[], $4::integer[], $5::bigint[]) with ordinality
              as n (id, subject, role, resource, place)
         cross join lateral (
             select e.key from role_assignments e
             where e.environment = $1 and e.subject = n.subject and e.resource = n.resource and e.role = n.role
             union
             select e.key from role_assignments e where e.environment = $1 and e.id = n.id) as found
         join role_assignments a on a.key = found.key"
    ))
    .bind(ids)
    .bind(subjects)
    .bind(roles)
    .bind(resources)
    .all()
    .await
}

/// Those of these subjects that have more assignments than this.
pub async fn list_with_more_than(db: &mut Db, subjects: &[SubjectKey], most: i64) -> Result<Vec<SubjectKey>> {
    db.query(sql!(
        "select s.subject from unnest($2::bigint[]) as s (subject)
         where (select count(*) from role_assignments a where a.environment = $1 and a.subject = s.subject) > $3
         order by s.subject"
    ))
    .bind(subjects)
    .bind(most)
    .values()
    .await
}

/// An assignment, as a file names it.
#[derive(Debug, FromRow)]
pub struct Listed {
    /// The place, from 1 on, of its subject among those that were asked for.
    pub place: i64,
    /// The key, after which the next ones of the subject come.
    pub key: i64,
    /// Its id.
    pub id: String,
    /// The role.
    pub role_slug: String,
    /// The type of the resource.
    pub resource_type_slug: String,
    /// What the application calls the resource; nothing if it is the root of the organization's tree.
    pub resource_external_id: Option<String>,
}

/// So many assignments of each of these subjects at most, those after a key, in the order of their making.
pub async fn list_after(db: &mut Db, subjects: &[(SubjectKey, i64)], most: usize) -> Result<Vec<Listed>> {
    let (subjects, keys): (Vec<_>, Vec<_>) = subjects.iter().copied().unzip();
    db.query(sql!(
        "select s.place, a.key, a.id, r.slug as role_slug, t.slug as resource_type_slug,
                e.external_id as resource_external_id
         from unnest($2::bigint[], $3::bigint[]) with ordinality as s (subject, key, place)
         cross join lateral (
             select x.key, x.id, x.role, x.resource from role_assignments x
             where x.environment = $1 and x.subject = s.subject and x.key > s.key
             order by x.key limit $4) as a
         join roles r on r.environment = $1 and r.key = a.role
         join resources e on e.key = a.resource
         join resource_types t on t.environment = $1 and t.key = e.type
         order by s.place, a.key"
    ))
    .bind(subjects)
    .bind(keys)
    .bind(i64::try_from(most).unwrap_or(i64::MAX))
    .all()
    .await
}
