//! Roles, of the environment and of organizations: made, changed, and given permissions.

use crate::db::Tx;
use crate::kernel::Result;
use crate::model::resource_types::ORGANIZATION;
use crate::store;
use crate::store::roles::New;

/// Makes the role `member`, which every environment begins with as its default. No event: nobody can watch an
/// environment that is only being made.
pub async fn seed(tx: &mut Tx) -> Result<()> {
    let new = New {
        id: tx.mint(),
        organization_id: None,
        slug: "member".to_owned(),
        name: "Member".to_owned(),
        description: None,
        resource_type_slug: ORGANIZATION.to_owned(),
        is_default: true,
    };
    let now = tx.now();
    store::roles::insert(tx, &new, now).await.map(drop)
}
