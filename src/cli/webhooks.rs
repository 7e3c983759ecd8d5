//! `vestibule webhooks`: what endpoints are owed, from the terminal, and sending it again.
//!
//! It works beside a running server, which sends what is queued here within a second; without one it waits for the next
//! start.

use super::keys::{Fault, choose, columns, print};
use super::{Outcome, Webhooks, database, logging};
use crate::db::{Database, Tx};
use crate::domain;
use crate::domain::webhook_deliveries::{MOST, Replay};
use crate::kernel::clock::Timestamp;
use crate::kernel::config::Config;
use crate::kernel::id::{EventId, WebhookEndpointId};
use crate::model::environments::Environment;
use crate::model::webhook_deliveries::{Status, WebhookDelivery};
use crate::store;
use crate::store::webhook_deliveries::Filter;

/// Lists deliveries or queues them again.
///
/// # Errors
///
/// When the database cannot be reached, or there is no such environment or endpoint.
pub async fn run(config: Config, arguments: Webhooks) -> Outcome {
    logging::start(&config)?;
    let opened = database::open_beside(&config).await?;
    let answered = answer(&opened.database, arguments).await;
    let closed = opened.close().await;
    print(&answered?)?;
    closed
}

async fn answer(database: &Database, arguments: Webhooks) -> Result<String, Fault> {
    database::prepare(database).await?;
    let environment = match &arguments {
        Webhooks::List { environment, .. } | Webhooks::Replay { environment, .. } => environment.as_deref(),
    };
    let environment = choose(&mut database.system().await?, environment).await?;
    match arguments {
        Webhooks::List { environment: _, endpoint, event, status, limit } => {
            let status = status.map(|word| {
                Status::from_word(&word)
                    .ok_or_else(|| format!("--status must be pending, delivered or dead, not '{word}'"))
            });
            let filter = Filter {
                endpoint: endpoint.as_deref().map(WebhookEndpointId::verbatim),
                event: event.as_deref().map(EventId::verbatim),
                status: status.transpose()?,
            };
            let rows = i64::try_from(limit)?;
            let mut db = database.read(environment.key).await?;
            Ok(table(&store::webhook_deliveries::list_latest(&mut db, &filter, rows).await?))
        }
        Webhooks::Replay { environment: _, endpoint, events, from, to } => {
            let endpoint = WebhookEndpointId::verbatim(&endpoint);
            match (from, to) {
                (Some(from), Some(to)) => {
                    let range = (moment("--from", &from)?, moment("--to", &to)?);
                    replay_range(database, &environment, &endpoint, range).await
                }
                _ => replay_events(database, &environment, &endpoint, &events).await,
            }
        }
    }
}

fn moment(flag: &str, text: &str) -> Result<Timestamp, Fault> {
    Timestamp::parse(text)
        .ok_or_else(|| format!("{flag} must be a date and time such as 2026-01-15T12:00:00Z, not '{text}'").into())
}

async fn replay_events(
    database: &Database,
    environment: &Environment,
    endpoint: &WebhookEndpointId,
    events: &[String],
) -> Result<String, Fault> {
    let mut text = String::new();
    let mut queued = 0;
    for some in events.chunks(MOST) {
        let ids = some.iter().map(|id| EventId::verbatim(id)).collect();
        let queue = async |tx: &mut Tx| domain::webhook_deliveries::replay(tx, endpoint, Replay::Events(ids)).await;
        let replay = database.write(environment.key, queue).await?;
        queued += replay.deliveries.len();
        for id in replay.missing {
            text.push_str(&format!("{id} is not in the log\n"));
        }
    }
    Ok(text + &queued_line(queued, endpoint))
}

async fn replay_range(
    database: &Database,
    environment: &Environment,
    endpoint: &WebhookEndpointId,
    (from, to): (Timestamp, Timestamp),
) -> Result<String, Fault> {
    let (mut queued, mut after) = (0, None);
    loop {
        let wanted = Replay::Range { from, to, after };
        let queue = async |tx: &mut Tx| domain::webhook_deliveries::replay(tx, endpoint, wanted).await;
        let replay = database.write(environment.key, queue).await?;
        queued += replay.deliveries.len();
        after = replay.after;
        if after.is_none() {
            return Ok(queued_line(queued, endpoint));
        }
    }
}

fn queued_line(queued: usize, endpoint: &WebhookEndpointId) -> String {
    let deliveries = if queued == 1 { "delivery is" } else { "deliveries are" };
    format!("{queued} {deliveries} queued for {endpoint}\n")
}

fn table(deliveries: &[WebhookDelivery]) -> String {
    let row = |delivery: &WebhookDelivery| {
        let moment = delivery.next_attempt_at.or(delivery.finished_at);
        [
            delivery.id.to_string(),
            delivery.endpoint_id.to_string(),
            delivery.event_id.to_string(),
            delivery.event.clone(),
            delivery.status.as_str().to_owned(),
            delivery.attempts.to_string(),
            moment.map(|moment| moment.to_string()).unwrap_or_default(),
        ]
    };
    let heading = ["ID", "ENDPOINT", "EVENT", "NAME", "STATUS", "ATTEMPTS", "NEXT OR LAST"];
    columns(heading, deliveries.iter().map(row))
}
