//! Organizations, with their domains, their resources, everybody who takes part in them, and their groups.

use std::io::Write;

use serde::Serialize;

use super::role_assignments::First;
use super::writer::Writer;
use super::{each_page, resources};
use crate::db::Db;
use crate::kernel::id::{GroupId, OrganizationDomainId, OrganizationId, OrganizationMembershipId};
use crate::kernel::{Error, Result};
use crate::model::groups;
use crate::model::metadata::Metadata;
use crate::model::organization_domains::{OrganizationDomain, State};
use crate::model::organization_memberships::{Member, OrganizationMembership, Status};
use crate::model::organizations;
use crate::store;
use crate::store::{organization_memberships, organizations as stored};

#[derive(Serialize)]
struct Organization<'o> {
    id: &'o OrganizationId,
    name: &'o str,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<&'o str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stripe_customer_id: Option<&'o str>,
    #[serde(skip_serializing_if = "Metadata::is_empty")]
    metadata: &'o Metadata,
    allow_profiles_outside_organization: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_order: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_role: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    domains: Vec<Domain<'o>>,
}

#[derive(Serialize)]
struct Domain<'d> {
    id: &'d OrganizationDomainId,
    domain: &'d str,
    state: &'static str,
    verification_prefix: &'d str,
    verification_token: &'d str,
}

#[derive(Serialize)]
struct Group<'g> {
    id: &'g GroupId,
    name: &'g str,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'g str>,
}

#[derive(Serialize)]
struct Membership<'m> {
    id: &'m OrganizationMembershipId,
    email: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'m str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<Vec<&'m str>>,
    status: Status,
}

pub(super) async fn write(db: &mut Db, out: &mut Writer<impl Write>) -> Result<()> {
    let list = async |db: &mut Db, page: &_| stored::list(db, &stored::Filter::default(), page).await;
    each_page(db, list, async |db, organizations: Vec<organizations::Organization>| {
        let ids: Vec<_> = organizations.iter().map(|organization| &organization.id).collect();
        let ordered = store::roles::orders::list_owners(db, &ids).await?;
        for organization in &organizations {
            let order =
                if ordered.contains(&organization.id) { Some(order(db, &organization.id).await?) } else { None };
            out.entry("organizations", &one(organization, order))?;
            resources::write(db, &organization.id, out).await?;
            memberships(db, &organization.id, out).await?;
            groups(db, &organization.id, out).await?;
        }
        Ok(())
    })
    .await
}

/// The roles of an organization that has an order of its own, and its default role.
async fn order(db: &mut Db, organization: &OrganizationId) -> Result<(Vec<String>, String)> {
    let roles = store::roles::list_of_organization(db, organization).await?;
    let default = store::roles::orders::find_default(db, organization).await?;
    let default = roles.iter().find(|role| Some(role.key) == default).map(|role| role.slug.clone());
    let default = default.ok_or_else(|| Error::internal("an organization has no default role"))?;
    Ok((roles.into_iter().map(|role| role.slug).collect(), default))
}

fn one(organization: &organizations::Organization, order: Option<(Vec<String>, String)>) -> Organization<'_> {
    let (role_order, default_role) = order.unzip();
    Organization {
        id: &organization.id,
        name: &organization.name,
        external_id: organization.external_id.as_deref(),
        stripe_customer_id: organization.stripe_customer_id.as_deref(),
        metadata: &organization.metadata,
        allow_profiles_outside_organization: organization.allow_profiles_outside_organization,
        role_order,
        default_role,
        domains: organization.domains.iter().map(domain).collect(),
    }
}

fn domain(domain: &OrganizationDomain) -> Domain<'_> {
    let state = match domain.state {
        State::Verified | State::LegacyVerified => "verified",
        // Where it is looked for again, it may yet be found.
        State::Failed | State::Pending | State::Unverified => "pending",
    };
    Domain {
        id: &domain.id,
        domain: &domain.domain,
        state,
        verification_prefix: &domain.verification_prefix,
        verification_token: &domain.verification_token,
    }
}

async fn memberships(db: &mut Db, organization: &OrganizationId, out: &mut Writer<impl Write>) -> Result<()> {
    let filter = organization_memberships::Filter {
        user: None,
        organization: Some(organization.clone()),
        statuses: vec![Status::Active, Status::Inactive, Status::Pending],
    };
    let list = async |db: &mut Db, page: &_| organization_memberships::list(db, &filter, page).await;
    let mut first = true;
    each_page(db, list, async |db, memberships: Vec<OrganizationMembership>| {
        let roles = First::read(db, memberships.iter().map(|membership| membership.subject)).await?;
        for (number, membership) in memberships.iter().enumerate() {
            out.nested("memberships", std::mem::take(&mut first), &place(membership))?;
            // Those in the organization itself are told with the membership.
            roles.write(db, (number, membership.subject), false, out).await?;
        }
        Ok(())
    })
    .await
}

fn place(membership: &OrganizationMembership) -> Membership<'_> {
    let slugs = membership.roles.iter().map(|role| role.slug.as_str());
    let (role, roles) = match membership.roles.as_slice() {
        [only] => (Some(only.slug.as_str()), None),
        _ => (None, Some(slugs.collect())),
    };
    Membership { id: &membership.id, email: &membership.user.email, role, roles, status: membership.status }
}

async fn groups(db: &mut Db, organization: &OrganizationId, out: &mut Writer<impl Write>) -> Result<()> {
    let list = async |db: &mut Db, page: &_| store::groups::list(db, organization, page).await;
    let mut first = true;
    each_page(db, list, async |db, groups: Vec<groups::Group>| {
        let roles = First::read(db, groups.iter().map(|group| group.subject)).await?;
        for (number, group) in groups.iter().enumerate() {
            let entry = Group { id: &group.id, name: &group.name, description: group.description.as_deref() };
            out.nested("groups", std::mem::take(&mut first), &entry)?;
            members(db, group, out).await?;
            roles.write(db, (number, group.subject), true, out).await?;
        }
        Ok(())
    })
    .await
}

async fn members(db: &mut Db, group: &groups::Group, out: &mut Writer<impl Write>) -> Result<()> {
    let list = async |db: &mut Db, page: &_| store::groups::list_members(db, group.subject, page).await;
    let mut first = true;
    each_page(db, list, async |_, members: Vec<Member>| {
        members.iter().try_for_each(|member| out.innermost("members", std::mem::take(&mut first), &member.user.email))
    })
    .await
}
