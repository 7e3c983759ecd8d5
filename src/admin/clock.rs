//! The server's clock, for development: every expiry obeys it, so that a test need not wait.

use schemars::JsonSchema;
use serde::Serialize;

use crate::body;
use crate::http::extract::{self, Json};
use crate::http::{Operator, Routes};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::kernel::clock::Timestamp;
use crate::kernel::schema;

/// The routes of the clock.
pub fn routes() -> Routes {
    super::family().post("/admin/v1/dev/clock", advance)
}

body! {
    struct AdvanceBody {
        advance_seconds: i64,
    }
}

impl Check for AdvanceBody {
    /// Forward only, for nothing that is stored expects to be younger than it was; at most ten years at once.
    fn check(&self, faults: &mut Faults) {
        faults.between("advance_seconds", self.advance_seconds, &(0..=315_360_000));
    }
}

/// The clock as it stands.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "object", rename = "clock")]
#[schemars(transform = schema::object::<Self>)]
struct Now {
    now: Timestamp,
}

/// Moves the clock, on a server for development; elsewhere there is nothing here.
async fn advance(operator: Operator, Json(body): Json<AdvanceBody>) -> Result<Json<Now>> {
    if !operator.app().is_development() {
        return Err(extract::not_found());
    }
    let clock = &operator.database().clock;
    clock.advance(body.advance_seconds);
    Ok(Json(Now { now: clock.now() }))
}
