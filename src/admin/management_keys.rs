//! The keys by which applications manage an environment.

use schemars::JsonSchema;
use serde::Serialize;

use crate::body;
use crate::domain;
use crate::http::extract::{Json, Path, Query};
use crate::http::{Created, NoContent, Operator, Routes};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::{EnvironmentId, ManagementKeyId, ManagementKeyKind};
use crate::kernel::page::{List, Page};
use crate::model::environments::ManagementKey;
use crate::store;

/// The routes of management keys.
pub fn routes() -> Routes {
    super::family()
        .get("/admin/v1/environments/{id}/api_keys", list)
        .post("/admin/v1/environments/{id}/api_keys", create)
        .delete("/admin/v1/environments/{id}/api_keys/{key}", delete)
}

body! {
    struct ListQuery {
        ; page: Page<ManagementKeyKind>
    }
}

impl Check for ListQuery {}

body! {
    struct CreateBody {
        name: String,
    }
}

impl Check for CreateBody {
    fn check(&self, faults: &mut Faults) {
        faults.not_blank("name", &self.name);
        faults.max("name", &self.name, 255);
    }
}

/// A new key with its value: the one time that it is shown.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NewManagementKey")]
struct New {
    #[serde(flatten)]
    key: ManagementKey,
    value: String,
}

async fn list(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<ManagementKey>>> {
    let mut system = operator.system().await?;
    let environment = store::system::environments::get(&mut system, &id).await?;
    store::system::management_keys::list(&mut system, environment.key, &query.page).await.map(Json)
}

async fn create(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Json(body): Json<CreateBody>,
) -> Result<Created<New>> {
    let change = async |system: &mut _| {
        let environment = store::system::environments::get(system, &id).await?;
        let (key, value) = domain::environments::create_key(system, &environment, &body.name, None).await?;
        Ok(New { key, value: value.expose().clone() })
    };
    operator.database().write_system(change).await.map(Created)
}

async fn delete(operator: Operator, Path((id, key)): Path<(EnvironmentId, ManagementKeyId)>) -> Result<NoContent> {
    let change = async |system: &mut _| {
        let environment = store::system::environments::get(system, &id).await?;
        domain::environments::delete_key(system, &environment, &key).await
    };
    operator.database().write_system(change).await.map(|()| NoContent)
}
