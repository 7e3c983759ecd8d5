//! Webhook endpoints, and what signs their deliveries where secrets are asked for.

use std::io::Write;

use serde::Serialize;

use super::writer::Writer;
use super::{Secrets, each_page};
use crate::db::Db;
use crate::domain::webhook_endpoints;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::WebhookEndpointId;
use crate::model::webhook_endpoints::{Status, StoredEndpoint};
use crate::store;

#[derive(Serialize)]
struct WebhookEndpoint<'w> {
    id: &'w WebhookEndpointId,
    endpoint_url: &'w str,
    events: &'w [String],
    status: Status,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'w str>,
}

pub(super) async fn write(
    db: &mut Db,
    secrets: Secrets<'_>,
    now: Timestamp,
    out: &mut Writer<impl Write>,
) -> Result<()> {
    each_page(db, store::webhook_endpoints::list, async |_, endpoints: Vec<StoredEndpoint>| {
        for endpoint in &endpoints {
            let secret = match secrets {
                Secrets::Hidden => None,
                // Of two that are live, the one that signs.
                Secrets::Shown(keyring) => {
                    let sealed = endpoint.secrets.at(now).0.sealed;
                    Some(webhook_endpoints::open(keyring, &endpoint.id, sealed)?)
                }
            };
            let entry = WebhookEndpoint {
                id: &endpoint.id,
                endpoint_url: &endpoint.endpoint_url,
                events: &endpoint.events,
                status: endpoint.status,
                secret: secret.as_ref().map(|secret| secret.expose().as_str()),
            };
            out.entry("webhookEndpoints", &entry)?;
        }
        Ok(())
    })
    .await
}
