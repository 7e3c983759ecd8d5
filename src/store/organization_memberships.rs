//! Organization memberships, with their users and the roles that they have in their organization.

use crate::db::{Db, OnConstraint};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OrganizationId, OrganizationMembershipId, OrganizationMembershipKind, UserId};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::authentication::{Choice, Standing};
use crate::model::keys::{RoleKey, SubjectKey};
use crate::model::organization_memberships::{OrganizationMembership, Status};
use crate::model::role_assignments::Holder;
use crate::{page_sql, sql};

/// Memberships `m` with everything that they show.
macro_rules! select {
    () => {
        "select m.id, m.subject, m.user_id, m.organization_id, o.name as organization_name, m.status,
                m.directory_managed, m.custom_attributes, coalesce(held.roles, '[]') as roles,
                json_build_object(
                    'object', 'user', 'id', u.id, 'email', u.email, 'email_verified', u.email_verified,
                    'first_name', u.first_name, 'last_name', u.last_name, 'name', u.name,
                    'profile_picture_url', u.profile_picture_url, 'external_id', u.external_id,
                    'metadata', u.metadata, 'last_sign_in_at', u.last_sign_in_at, 'locale', u.locale,
                    'created_at', u.created_at, 'updated_at', u.updated_at) as user,
                m.created_at, m.updated_at
         from organization_memberships m
         join users u on u.environment = m.environment and u.id = m.user_id
         join organizations o on o.environment = m.environment and o.id = m.organization_id
         left join lateral (
             select json_agg(json_build_object('slug', r.slug) order by ro.priority nulls last, r.priority, r.key)
                    as roles
             from resources root
             join role_assignments a on a.resource = root.key and a.subject = m.subject
             join roles r on r.key = a.role
             left join organization_role_orders ro
               on ro.environment = m.environment and ro.organization_id = m.organization_id and ro.role = r.key
             where root.environment = m.environment and root.organization_id = m.organization_id
               and root.parent is null) held on true
         where m.environment = $1 "
    };
}

/// Which memberships a list shows.
#[derive(Debug)]
pub struct Filter {
    /// Those of this user.
    pub user: Option<UserId>,
    /// Those in this organization.
    pub organization: Option<OrganizationId>,
    /// Those of any of these statuses.
    pub statuses: Vec<Status>,
}

/// Whose memberships: all of one user, or all in one organization.
#[derive(Debug, Clone, Copy)]
pub enum Owner<'o> {
    /// Of this user.
    User(&'o UserId),
    /// In this organization.
    Organization(&'o OrganizationId),
}

impl<'o> Owner<'o> {
    fn ids(self) -> (Option<&'o UserId>, Option<&'o OrganizationId>) {
        match self {
            Self::User(id) => (Some(id), None),
            Self::Organization(id) => (None, Some(id)),
        }
    }
}

/// The membership, if there is one of this id.
pub async fn find(db: &mut Db, id: &OrganizationMembershipId) -> Result<Option<OrganizationMembership>> {
    db.query(sql!(select!(), "and m.id = $2")).bind(id).find().await
}

/// The membership that must be there.
pub async fn get(db: &mut Db, id: &OrganizationMembershipId) -> Result<OrganizationMembership> {
    find(db, id).await?.ok_or_else(|| Error::missing(id))
}

/// What the rows of a membership's assignments know it by, which never changes. It must be there.
pub async fn get_holder(db: &mut Db, id: &OrganizationMembershipId) -> Result<Holder> {
    db.query(sql!(
        "select id, subject, organization_id from organization_memberships where environment = $1 and id = $2"
    ))
    .bind(id)
    .find()
    .await?
    .ok_or_else(|| Error::missing(id))
}

/// Whether there is such a membership. If so it cannot be deleted until the transaction ends.
pub async fn hold(db: &mut Db, id: &OrganizationMembershipId) -> Result<bool> {
    db.query(sql!("select true from organization_memberships where environment = $1 and id = $2 for key share"))
        .bind(id)
        .find_value()
        .await
        .map(|found| found.unwrap_or(false))
}

/// Those of these memberships that there are, which cannot be deleted until the transaction ends.
pub async fn hold_all(db: &mut Db, subjects: &[SubjectKey]) -> Result<Vec<SubjectKey>> {
    db.query(sql!(
        "select subject from organization_memberships
         where environment = $1 and subject = any($2::bigint[]) order by id for key share"
    ))
    .bind(subjects)
    .values()
    .await
}

/// The membership of this user in this organization, if there is one.
pub async fn find_of(
    db: &mut Db,
    user: &UserId,
    organization: &OrganizationId,
) -> Result<Option<OrganizationMembership>> {
    db.query(sql!(select!(), "and m.user_id = $2 and m.organization_id = $3"))
        .bind(user)
        .bind(organization)
        .find()
        .await
}

/// A page of memberships.
pub async fn list(
    db: &mut Db,
    filter: &Filter,
    page: &Page<OrganizationMembershipKind>,
) -> Result<List<OrganizationMembership>> {
    db.page(
        page_sql!(
            select!(),
            "and ($5::text is null or m.user_id = $5) and ($6::text is null or m.organization_id = $6)
             and m.status = any($7::text[])";
            "m.id"
        ),
        page,
    )
    .bind(filter.user.as_ref())
    .bind(filter.organization.as_ref())
    .bind(&filter.statuses)
    .list(|membership: &OrganizationMembership| membership.id.as_str())
    .await
}

/// The membership, held against other changes until the transaction ends.
///
/// Held first and read then: a statement that had to wait would show the roles from before it waited.
pub async fn lock(db: &mut Db, id: &OrganizationMembershipId) -> Result<OrganizationMembership> {
    let held: Option<bool> = db
        .query(sql!("select true from organization_memberships where environment = $1 and id = $2 for update"))
        .bind(id)
        .find_value()
        .await?;
    if held.is_some() { get(db, id).await } else { Err(Error::missing(id)) }
}

/// All memberships of one owner, whatever their status, oldest first, held against other changes until the transaction
/// ends.
pub async fn lock_all(db: &mut Db, owner: Owner<'_>) -> Result<Vec<OrganizationMembership>> {
    let (user, organization) = owner.ids();
    let held: Vec<OrganizationMembershipId> = db
        .query(sql!(
            "select id from organization_memberships
             where environment = $1 and (user_id = $2 or organization_id = $3) order by id for update"
        ))
        .bind(user)
        .bind(organization)
        .values()
        .await?;
    db.query(sql!(select!(), "and m.id = any($2) order by m.id")).bind(&held).all().await
}

/// The membership of this user in this organization, if there is one, held against other changes until the transaction
/// ends.
pub async fn lock_of(
    db: &mut Db,
    user: &UserId,
    organization: &OrganizationId,
) -> Result<Option<OrganizationMembership>> {
    let held: Option<OrganizationMembershipId> = db
        .query(sql!(
            "select id from organization_memberships
             where environment = $1 and user_id = $2 and organization_id = $3 for update"
        ))
        .bind(user)
        .bind(organization)
        .find_value()
        .await?;
    match held {
        Some(id) => find(db, &id).await,
        None => Ok(None),
    }
}

/// Holds the memberships that have a role in their organization against other changes until the transaction ends.
pub async fn lock_having(db: &mut Db, role: RoleKey) -> Result<()> {
    db.query(sql!(
        "select true
         from role_assignments a
         join resources root on root.key = a.resource and root.parent is null
         join organization_memberships m on m.environment = $1 and m.subject = a.subject
         where a.environment = $1 and a.role = $2
         order by m.id for update of m"
    ))
    .bind(role)
    .run()
    .await
    .map(drop)
}

/// Holds the memberships that have several roles in their organization against other changes until the transaction ends.
pub async fn lock_having_several_roles(db: &mut Db) -> Result<()> {
    db.query(sql!(
        "select true from organization_memberships m
         where m.environment = $1
           and 1 < (select count(*) from role_assignments a
                    join resources root on root.key = a.resource and root.parent is null
                    where a.subject = m.subject)
         order by m.id for update"
    ))
    .run()
    .await
    .map(drop)
}

/// Notes that the memberships of these subjects were changed at this moment.
pub async fn touch(db: &mut Db, subjects: &[SubjectKey], now: Timestamp) -> Result<()> {
    db.query(sql!(
        "update organization_memberships set updated_at = $3 where environment = $1 and subject = any($2::bigint[])"
    ))
    .bind(subjects)
    .bind(now)
    .run()
    .await
    .map(drop)
}

/// The memberships of these subjects, oldest first.
pub async fn list_of_subjects(db: &mut Db, subjects: &[SubjectKey]) -> Result<Vec<OrganizationMembership>> {
    db.query(sql!(select!(), "and m.subject = any($2::bigint[]) order by m.id")).bind(subjects).all().await
}

/// Holds the active membership of this user in this organization as it is; whether there is one. Others may hold it as
/// well, but nobody can change or remove it until the transaction ends.
pub async fn hold_active(db: &mut Db, user: &UserId, organization: &OrganizationId) -> Result<bool> {
    db.query(sql!(
        "select true from organization_memberships
         where environment = $1 and user_id = $2 and organization_id = $3 and status = 'active' for share"
    ))
    .bind(user)
    .bind(organization)
    .find_value()
    .await
    .map(|found| found.unwrap_or(false))
}

/// The same, and the organization is held before it: it cannot be deleted either. PostgreSQL locks in the order in which
/// the clauses name the tables, and looks at the rows again after each wait.
pub async fn hold_active_with_organization(db: &mut Db, user: &UserId, organization: &OrganizationId) -> Result<bool> {
    db.query(sql!(
        "select true from organizations o
         join organization_memberships m on m.environment = o.environment and m.organization_id = o.id
         where o.environment = $1 and m.user_id = $2 and o.id = $3 and m.status = 'active'
         for key share of o for share of m"
    ))
    .bind(user)
    .bind(organization)
    .find_value()
    .await
    .map(|found| found.unwrap_or(false))
}

/// The organizations of which the user is an active member, oldest membership first.
pub async fn list_choices(db: &mut Db, user: &UserId) -> Result<Vec<Choice>> {
    db.query(sql!(
        "select o.id, o.name
         from organization_memberships m
         join organizations o on o.environment = m.environment and o.id = m.organization_id
         where m.environment = $1 and m.user_id = $2 and m.status = 'active' order by m.id"
    ))
    .bind(user)
    .all()
    .await
}

/// What an active member is in the organization; None for anybody else.
///
/// Of the roles only those on the root of the organization's tree count, its own and those of its groups: access tokens do
/// not tell what somebody may do on single resources. They are looked for subject by subject (`offset 0` keeps the planner to
/// that), for on a root there are as many as the organization has members.
pub async fn find_standing(db: &mut Db, user: &UserId, organization: &OrganizationId) -> Result<Option<Standing>> {
    db.query(sql!(
        "select coalesce(held.roles, '{}') as roles, coalesce(allowed.permissions, '{}') as permissions
         from organization_memberships m
         left join resources root
           on root.environment = m.environment and root.organization_id = m.organization_id and root.parent is null
         cross join lateral (
             select array(select distinct own.role
                          from (select m.subject
                                union all
                                select b.group_subject from group_members b
                                where b.environment = $1 and b.membership_subject = m.subject) as s (subject)
                          cross join lateral (
                              select a.role from role_assignments a
                              where a.subject = s.subject and a.resource = root.key offset 0) as own) as keys) given
         left join lateral (
             select array_agg(r.slug order by ro.priority nulls last, r.priority, r.key) as roles
             from roles r
             left join organization_role_orders ro
               on ro.environment = m.environment and ro.organization_id = m.organization_id and ro.role = r.key
             where r.key = any(given.keys)) held on true
         left join lateral (
             select array_agg(distinct p.slug order by p.slug) as permissions
             from role_permissions rp
             join permissions p on p.key = rp.permission
             where rp.role = any(given.keys)) allowed on true
         where m.environment = $1 and m.user_id = $2 and m.organization_id = $3 and m.status = 'active'"
    ))
    .bind(user)
    .bind(organization)
    .find()
    .await
}

/// A new membership. Its roles are assignments of its subject.
#[derive(Debug)]
pub struct New<'n> {
    /// Its id.
    pub id: &'n OrganizationMembershipId,
    /// The user.
    pub user_id: &'n UserId,
    /// The organization.
    pub organization_id: &'n OrganizationId,
    /// Whether the user takes part.
    pub status: Status,
}

/// Writes a new membership; its subject, or None if the user has one in this organization already. The caller holds the
/// organization.
pub async fn insert(db: &mut Db, new: New<'_>, now: Timestamp) -> Result<Option<SubjectKey>> {
    db.query(sql!(
        "insert into organization_memberships (environment, id, user_id, organization_id, status, created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $6)
         on conflict on constraint organization_memberships_user_organization_key do nothing
         returning subject"
    ))
    .bind(new.id)
    .bind(new.user_id)
    .bind(new.organization_id)
    .bind(new.status)
    .bind(now)
    .find_value()
    .await
    .on_constraint("organization_memberships_user_fkey", || Error::missing(new.user_id))
    .on_constraint("organization_memberships_pkey", || {
        let message = "An organization membership with this id already exists.";
        Error::conflict("organization_membership_already_exists", message)
    })
}

/// Writes a changed membership, apart from its roles.
pub async fn update(db: &mut Db, membership: &OrganizationMembership) -> Result<()> {
    db.query(sql!(
        "update organization_memberships
         set status = $3, directory_managed = $4, custom_attributes = $5, updated_at = $6
         where environment = $1 and id = $2"
    ))
    .bind(&membership.id)
    .bind(membership.status)
    .bind(membership.directory_managed)
    .bind(sqlx::types::Json(&membership.custom_attributes))
    .bind(membership.updated_at)
    .run()
    .await
    .map(drop)
}

/// Removes these memberships.
pub async fn delete(db: &mut Db, ids: &[&OrganizationMembershipId]) -> Result<()> {
    db.query(sql!("delete from organization_memberships where environment = $1 and id = any($2)"))
        .bind(ids)
        .run()
        .await
        .map(drop)
}
