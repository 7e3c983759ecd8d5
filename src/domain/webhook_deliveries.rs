//! Webhook deliveries: queueing them again. What sends them is in `worker/webhooks`.

use crate::db::Tx;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{EventId, WebhookDeliveryId, WebhookEndpointId};
use crate::model::webhook_deliveries::WebhookReplay;
use crate::store;
use crate::store::events::{Filter, Position};
use crate::store::webhook_deliveries::Queueable;

/// Events that one replay queues at most.
pub const MOST: usize = 1000;

/// Which events are sent again.
#[derive(Debug)]
pub enum Replay {
    /// These, at most [`MOST`], whether the endpoint is told of such events or not.
    Events(Vec<EventId>),
    /// Those of a time of which the endpoint is told, in the order of the log; if they are more than [`MOST`], the
    /// first of them.
    Range {
        /// From this moment on.
        from: Timestamp,
        /// Up to this moment, which is no part of it.
        to: Timestamp,
        /// Behind this event.
        after: Option<EventId>,
    },
}

/// Queues events for an endpoint again, dead and delivered ones too, with all attempts before them as if none had been.
///
/// They may be older than the endpoint. If it is disabled they wait until it is enabled.
pub async fn replay(tx: &mut Tx, endpoint: &WebhookEndpointId, wanted: Replay) -> Result<WebhookReplay> {
    let stored = store::webhook_endpoints::lock(tx, endpoint).await?;
    let (events, missing, after) = match wanted {
        Replay::Events(ids) => {
            let found = store::webhook_deliveries::list_events(tx, &ids).await?;
            let missing = ids.into_iter().filter(|id| !found.iter().any(|event| event.id == *id)).collect();
            (found, missing, None)
        }
        Replay::Range { from, to, after } => {
            let filter = Filter { names: stored.events, organization: None, from, to };
            let (found, more) = range(tx, &filter, after.as_ref()).await?;
            let after = found.last().filter(|_| more).map(|event| event.id.clone());
            (found, Vec::new(), after)
        }
    };
    let ids: Vec<WebhookDeliveryId> = events.iter().map(|_| tx.mint()).collect();
    let now = tx.now();
    let deliveries = store::webhook_deliveries::upsert(tx, endpoint, &events, &ids, now).await?;
    Ok(WebhookReplay { endpoint_id: endpoint.clone(), deliveries, missing, after })
}

/// The first events of a time behind one of them, and whether there are more.
async fn range(tx: &mut Tx, filter: &Filter, after: Option<&EventId>) -> Result<(Vec<Queueable>, bool)> {
    let start = match after {
        Some(id) => store::events::find_position(tx, id).await?.unwrap_or_else(Position::start),
        None => Position::start(),
    };
    let rows = i64::try_from(MOST).unwrap_or(i64::MAX).saturating_add(1);
    let found = store::events::list_between(tx, filter, (&start, &Position::end()), true, rows).await?;
    let more = found.len() > MOST;
    let queueable = found.into_iter().take(MOST).map(|event| Queueable {
        id: event.id,
        name: event.name,
        created_at: event.created_at,
    });
    Ok((queueable.collect(), more))
}
