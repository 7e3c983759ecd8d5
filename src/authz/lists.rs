//! The same question with something left open: on which resources, who, and what else.
//!
//! Each list holds exactly what a check would answer with yes, at the moment at which the page was read.

use super::check::{judge, missing};
use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::id::{OrganizationMembershipKind, PermissionKind, ResourceKind};
use crate::kernel::page::{List, Page};
use crate::model::organization_memberships::Member;
use crate::model::permissions::Permission;
use crate::model::resources::{Resource, ResourceAddress};
use crate::store;
use crate::store::authorization::Question;

/// A page of the resources below the target of the question, at any depth, that are of the permission's type and on
/// which the membership has the permission, wherever that comes from. The target is not among them.
pub async fn resources(db: &mut Db, question: &Question, page: &Page<ResourceKind>) -> Result<List<Resource>> {
    let list = store::authorization::discovery::list(db, question, page).await?;
    known(db, question, list).await
}

/// A page of all permissions that the membership has on the target of the question.
pub async fn permissions(db: &mut Db, question: &Question, page: &Page<PermissionKind>) -> Result<List<Permission>> {
    let list = store::authorization::permissions::list(db, question, page).await?;
    known(db, question, list).await
}

/// A page of the memberships that have the permission on a resource: by a role that was given to them, or to a group that
/// they are in, on the resource itself; if `inherited`, on one above it too, which is everybody.
pub async fn members(
    db: &mut Db,
    address: &ResourceAddress,
    permission: &str,
    inherited: bool,
    page: &Page<OrganizationMembershipKind>,
) -> Result<List<Member>> {
    let list = store::authorization::holders::list(db, address, permission, inherited, page).await?;
    if list.data.is_empty() {
        let (organization, target) = (address.organization_id(), address.target());
        if store::resources::list_keys(db, organization, &target).await?.is_empty() {
            return Err(missing(&target));
        }
    }
    Ok(list)
}

/// A list with something in it knew what it was asked about; an empty one may not have.
async fn known<T>(db: &mut Db, question: &Question, list: List<T>) -> Result<List<T>> {
    if list.data.is_empty() {
        for decision in store::authorization::decide(db, &[question]).await? {
            judge(question, decision)?;
        }
    }
    Ok(list)
}
