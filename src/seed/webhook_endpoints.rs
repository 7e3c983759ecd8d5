//! Webhook endpoints of a seed.

use super::Report;
use super::fault::At as _;
use super::permissions::differs;
use super::shape;
use crate::db::Tx;
use crate::domain::webhook_endpoints::{self, Create, Tools, Update};
use crate::kernel::Result;
use crate::model::webhook_endpoints::{Status, StoredEndpoint};
use crate::model::webhook_events;
use crate::store;

/// Makes or changes the endpoints. One that could never be delivered to is left out with a warning: files of the emulator
/// name addresses of the machine itself, which an operator must allow here.
pub(super) async fn settle(
    tx: &mut Tx,
    tools: Tools<'_>,
    entries: &[shape::WebhookEndpoint],
    report: &mut Report,
) -> Result<()> {
    for entry in entries {
        match one(tx, tools, entry, report).await {
            Ok(()) => {}
            Err(error) if error.code() == Some("invalid_url") => report.warn(
                entry.at.as_str(),
                &format!(
                    "{} It was left out (VESTIBULE_WEBHOOK_ALLOW lets private networks be reached)",
                    error.message()
                ),
            ),
            Err(error) => return Err(error).within(entry.at.as_str()),
        }
    }
    Ok(())
}

async fn one(tx: &mut Tx, tools: Tools<'_>, entry: &shape::WebhookEndpoint, report: &mut Report) -> Result<()> {
    let current = match &entry.id {
        Some(id) => store::webhook_endpoints::find(tx, id).await?,
        None => None,
    };
    let current = match current {
        None => store::webhook_endpoints::find_by_url(tx, entry.address()).await?,
        found => found,
    };
    let events = events(entry, report);
    match current {
        Some(current) => {
            differs(entry.id.as_ref(), &current.id, false)?;
            let changed = update(tx, tools, &current, entry, events).await?;
            report.updated(changed != current, "webhook endpoint", changed.endpoint_url);
        }
        None => {
            let input = Create {
                id: entry.id.clone(),
                endpoint_url: entry.address().to_owned(),
                events: events.unwrap_or_else(all),
                status: entry.wanted_status().unwrap_or(Status::Enabled),
                secret: entry.secret.clone(),
            };
            let made = webhook_endpoints::create(tx, tools, input).await?;
            report.created("webhook endpoint", made.endpoint_url);
        }
    }
    Ok(())
}

/// What the file says, and nothing else. Its secret is only for a new endpoint: one that was rotated since must not come
/// back.
async fn update(
    tx: &mut Tx,
    tools: Tools<'_>,
    current: &StoredEndpoint,
    entry: &shape::WebhookEndpoint,
    events: Option<Vec<String>>,
) -> Result<StoredEndpoint> {
    let endpoint_url = (entry.address() != current.endpoint_url).then(|| entry.address().to_owned());
    let input = Update { endpoint_url, events, status: entry.wanted_status() };
    webhook_endpoints::update(tx, tools, &current.id, input).await
}

/// The events that the file names, those that there are.
fn events(entry: &shape::WebhookEndpoint, report: &mut Report) -> Option<Vec<String>> {
    let named = entry.events.as_ref().filter(|events| !events.is_empty())?;
    let mut known = Vec::with_capacity(named.len());
    for (i, name) in named.iter().enumerate() {
        if name == "*" {
            return Some(all());
        }
        if webhook_events::is_known(name) {
            known.push(name.clone());
        } else {
            report.warn(&entry.at.field(&format!("events[{i}]")), "is the name of no event and was left out");
        }
    }
    Some(known)
}

fn all() -> Vec<String> {
    webhook_events::names().map(str::to_owned).collect()
}
