//! Groups and their members.

use sqlx::FromRow;

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{GroupId, GroupKind, OrganizationId, OrganizationMembershipId, OrganizationMembershipKind};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::groups::{Belonging, Group};
use crate::model::keys::SubjectKey;
use crate::model::organization_memberships::Member;
use crate::{page_sql, sql};

macro_rules! columns {
    () => {
        "g.id, g.subject, g.organization_id, g.name, g.description, g.created_at, g.updated_at"
    };
}

/// The group of this organization that must be there.
pub async fn get(db: &mut Db, organization: &OrganizationId, id: &GroupId) -> Result<Group> {
    db.query(sql!(
        "select ",
        columns!(),
        " from groups g where g.environment = $1 and g.organization_id = $2 and g.id = $3"
    ))
    .bind(organization)
    .bind(id)
    .find()
    .await?
    .ok_or_else(|| Error::missing(id))
}

/// The group of this id, in whatever organization. It must be there.
pub async fn get_by_id(db: &mut Db, id: &GroupId) -> Result<Group> {
    db.query(sql!("select ", columns!(), " from groups g where g.environment = $1 and g.id = $2"))
        .bind(id)
        .find()
        .await?
        .ok_or_else(|| Error::missing(id))
}

/// Holds the group against deletion, and against everybody else who changes its roles, until the transaction ends.
/// Members may come and go meanwhile. Whether there is one.
pub async fn lock_roles(db: &mut Db, id: &GroupId) -> Result<bool> {
    db.query(sql!("select true from groups where environment = $1 and id = $2 for no key update"))
        .bind(id)
        .find_value()
        .await
        .map(|found| found.unwrap_or(false))
}

/// The group of this organization, held against every other use until the transaction ends.
pub async fn lock(db: &mut Db, organization: &OrganizationId, id: &GroupId) -> Result<Group> {
    db.query(sql!(
        "select ",
        columns!(),
        " from groups g where g.environment = $1 and g.organization_id = $2 and g.id = $3 for update"
    ))
    .bind(organization)
    .bind(id)
    .find()
    .await?
    .ok_or_else(|| Error::missing(id))
}

/// The group of this organization, which cannot be deleted until the transaction ends.
pub async fn hold(db: &mut Db, organization: &OrganizationId, id: &GroupId) -> Result<Group> {
    db.query(sql!(
        "select ",
        columns!(),
        " from groups g where g.environment = $1 and g.organization_id = $2 and g.id = $3 for key share"
    ))
    .bind(organization)
    .bind(id)
    .find()
    .await?
    .ok_or_else(|| Error::missing(id))
}

/// All groups of an organization, oldest first, held against every other use until the transaction ends.
pub async fn lock_all(db: &mut Db, organization: &OrganizationId) -> Result<Vec<Group>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from groups g where g.environment = $1 and g.organization_id = $2 order by g.id for update"
    ))
    .bind(organization)
    .all()
    .await
}

/// A page of the groups of an organization.
pub async fn list(db: &mut Db, organization: &OrganizationId, page: &Page<GroupKind>) -> Result<List<Group>> {
    db.page(
        page_sql!(
            "select ",
            columns!(),
            " from groups g where g.environment = $1 and g.organization_id = $5";
            "g.id"
        ),
        page,
    )
    .bind(organization)
    .list(|group: &Group| group.id.as_str())
    .await
}

/// The groups of an organization of exactly this name: it need not be unique.
pub async fn list_by_name(db: &mut Db, organization: &OrganizationId, name: &str) -> Result<Vec<Group>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from groups g where g.environment = $1 and g.organization_id = $2 and g.name = $3 order by g.id"
    ))
    .bind(organization)
    .bind(name)
    .all()
    .await
}

/// The memberships in a group, in the order of their ids.
pub async fn list_member_ids(db: &mut Db, group: SubjectKey) -> Result<Vec<OrganizationMembershipId>> {
    db.query(sql!(
        "select organization_membership_id from group_members where environment = $1 and group_subject = $2
         order by organization_membership_id"
    ))
    .bind(group)
    .values()
    .await
}

/// A page of the groups that a membership is in.
pub async fn list_of_membership(
    db: &mut Db,
    membership: &OrganizationMembershipId,
    page: &Page<GroupKind>,
) -> Result<List<Group>> {
    db.page(
        page_sql!(
            "select ",
            columns!(),
            " from organization_memberships m
             join group_members b on b.membership_subject = m.subject
             join groups g on g.environment = $1 and g.subject = b.group_subject
             where m.environment = $1 and m.id = $5";
            "g.id"
        ),
        page,
    )
    .bind(membership)
    .list(|group: &Group| group.id.as_str())
    .await
}

/// A page of the members of a group.
pub async fn list_members(
    db: &mut Db,
    group: SubjectKey,
    page: &Page<OrganizationMembershipKind>,
) -> Result<List<Member>> {
    db.page(
        page_sql!(
            "select m.id as membership_id, m.user_id, m.organization_id, o.name as organization_name, m.status,
                    m.directory_managed, m.custom_attributes, m.created_at as membership_created_at,
                    m.updated_at as membership_updated_at,
                    u.id, u.email, u.email_verified, u.first_name, u.last_name, u.name, u.profile_picture_url,
                    u.external_id, u.metadata, u.last_sign_in_at, u.locale, u.created_at, u.updated_at
             from group_members b
             join organization_memberships m on m.environment = $1 and m.subject = b.membership_subject
             join users u on u.environment = m.environment and u.id = m.user_id
             join organizations o on o.environment = m.environment and o.id = m.organization_id
             where b.environment = $1 and b.group_subject = $5";
            "b.organization_membership_id"
        ),
        page,
    )
    .bind(group)
    .list(|member: &Member| member.id.as_str())
    .await
}

/// A new group.
#[derive(Debug)]
pub struct New<'n> {
    /// Its id.
    pub id: &'n GroupId,
    /// The organization.
    pub organization_id: &'n OrganizationId,
    /// What people call it.
    pub name: &'n str,
    /// What it is for.
    pub description: Option<&'n str>,
}

/// Writes a new group.
pub async fn insert(db: &mut Db, new: New<'_>, now: Timestamp) -> Result<Group> {
    db.query(sql!(
        "insert into groups as g (environment, id, organization_id, name, description, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $6)
         returning ",
        columns!()
    ))
    .bind(new.id)
    .bind(new.organization_id)
    .bind(new.name)
    .bind(new.description)
    .bind(now)
    .one()
    .await
    .on_constraint("groups_pkey", || Error::conflict("group_already_exists", "A group with this id already exists."))
}

/// Writes a changed group.
pub async fn update(db: &mut Db, group: &Group) -> Result<()> {
    db.query(sql!("update groups set name = $3, description = $4, updated_at = $5 where environment = $1 and id = $2"))
        .bind(&group.id)
        .bind(&group.name)
        .bind(group.description.as_deref())
        .bind(group.updated_at)
        .run()
        .await
        .map(drop)
}

/// Removes these groups, and takes everybody out of them.
pub async fn delete(db: &mut Db, ids: &[&GroupId]) -> Result<()> {
    db.query(sql!("delete from groups where environment = $1 and id = any($2)")).bind(ids).run().await.map(drop)
}

/// A membership that is put into a group or taken out of it.
#[derive(Debug, FromRow)]
pub struct Candidate {
    /// The membership.
    pub id: OrganizationMembershipId,
    /// The number by which groups know it.
    pub subject: SubjectKey,
    /// Its organization.
    pub organization_id: OrganizationId,
}

/// Those of these memberships that there are, held until the transaction ends, so that nobody deletes them or puts them
/// into other groups meanwhile.
pub async fn lock_candidates(db: &mut Db, ids: &[&OrganizationMembershipId]) -> Result<Vec<Candidate>> {
    db.query(sql!(
        "select id, subject, organization_id from organization_memberships
         where environment = $1 and id = any($2) order by id for no key update"
    ))
    .bind(ids)
    .all()
    .await
}

/// Puts these memberships into a group; those that were not in it yet, oldest first.
pub async fn insert_members(
    db: &mut Db,
    group: SubjectKey,
    members: &[SubjectKey],
    now: Timestamp,
) -> Result<Vec<OrganizationMembershipId>> {
    db.query(sql!(
        "with new as (
             insert into group_members
                 (environment, membership_subject, group_subject, organization_membership_id, created_at)
             select $1, m.subject, $2, m.id, $4
             from organization_memberships m where m.environment = $1 and m.subject = any($3::bigint[])
             order by m.id
             on conflict on constraint group_members_pkey do nothing
             returning organization_membership_id)
         select organization_membership_id from new order by organization_membership_id"
    ))
    .bind(group)
    .bind(members)
    .bind(now)
    .values()
    .await
}

/// Whether any of these memberships is in more groups than this. The caller holds them.
pub async fn is_any_in_more_than(db: &mut Db, members: &[SubjectKey], most: i64) -> Result<bool> {
    db.query(sql!(
        "select exists (
             select from group_members where environment = $1 and membership_subject = any($2::bigint[])
             group by membership_subject having count(*) > $3)"
    ))
    .bind(members)
    .bind(most)
    .value()
    .await
}

/// Takes these memberships out of a group; those that were in it, oldest first.
pub async fn delete_members(
    db: &mut Db,
    group: SubjectKey,
    members: &[SubjectKey],
) -> Result<Vec<OrganizationMembershipId>> {
    db.query(sql!(
        "with gone as (
             delete from group_members
             where environment = $1 and group_subject = $2 and membership_subject = any($3::bigint[])
             returning organization_membership_id)
         select organization_membership_id from gone order by organization_membership_id"
    ))
    .bind(group)
    .bind(members)
    .values()
    .await
}

/// Takes these memberships out of every group that they are in; in which each was.
pub async fn delete_of_members(db: &mut Db, members: &[SubjectKey]) -> Result<Vec<Belonging>> {
    db.query(sql!(
        "with gone as (
             delete from group_members where environment = $1 and membership_subject = any($2::bigint[])
             returning group_subject, organization_membership_id)
         select g.id as group_id, gone.organization_membership_id, g.organization_id
         from gone join groups g on g.environment = $1 and g.subject = gone.group_subject
         order by gone.organization_membership_id, g.id"
    ))
    .bind(members)
    .all()
    .await
}
