//! Domains that are to be looked up, in all environments.

use sqlx::FromRow;

use crate::db::{EnvironmentKey, System};
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::model::organization_domains::OrganizationDomain;
use crate::sql;

/// A domain that is to be looked up, and that nobody else looks up meanwhile.
#[derive(Debug, FromRow)]
pub struct Due {
    /// Where it is.
    pub environment: EnvironmentKey,
    /// The domain.
    #[sqlx(flatten)]
    pub domain: OrganizationDomain,
}

/// Takes that many domains that are due, the longest waiting first. Until this lease ends they are due for nobody, so
/// that of several servers one looks them up, and another does if that one dies.
///
/// What somebody holds is passed over: it is being changed, and will be looked up a little later.
pub async fn claim(system: &mut System, lease: Timestamp, most: i64) -> Result<Vec<Due>> {
    let now = system.now();
    system
        .query(sql!(
            "with due as materialized (
                 select environment, id from organization_domains
                 where state = 'pending' and next_check_at <= $1
                 order by next_check_at limit $3
                 for update skip locked
             )
             update organization_domains d set next_check_at = $2
             from due where d.environment = due.environment and d.id = due.id
             returning d.environment, d.id, d.organization_id, d.domain, d.state, d.verification_prefix,
                       d.verification_token, d.verification_strategy, d.created_at, d.updated_at"
        ))
        .bind(now)
        .bind(lease)
        .bind(most)
        .all()
        .await
}
