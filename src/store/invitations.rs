//! Invitations.

use crate::db::{Db, OnConstraint};
use crate::kernel::check::normal_email;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{InvitationId, InvitationKind, OrganizationId, UserId};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::invitations::{Stored, Token};
use crate::{page_sql, sql};

// The role is that of the membership, as long as there is one: it may have been changed since.
macro_rules! columns {
    () => {
        "i.id, i.email, i.state, i.token_sealed, i.organization_id, i.user_id, i.inviter_user_id, i.accepted_user_id,
         i.mail_id, i.days, i.expires_at, i.accepted_at, i.revoked_at, i.created_at, i.updated_at,
         coalesce((select r.slug
                   from organization_memberships m
                   join resources root
                     on root.environment = m.environment and root.organization_id = m.organization_id
                        and root.parent is null
                   join role_assignments a on a.resource = root.key and a.subject = m.subject
                   join roles r on r.key = a.role
                   left join organization_role_orders ro
                     on ro.environment = m.environment and ro.organization_id = m.organization_id and ro.role = r.key
                   where m.environment = i.environment and m.organization_id = i.organization_id
                     and m.user_id = coalesce(i.accepted_user_id, i.user_id)
                   order by ro.priority nulls last, r.priority, r.key limit 1), i.role_slug) as role_slug"
    };
}

/// Which invitations a list shows.
#[derive(Debug, Default)]
pub struct Filter {
    /// Those of this address, in any case.
    pub email: Option<String>,
    /// Those to this organization.
    pub organization: Option<OrganizationId>,
}

/// The invitation that must be there.
pub async fn get(db: &mut Db, id: &InvitationId) -> Result<Stored> {
    db.query(sql!("select ", columns!(), " from invitations i where i.environment = $1 and i.id = $2"))
        .bind(id)
        .find()
        .await?
        .ok_or_else(|| Error::missing(id))
}

/// The invitation of the token with this hash, whatever became of it.
pub async fn find_by_token(db: &mut Db, hash: &[u8; 32]) -> Result<Option<Stored>> {
    db.query(sql!("select ", columns!(), " from invitations i where i.environment = $1 and i.token_hash = $2"))
        .bind(&hash[..])
        .find()
        .await
}

/// The invitation that must be there, held against other changes until the transaction ends.
pub async fn lock(db: &mut Db, id: &InvitationId) -> Result<Stored> {
    let held: Option<bool> = db
        .query(sql!("select true from invitations where environment = $1 and id = $2 for update"))
        .bind(id)
        .find_value()
        .await?;
    if held.is_some() { get(db, id).await } else { Err(Error::missing(id)) }
}

/// The pending invitations for which memberships of these users wait, in this order of organizations, held until the
/// transaction ends; those too that have expired by the clock.
pub async fn lock_pending_of(
    db: &mut Db,
    (organizations, users): (&[&OrganizationId], &[&UserId]),
) -> Result<Vec<Stored>> {
    let held: Vec<InvitationId> = db
        .query(sql!(
            "select i.id from invitations i
             join unnest($2::text[], $3::text[]) as gone (organization_id, user_id)
               on gone.organization_id = i.organization_id and gone.user_id = i.user_id
             where i.environment = $1 and i.state = 'pending' order by i.id for update of i"
        ))
        .bind(organizations)
        .bind(users)
        .values()
        .await?;
    db.query(sql!(
        "select ",
        columns!(),
        " from invitations i where i.environment = $1 and i.id = any($2) order by i.id"
    ))
    .bind(&held)
    .all()
    .await
}

/// A page of invitations.
pub async fn list(db: &mut Db, filter: &Filter, page: &Page<InvitationKind>) -> Result<List<Stored>> {
    db.page(
        page_sql!(
            "select ",
            columns!(),
            " from invitations i
             where i.environment = $1 and ($5::text is null or i.email_normal = $5)
               and ($6::text is null or i.organization_id = $6)";
            "i.id"
        ),
        page,
    )
    .bind(filter.email.as_deref().map(normal_email))
    .bind(filter.organization.as_ref())
    .list(|invitation: &Stored| invitation.id.as_str())
    .await
}

/// Writes down that invitations have expired which otherwise would keep this address from being invited again.
pub async fn expire(db: &mut Db, email: &str, organization: Option<&OrganizationId>, now: Timestamp) -> Result<()> {
    db.query(sql!(
        "update invitations set state = 'expired'
         where environment = $1 and email_normal = $2 and organization_id is not distinct from $3
           and state = 'pending' and expires_at <= $4"
    ))
    .bind(normal_email(email))
    .bind(organization)
    .bind(now)
    .run()
    .await
    .map(drop)
}

/// Writes a new invitation.
pub async fn insert(db: &mut Db, invitation: &Stored, token: &Token) -> Result<()> {
    db.query(sql!(
        "insert into invitations (environment, id, email, email_normal, state, token_hash, token_sealed,
                                  organization_id, user_id, role_slug, inviter_user_id, mail_id, days, expires_at,
                                  created_at, updated_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)"
    ))
    .bind(&invitation.id)
    .bind(&invitation.email)
    .bind(normal_email(&invitation.email))
    .bind(invitation.state)
    .bind(&token.hash()[..])
    .bind(&invitation.token_sealed)
    .bind(invitation.organization_id.as_ref())
    .bind(invitation.user_id.as_ref())
    .bind(invitation.role_slug.as_deref())
    .bind(invitation.inviter_user_id.as_ref())
    .bind(invitation.mail_id.as_ref())
    .bind(invitation.days)
    .bind(invitation.expires_at)
    .bind(invitation.created_at)
    .bind(invitation.updated_at)
    .run()
    .await
    .map(drop)
    .on_constraint("invitations_pending_key", || {
        Error::refused("email_already_invited", "An invitation of this email already exists.")
    })
    .on_constraint("invitations_pending_organization_key", || {
        let message = "An invitation of this email to this organization already exists.";
        Error::refused("email_already_invited_to_organization", message)
    })
}

/// Writes what became of an invitation.
pub async fn update(db: &mut Db, invitation: &Stored) -> Result<()> {
    db.query(sql!(
        "update invitations
         set state = $3, accepted_user_id = $4, accepted_at = $5, revoked_at = $6, updated_at = $7
         where environment = $1 and id = $2"
    ))
    .bind(&invitation.id)
    .bind(invitation.state)
    .bind(invitation.accepted_user_id.as_ref())
    .bind(invitation.accepted_at)
    .bind(invitation.revoked_at)
    .bind(invitation.updated_at)
    .run()
    .await
    .map(drop)
}

/// Gives an invitation another token, another message that carries it, and another end.
pub async fn renew(db: &mut Db, invitation: &Stored, token: &Token) -> Result<()> {
    db.query(sql!(
        "update invitations set token_hash = $3, token_sealed = $4, mail_id = $5, expires_at = $6, updated_at = $7
         where environment = $1 and id = $2"
    ))
    .bind(&invitation.id)
    .bind(&token.hash()[..])
    .bind(&invitation.token_sealed)
    .bind(invitation.mail_id.as_ref())
    .bind(invitation.expires_at)
    .bind(invitation.updated_at)
    .run()
    .await
    .map(drop)
}
