//! Webhook endpoints.

use crate::body;
use crate::domain;
use crate::domain::webhook_endpoints::Tools;
use crate::http::extract::{Json, Path, Query};
use crate::http::{Created, NoContent, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::{WebhookEndpointId, WebhookEndpointKind};
use crate::kernel::page::{List, Page};
use crate::model::webhook_endpoints::{Status, StoredEndpoint, WebhookEndpoint};
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("webhook_endpoints")
        .get("/webhook_endpoints", list)
        .post("/webhook_endpoints", create)
        .patch("/webhook_endpoints/{id}", update)
        .delete("/webhook_endpoints/{id}", delete)
}

body! {
    struct ListQuery {
        ; page: Page<WebhookEndpointKind>
    }
}

impl Check for ListQuery {}

body! {
    struct CreateBody {
        endpoint_url: String,
        events: Vec<String>,
    }
}

impl Check for CreateBody {
    fn check(&self, faults: &mut Faults) {
        faults.not_blank("endpoint_url", &self.endpoint_url);
    }
}

body! {
    struct UpdateBody {
        endpoint_url: Option<String>,
        status: Option<Status>,
        events: Option<Vec<String>>,
    }
}

impl Check for UpdateBody {
    fn check(&self, faults: &mut Faults) {
        if let Some(url) = &self.endpoint_url {
            faults.not_blank("endpoint_url", url);
        }
    }
}

fn tools(scope: &Scope) -> Tools<'_> {
    Tools { keyring: scope.app().keyring(), http: scope.app().http() }
}

fn show(scope: &Scope, endpoint: StoredEndpoint) -> Result<WebhookEndpoint> {
    domain::webhook_endpoints::show(scope.app().keyring(), endpoint, scope.app().database().clock.now())
}

async fn list(scope: Scope, Query(query): Query<ListQuery>) -> Result<Json<List<WebhookEndpoint>>> {
    let list = store::webhook_endpoints::list(&mut scope.read().await?, &query.page).await?;
    list.try_map(|endpoint| show(&scope, endpoint)).map(Json)
}

async fn create(scope: Scope, Json(body): Json<CreateBody>) -> Result<Created<WebhookEndpoint>> {
    let input = domain::webhook_endpoints::Create {
        id: None,
        endpoint_url: body.endpoint_url,
        events: body.events,
        status: Status::Enabled,
        secret: None,
    };
    let made = scope.write(async |tx| domain::webhook_endpoints::create(tx, tools(&scope), input).await).await?;
    show(&scope, made).map(Created)
}

async fn update(
    scope: Scope,
    Path(id): Path<WebhookEndpointId>,
    Json(body): Json<UpdateBody>,
) -> Result<Json<WebhookEndpoint>> {
    let UpdateBody { endpoint_url, status, events } = body;
    let input = domain::webhook_endpoints::Update { endpoint_url, events, status };
    let changed =
        scope.write(async |tx| domain::webhook_endpoints::update(tx, tools(&scope), &id, input).await).await?;
    show(&scope, changed).map(Json)
}

async fn delete(scope: Scope, Path(id): Path<WebhookEndpointId>) -> Result<NoContent> {
    scope.write(async |tx| domain::webhook_endpoints::delete(tx, &id).await).await.map(|()| NoContent)
}
