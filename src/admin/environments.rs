//! Environments.

use schemars::JsonSchema;
use serde::Serialize;

use crate::body;
use crate::domain;
use crate::http::extract::{Json, Path, Query};
use crate::http::{Created, NoContent, Operator, Routes};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::{ClientId, EnvironmentId, EnvironmentKind};
use crate::kernel::page::{List, Page};
use crate::kernel::secret::Secret;
use crate::model::environments::Environment;
use crate::store;

/// The routes of environments.
pub fn routes() -> Routes {
    super::family()
        .get("/admin/v1/environments", list)
        .post("/admin/v1/environments", create)
        .get("/admin/v1/environments/{id}", find)
        .patch("/admin/v1/environments/{id}", update)
        .delete("/admin/v1/environments/{id}", delete)
}

body! {
    struct ListQuery {
        ; page: Page<EnvironmentKind>
    }
}

impl Check for ListQuery {}

body! {
    struct CreateBody {
        name: String,
        api_key: Option<Secret<String>>,
        client_id: Option<ClientId>,
    }
}

impl Check for CreateBody {
    fn check(&self, faults: &mut Faults) {
        faults.not_blank("name", &self.name);
        faults.max("name", &self.name, 255);
    }
}

body! {
    struct UpdateBody {
        name: Option<String>,
    }
}

impl Check for UpdateBody {
    fn check(&self, faults: &mut Faults) {
        if let Some(name) = &self.name {
            faults.not_blank("name", name);
            faults.max("name", name, 255);
        }
    }
}

/// A new environment, with the value of its first key: the one time that it is shown.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NewEnvironment")]
struct New {
    #[serde(flatten)]
    environment: Environment,
    api_key: String,
}

async fn list(operator: Operator, Query(query): Query<ListQuery>) -> Result<Json<List<Environment>>> {
    store::system::environments::list(&mut operator.system().await?, &query.page).await.map(Json)
}

async fn create(operator: Operator, Json(body): Json<CreateBody>) -> Result<Created<New>> {
    let client_id = body.client_id.map(|id| id.to_string());
    let input = domain::environments::Create { id: None, name: body.name, client_id };
    let change = async |system: &mut _| {
        let environment = domain::environments::create(system, input).await?;
        let (_, value) = domain::environments::create_key(system, &environment, "Default", body.api_key).await?;
        Ok(New { environment, api_key: value.expose().clone() })
    };
    operator.database().write_system(change).await.map(Created)
}

async fn find(operator: Operator, Path(id): Path<EnvironmentId>) -> Result<Json<Environment>> {
    store::system::environments::get(&mut operator.system().await?, &id).await.map(Json)
}

async fn update(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Json(body): Json<UpdateBody>,
) -> Result<Json<Environment>> {
    let input = domain::environments::Update { name: body.name, ..Default::default() };
    let change = async |system: &mut _| domain::environments::update(system, &id, input).await;
    operator.database().write_system(change).await.map(Json)
}

async fn delete(operator: Operator, Path(id): Path<EnvironmentId>) -> Result<NoContent> {
    let change = async |system: &mut _| domain::environments::delete(system, &id).await;
    operator.database().write_system(change).await.map(|()| NoContent)
}
