//! Webhooks, as the operator sees them: secrets and their rotation, deliveries and their attempts, replay.

use schemars::JsonSchema;
use serde::Serialize;

use crate::body;
use crate::domain;
use crate::domain::webhook_deliveries::{MOST, Replay};
use crate::domain::webhook_endpoints::Tools;
use crate::http::extract::{Json, Path, Query};
use crate::http::{Created, Operator, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{
    EnvironmentId, EventId, WebhookDeliveryId, WebhookDeliveryKind, WebhookEndpointId, WebhookEndpointKind,
};
use crate::kernel::page::{List, Page};
use crate::model::webhook_deliveries::{Status, WebhookAttempt, WebhookDelivery, WebhookReplay};
use crate::model::webhook_endpoints::{OperatedEndpoint, StoredEndpoint};
use crate::store;

/// A secret lives on for a day beside its successor, and as long after it, unless somebody says otherwise.
const USUAL_ROTATION: i64 = 86_400;
/// Thirty days, in seconds.
const LONGEST_ROTATION: i64 = 2_592_000;

/// The routes of webhooks.
pub fn routes() -> Routes {
    super::family()
        .get("/admin/v1/environments/{id}/webhook_endpoints", list_endpoints)
        .post("/admin/v1/environments/{id}/webhook_endpoints/{endpoint}/secret_rotations", rotate)
        .get("/admin/v1/environments/{id}/webhook_deliveries", list_deliveries)
        .get("/admin/v1/environments/{id}/webhook_deliveries/{delivery}", find_delivery)
        .post("/admin/v1/environments/{id}/webhook_replays", replay)
}

body! {
    struct EndpointsQuery {
        ; page: Page<WebhookEndpointKind>
    }
}

impl Check for EndpointsQuery {}

body! {
    struct RotationBody {
        activate_in_seconds: Option<i64>,
    }
}

impl Check for RotationBody {
    fn check(&self, faults: &mut Faults) {
        if let Some(seconds) = self.activate_in_seconds {
            faults.between("activate_in_seconds", seconds, &(0..=LONGEST_ROTATION));
        }
    }
}

body! {
    struct DeliveriesQuery {
        endpoint_id: Option<WebhookEndpointId>,
        event_id: Option<EventId>,
        status: Option<Status>;
        page: Page<WebhookDeliveryKind>
    }
}

impl Check for DeliveriesQuery {}

body! {
    struct ReplayBody {
        endpoint_id: WebhookEndpointId,
        event_ids: Option<Vec<EventId>>,
        from: Option<Timestamp>,
        to: Option<Timestamp>,
        after: Option<EventId>,
    }
}

impl Check for ReplayBody {
    fn check(&self, faults: &mut Faults) {
        if let Some(ids) = &self.event_ids {
            faults.most("event_ids", ids.len(), MOST);
        }
        let range = self.from.is_some() || self.to.is_some() || self.after.is_some();
        if self.event_ids.is_some() == range {
            faults.add("event_ids", "invalid_value", "Either event_ids or from and to must be given.");
        } else if range && (self.from.is_none() || self.to.is_none()) {
            let missing = if self.from.is_none() { "from" } else { "to" };
            faults.add(missing, "required", format!("{missing} is required."));
        }
    }
}

/// A delivery with what came of its attempts.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookDeliveryWithAttempts")]
struct Whole {
    #[serde(flatten)]
    delivery: WebhookDelivery,
    results: Vec<WebhookAttempt>,
}

fn show(scope: &Scope, endpoint: StoredEndpoint) -> Result<OperatedEndpoint> {
    domain::webhook_endpoints::show_operated(scope.app().keyring(), endpoint, scope.app().database().clock.now())
}

async fn list_endpoints(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Query(query): Query<EndpointsQuery>,
) -> Result<Json<List<OperatedEndpoint>>> {
    let scope = super::scope(&operator, &id).await?;
    let list = store::webhook_endpoints::list(&mut scope.read().await?, &query.page).await?;
    list.try_map(|endpoint| show(&scope, endpoint)).map(Json)
}

async fn rotate(
    operator: Operator,
    Path((id, endpoint)): Path<(EnvironmentId, WebhookEndpointId)>,
    Json(body): Json<RotationBody>,
) -> Result<Created<OperatedEndpoint>> {
    let scope = super::scope(&operator, &id).await?;
    let seconds = body.activate_in_seconds.unwrap_or(USUAL_ROTATION);
    let tools = Tools { keyring: scope.app().keyring(), http: scope.app().http() };
    let change = async |tx: &mut _| domain::webhook_endpoints::rotate(tx, tools, &endpoint, seconds).await;
    let rotated = scope.write(change).await?;
    show(&scope, rotated).map(Created)
}

async fn list_deliveries(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Query(query): Query<DeliveriesQuery>,
) -> Result<Json<List<WebhookDelivery>>> {
    let scope = super::scope(&operator, &id).await?;
    let DeliveriesQuery { endpoint_id, event_id, status, page } = query;
    let filter = store::webhook_deliveries::Filter { endpoint: endpoint_id, event: event_id, status };
    store::webhook_deliveries::list(&mut scope.read().await?, &filter, &page).await.map(Json)
}

async fn find_delivery(
    operator: Operator,
    Path((id, delivery)): Path<(EnvironmentId, WebhookDeliveryId)>,
) -> Result<Json<Whole>> {
    let mut db = super::scope(&operator, &id).await?.read().await?;
    let delivery = store::webhook_deliveries::get(&mut db, &delivery).await?;
    let results = store::webhook_deliveries::list_attempts(&mut db, &delivery.id).await?;
    Ok(Json(Whole { delivery, results }))
}

async fn replay(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Json(body): Json<ReplayBody>,
) -> Result<Created<WebhookReplay>> {
    let scope = super::scope(&operator, &id).await?;
    let ReplayBody { endpoint_id, event_ids, from, to, after } = body;
    let wanted = match (event_ids, from, to) {
        (None, Some(from), Some(to)) => Replay::Range { from, to, after },
        (events, _, _) => Replay::Events(events.unwrap_or_default()),
    };
    let change = async |tx: &mut _| domain::webhook_deliveries::replay(tx, &endpoint_id, wanted).await;
    scope.write(change).await.map(Created)
}
