//! Authorization: what memberships may do.

use schemars::JsonSchema;
use serde::Serialize;

use crate::body;
use crate::http::extract::{Json, Path};
use crate::http::{Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::Check;
use crate::kernel::id::OrganizationMembershipId;
use crate::model::resources::ResourceTarget;
use crate::store::authorization::Question;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("authorization")
        .post("/authorization/organization_memberships/{organization_membership_id}/check", check)
}

body! {
    struct CheckBody {
        permission_slug: String;
        target: ResourceTarget
    }
}

impl Check for CheckBody {}

#[derive(Debug, Serialize, JsonSchema)]
struct Checked {
    authorized: bool,
}

async fn check(
    scope: Scope,
    Path(membership): Path<OrganizationMembershipId>,
    Json(body): Json<CheckBody>,
) -> Result<Json<Checked>> {
    let question = Question { membership, permission: body.permission_slug, target: body.target };
    let authorized = scope.app().checks().check(scope.environment.key, question).await?;
    Ok(Json(Checked { authorized }))
}
