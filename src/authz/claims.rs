//! What an access token says of a membership's rights.
//!
//! Only what it has in the organization as a whole: roles on single resources may be many, and a token must stay small.
//! A token keeps what was so when it was made; who needs the truth of this moment asks [`super::check`].

use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::id::OrganizationMembershipId;
use crate::store;

/// The rights of a membership in its organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The slug of its highest role.
    pub role: Option<String>,
    /// The slugs of all its roles, highest first.
    pub roles: Vec<String>,
    /// The slugs of what these roles permit, each once, sorted.
    pub permissions: Vec<String>,
}

/// The rights of a membership. None if there is no such membership, or if it is not active and has none.
pub async fn find(db: &mut Db, membership: &OrganizationMembershipId) -> Result<Option<Claims>> {
    let grants = store::authorization::find_grants(db, membership).await?;
    Ok(grants.map(|grants| Claims {
        role: grants.roles.first().cloned(),
        roles: grants.roles,
        permissions: grants.permissions,
    }))
}
