//! Lists of role assignments: a membership's, a group's, and those on a resource.
//!
//! Their order is that of the rows' keys, which rise as assignments are made. What a group was given stands in the lists of
//! its members and of the resource, although it is one row: within that row's place, the members come in the order of
//! their ids. No page costs more for what lies beside it: each stream is read from an index, as far as a page reaches.

use sqlx::FromRow;

use super::targets::Target;
use crate::db::Db;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{
    GroupId, GroupRoleAssignmentId, GroupRoleAssignmentKind, Id, Kind, OrganizationMembershipId, RoleAssignmentKind,
};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::groups::Group;
use crate::model::keys::ResourceKey;
use crate::model::organization_memberships::RoleReference;
use crate::model::role_assignments::{
    AssignedResource, GroupRoleAssignment, Holder, RoleAssignment, Source, SourceGroup, derivation, derived_id,
};
use crate::sql;

/// A place in the order of assignments, of which a page is what lies between two.
#[derive(Debug, Clone)]
struct Place {
    key: i64,
    /// Among the members of a group; empty before all of them.
    member: String,
}

/// Greater than every id in the "C" collation.
const TOP: &str = "\u{10FFFF}";

impl Place {
    fn new(key: i64, member: &str) -> Self {
        Self { key, member: member.to_owned() }
    }
}

/// The places between which a page lies, both excluded.
///
/// A cursor is an id. Its row's place is where the page begins; if the row is gone, that of the row made before it, for
/// ids rise as keys do.
async fn bounds<K: Kind>(
    db: &mut Db,
    page: &Page<K>,
    named: impl Fn(&Id<K>) -> (String, Option<OrganizationMembershipId>),
) -> Result<(Place, Place)> {
    let (low, high) = page.bounds();
    let mut places = (Place::new(0, ""), Place::new(i64::MAX, ""));
    if let Some(cursor) = low {
        let (id, member) = named(cursor);
        let member = member.as_ref().map_or(TOP, Id::as_str);
        places.0 = match find_key(db, &id).await? {
            Some((key, true)) => Place::new(key, member),
            Some((key, false)) => Place::new(key, TOP),
            None => places.0,
        };
    }
    if let Some(cursor) = high {
        let (id, member) = named(cursor);
        let member = member.as_ref().map_or("", Id::as_str);
        places.1 = match find_key(db, &id).await? {
            Some((key, true)) => Place::new(key, member),
            Some((key, false)) => Place::new(key.saturating_add(1), ""),
            None => Place::new(0, ""),
        };
    }
    Ok(places)
}

/// The key of the row of this id, or of the last one of its kind made before; and whether it is that row itself.
async fn find_key(db: &mut Db, id: &str) -> Result<Option<(i64, bool)>> {
    let kind = if id.starts_with("gra_") { GroupRoleAssignmentKind::PREFIX } else { RoleAssignmentKind::PREFIX };
    db.query(sql!(
        "select key, id = $2 as is_it from role_assignments
         where environment = $1 and id <= $2 and id > $3 order by id desc limit 1"
    ))
    .bind(id)
    .bind(kind)
    .find()
    .await
}

/// What a cursor of a membership's or a resource's list names: a row, and the member of the group that the row is of.
fn named(cursor: &Id<RoleAssignmentKind>) -> (String, Option<OrganizationMembershipId>) {
    match derivation(cursor) {
        Some((assignment, membership)) => (assignment.as_str().to_owned(), Some(membership)),
        None => (cursor.as_str().to_owned(), None),
    }
}

/// What assignments `a` show, with what `joined` adds.
macro_rules! columns {
    () => {
        "a.id, r.slug as role_slug, e.id as resource_id,
         coalesce(e.external_id, o.external_id, o.id) as resource_external_id, t.slug as resource_type_slug, a.created_at"
    };
}

/// The role `r` of an assignment `a` and its resource `e`, with the organization `o` and the type `t` of that.
macro_rules! joined {
    () => {
        " join roles r on r.key = a.role
          join resources e on e.key = a.resource
          join organizations o on o.environment = e.environment and o.id = e.organization_id
          join resource_types t on t.environment = e.environment and t.key = e.type"
    };
}

// The assignments of the membership of subject `$2` and of each of its groups, so many of each, merged.
macro_rules! of_membership_begin {
    () => {
        concat!(
            "select $6::text as organization_membership_id, g.id as group_id, g.name as group_name, ",
            columns!(),
            " from (
                  select u.*
                  from (select $2::bigint
                        union all
                        select b.group_subject from group_members b
                        where b.environment = $1 and b.membership_subject = $2) as s (subject)
                  cross join lateral (
                      select x.key, x.id, x.subject, x.role, x.resource, x.created_at from role_assignments x
                      where x.environment = $1 and x.subject = s.subject and x.key > $3 and x.key < $4"
        )
    };
}

macro_rules! of_membership_end {
    ($direction:literal) => {
        concat!(
            " order by x.key ",
            $direction,
            " limit $5) as u order by u.key ",
            $direction,
            " limit $5) as a",
            joined!(),
            " left join groups g on g.environment = $1 and g.subject = a.subject order by a.key ",
            $direction
        )
    };
}

/// Those on some resources: found by the resource, so many as the roles on it.
macro_rules! on_resources {
    ($direction:literal) => {
        concat!(of_membership_begin!(), " and x.resource = any($7)", of_membership_end!($direction))
    };
}

/// Those on resources of a type, or on all: looked for in their order.
macro_rules! on_types {
    ($direction:literal) => {
        concat!(
            of_membership_begin!(),
            " and ($7::text is null or (
                  select k.slug = $7 from resources p
                  join resource_types k on k.environment = p.environment and k.key = p.type
                  where p.key = x.resource))",
            of_membership_end!($direction)
        )
    };
}

#[derive(FromRow)]
struct Row {
    id: String,
    organization_membership_id: OrganizationMembershipId,
    group_id: Option<GroupId>,
    group_name: Option<String>,
    role_slug: String,
    #[sqlx(flatten)]
    resource: AssignedResource,
    created_at: Timestamp,
}

impl From<Row> for RoleAssignment {
    fn from(row: Row) -> Self {
        let membership = row.organization_membership_id;
        let (id, source) = match row.group_id.zip(row.group_name) {
            None => (Id::verbatim(&row.id), Source::direct()),
            Some((id, name)) => {
                let assignment = GroupRoleAssignmentId::verbatim(&row.id);
                let derived = derived_id(&assignment, &membership);
                (derived, Source::group(assignment, SourceGroup { id, name }))
            }
        };
        Self {
            id,
            organization_membership_id: membership,
            role: RoleReference { slug: row.role_slug },
            resource: row.resource,
            source,
            created_at: row.created_at,
            updated_at: row.created_at,
        }
    }
}

/// The page of these rows.
fn listed(page: &Page<RoleAssignmentKind>, rows: Vec<Row>) -> List<RoleAssignment> {
    page.list(rows.into_iter().map(RoleAssignment::from).collect(), |assignment| assignment.id.as_str())
}

/// A page of the assignments of a membership, those on some resources only if there are keys: its own, and what its
/// groups have.
pub async fn of_membership(
    db: &mut Db,
    holder: &Holder,
    (resources, type_slug): (Option<&[ResourceKey]>, Option<&str>),
    page: &Page<RoleAssignmentKind>,
) -> Result<List<RoleAssignment>> {
    let (low, high) = bounds(db, page, named).await?;
    let scan = page.scan();
    let sql = match (resources.is_some(), scan.ascending) {
        (true, true) => sql!(on_resources!("asc")),
        (true, false) => sql!(on_resources!("desc")),
        (false, true) => sql!(on_types!("asc")),
        (false, false) => sql!(on_types!("desc")),
    };
    let statement = db.query(sql).bind(holder.subject).bind(low.key).bind(high.key).bind(scan.rows).bind(&holder.id);
    let statement = match resources {
        Some(keys) => statement.bind(keys),
        None => statement.bind(type_slug),
    };
    Ok(listed(page, statement.all().await?))
}

// The assignments on resource `$2`. They are read role by role, for the roles that can be given there are few, in the
// order of keys; `$5` leaves one role. A group's row counts only if somebody is in the group, so that as many rows as
// the page has, and one at either end of which the page begins or ends within, are always enough. That somebody is in it is
// asked in an order only because that has an index; without, a table full of one group's members is read from its start.
macro_rules! on_resource {
    ($direction:literal) => {
        concat!(
            "select member.id as organization_membership_id, g.id as group_id, g.name as group_name, ",
            columns!(),
            " from (
                  select u.*
                  from (select k.key, k.slug from roles k
                        where k.environment = $1 and k.organization_id is null and k.resource_type = $3
                        union all
                        select k.key, k.slug from roles k
                        where k.environment = $1 and k.organization_id = $4 and k.resource_type = $3) as k
                  cross join lateral (
                      select x.key, x.id, x.subject, x.role, x.resource, x.created_at from role_assignments x
                      where x.environment = $1 and x.resource = $2 and x.role = k.key and x.key >= $6 and x.key <= $8
                        and (not x.id ^@ 'gra_'
                             or (select true from group_members b where b.group_subject = x.subject
                                 order by b.organization_membership_id limit 1))
                      order by x.key ",
            $direction,
            " limit $10 + 2) as u
                  where $5::text is null or k.slug = $5
                  order by u.key ",
            $direction,
            " limit $10 + 2) as a
              left join groups g on a.id ^@ 'gra_' and g.environment = $1 and g.subject = a.subject
              cross join lateral (
                  select m.id from organization_memberships m
                  where not a.id ^@ 'gra_' and m.environment = $1 and m.subject = a.subject
                    and (a.key, m.id) > ($6, $7) and (a.key, m.id) < ($8, $9)
                  union all
                  (select b.organization_membership_id from group_members b
                   where a.id ^@ 'gra_' and b.environment = $1 and b.group_subject = a.subject
                     and b.organization_membership_id > case when a.key = $6 then $7 else '' end
                     and b.organization_membership_id < case when a.key = $8 then $9 else chr(1114111) end
                   order by b.organization_membership_id ",
            $direction,
            " limit $10)) as member",
            joined!(),
            " order by a.key ",
            $direction,
            ", member.id ",
            $direction,
            " limit $10"
        )
    };
}

/// A page of the assignments on a resource, not of those above it; of one role, if it is named.
pub async fn on_resource(
    db: &mut Db,
    target: &Target,
    role_slug: Option<&str>,
    page: &Page<RoleAssignmentKind>,
) -> Result<List<RoleAssignment>> {
    let (low, high) = bounds(db, page, named).await?;
    let scan = page.scan();
    let sql = if scan.ascending { sql!(on_resource!("asc")) } else { sql!(on_resource!("desc")) };
    let rows = db
        .query(sql)
        .bind(target.key)
        .bind(target.resource_type)
        .bind(&target.organization_id)
        .bind(role_slug)
        .bind(low.key)
        .bind(&low.member)
        .bind(high.key)
        .bind(&high.member)
        .bind(scan.rows)
        .all()
        .await?;
    Ok(listed(page, rows))
}

#[derive(FromRow)]
struct GroupRow {
    id: GroupRoleAssignmentId,
    role_slug: String,
    #[sqlx(flatten)]
    resource: AssignedResource,
    created_at: Timestamp,
}

impl GroupRow {
    fn of(self, group: &Group) -> GroupRoleAssignment {
        GroupRoleAssignment {
            id: self.id,
            group_id: group.id.clone(),
            role: RoleReference { slug: self.role_slug },
            resource: self.resource,
            created_at: self.created_at,
            updated_at: self.created_at,
        }
    }
}

macro_rules! of_group {
    ($direction:literal) => {
        concat!(
            "select ",
            columns!(),
            " from (
                  select x.key, x.id, x.role, x.resource, x.created_at from role_assignments x
                  where x.environment = $1 and x.subject = $2 and x.key > $3 and x.key < $4
                  order by x.key ",
            $direction,
            " limit $5) as a",
            joined!(),
            " order by a.key ",
            $direction
        )
    };
}

/// A page of the assignments of a group.
pub async fn of_group(
    db: &mut Db,
    group: &Group,
    page: &Page<GroupRoleAssignmentKind>,
) -> Result<List<GroupRoleAssignment>> {
    let (low, high) = bounds(db, page, |cursor| (cursor.as_str().to_owned(), None)).await?;
    let scan = page.scan();
    let sql = if scan.ascending { sql!(of_group!("asc")) } else { sql!(of_group!("desc")) };
    let rows: Vec<GroupRow> =
        db.query(sql).bind(group.subject).bind(low.key).bind(high.key).bind(scan.rows).all().await?;
    Ok(page.list(rows, |row| row.id.as_str()).map(|row| row.of(group)))
}

/// All assignments of a group, newest first. A group has a bounded number of them.
pub async fn all_of_group(db: &mut Db, group: &Group) -> Result<Vec<GroupRoleAssignment>> {
    let rows: Vec<GroupRow> =
        db.query(sql!(of_group!("desc"))).bind(group.subject).bind(0_i64).bind(i64::MAX).bind(i64::MAX).all().await?;
    Ok(rows.into_iter().map(|row| row.of(group)).collect())
}

/// The assignment of this id that a group must have.
pub async fn get_of_group(db: &mut Db, group: &Group, id: &GroupRoleAssignmentId) -> Result<GroupRoleAssignment> {
    let row: Option<GroupRow> = db
        .query(sql!(
            "select ",
            columns!(),
            " from role_assignments a",
            joined!(),
            " where a.environment = $1 and a.subject = $2 and a.id = $3"
        ))
        .bind(group.subject)
        .bind(id)
        .find()
        .await?;
    row.map(|row| row.of(group)).ok_or_else(|| Error::missing(id))
}
