//! Floor 5, the door of the operator: what WorkOS offers in its dashboard only.
//!
//! The conventions are the API's own (lists, errors, ids); the key is the operator's token, and nothing here belongs
//! to one environment unless its path says so. Rules are in `domain/`, shared with the command line and the seed.

pub mod clock;
pub mod environments;
pub mod management_keys;
pub mod settings;

use crate::http::Routes;
use crate::http::routes::Access;

/// Every route of the operator's.
pub fn routes() -> Routes {
    family()
        .merge(environments::routes())
        .merge(management_keys::routes())
        .merge(settings::routes())
        .merge(clock::routes())
}

/// Routes that only the operator may call.
fn family() -> Routes {
    Routes::family("admin").access(Access::Operator)
}
