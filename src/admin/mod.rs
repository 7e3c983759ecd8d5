//! Floor 5, the door of the operator: what WorkOS offers in its dashboard only.
//!
//! The conventions are the API's own (lists, errors, ids); the key is the operator's token, and nothing here belongs
//! to one environment unless its path says so. Rules are in `domain/`, shared with the command line and the seed.

pub mod applications;
pub mod authorization;
pub mod clock;
pub mod environments;
pub mod feature_flags;
pub mod mail;
pub mod management_keys;
pub mod resource_types;
pub mod roles;
pub mod settings;
pub mod webhooks;

use crate::http::routes::Access;
use crate::http::{Operator, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::id::EnvironmentId;
use crate::model::events::Actor;
use crate::store;

/// Every route of the operator's.
pub fn routes() -> Routes {
    family()
        .merge(environments::routes())
        .merge(management_keys::routes())
        .merge(settings::routes())
        .merge(roles::routes())
        .merge(authorization::routes())
        .merge(resource_types::routes())
        .merge(applications::routes())
        .merge(mail::routes())
        .merge(webhooks::routes())
        .merge(feature_flags::routes())
        .merge(clock::routes())
}

/// Routes that only the operator may call.
fn family() -> Routes {
    Routes::family("admin").access(Access::Operator)
}

/// The environment of a path, in which the operator may do what an application may.
async fn scope(operator: &Operator, id: &EnvironmentId) -> Result<Scope> {
    let environment = store::system::environments::get(&mut operator.system().await?, id).await?;
    Ok(Scope::of(operator.app().clone(), environment, Actor::operator()))
}
