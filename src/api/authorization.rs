//! Authorization: what memberships may do.

use schemars::JsonSchema;
use serde::Serialize;

use crate::authz;
use crate::body;
use crate::http::extract::{Json, Path};
use crate::http::{Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::Check;
use crate::kernel::id::OrganizationMembershipId;
use crate::model::resources::ResourceTarget;

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
    let mut db = scope.read().await?;
    let authorized = authz::check::check(&mut db, &membership, &body.permission_slug, &body.target).await?;
    Ok(Json(Checked { authorized }))
}
