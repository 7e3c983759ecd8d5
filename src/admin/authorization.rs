//! Decisions, as the operator looks into them: why one comes out as it does, and many at once.

use schemars::JsonSchema;
use serde::Serialize;

use crate::authz;
use crate::body;
use crate::http::extract::{Json, Path, Query};
use crate::http::{Operator, Routes};
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::{EnvironmentId, OrganizationMembershipId, ResourceId};
use crate::kernel::page::BareList;
use crate::kernel::{Error, Result};
use crate::model::authorization::Explanation;
use crate::model::resources::ResourceTarget;
use crate::store::authorization::Question;

/// Questions in one request.
const MOST: usize = 1000;

/// The routes of decisions.
pub fn routes() -> Routes {
    super::family()
        .get("/admin/v1/environments/{id}/authorization/explain", explain)
        .post("/admin/v1/environments/{id}/authorization/check", check)
}

body! {
    struct ExplainQuery {
        membership: OrganizationMembershipId,
        permission: String,
        resource: ResourceId,
    }
}

impl Check for ExplainQuery {}

body! {
    struct CheckItem {
        organization_membership_id: OrganizationMembershipId,
        permission_slug: String;
        target: ResourceTarget
    }
}

body! {
    struct CheckBody {
        checks: Vec<CheckItem>,
    }
}

impl Check for CheckBody {
    fn check(&self, faults: &mut Faults) {
        faults.most("checks", self.checks.len(), MOST);
    }
}

/// The answer to one of several questions.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BatchCheckResult")]
struct Checked {
    /// Whether the membership may. Not, if something that the question names is missing.
    authorized: bool,
    /// What is missing, if something is.
    error: Option<CheckFailure>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "BatchCheckFailure")]
struct CheckFailure {
    code: Option<&'static str>,
    message: String,
}

impl From<Result<bool>> for Checked {
    fn from(judged: Result<bool>) -> Self {
        let failure = |error: Error| CheckFailure { code: error.code(), message: error.message().to_owned() };
        match judged {
            Ok(authorized) => Self { authorized, error: None },
            Err(error) => Self { authorized: false, error: Some(failure(error)) },
        }
    }
}

async fn explain(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Query(query): Query<ExplainQuery>,
) -> Result<Json<Explanation>> {
    let scope = super::scope(&operator, &id).await?;
    let ExplainQuery { membership, permission, resource } = query;
    let question = Question { membership, permission, target: ResourceTarget::Id(resource) };
    let mut db = operator.database().snapshot(scope.environment.key).await?;
    authz::explain::explain(&mut db, &question).await.map(Json)
}

async fn check(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Json(body): Json<CheckBody>,
) -> Result<Json<BareList<Checked>>> {
    let scope = super::scope(&operator, &id).await?;
    let question = |CheckItem { organization_membership_id: membership, permission_slug: permission, target }| {
        Question { membership, permission, target }
    };
    let questions: Vec<_> = body.checks.into_iter().map(question).collect();
    let mut db = operator.database().snapshot(scope.environment.key).await?;
    let judged = authz::check::check_all(&mut db, &questions).await?;
    Ok(Json(BareList::new(judged.into_iter().map(Checked::from).collect())))
}
