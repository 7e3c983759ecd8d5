//! Webhook endpoints and their secrets. No event tells of them: the catalogue has none.

use crate::db::Tx;
use crate::kernel::clock::Timestamp;
use crate::kernel::crypto::Keyring;
use crate::kernel::error::FieldFault;
use crate::kernel::id::WebhookEndpointId;
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result};
use crate::model::webhook_endpoints::{
    LiveSecret, OperatedEndpoint, SealedSecret, SealedSecrets, Status, StoredEndpoint, WebhookEndpoint,
};
use crate::model::webhook_events;
use crate::outbound::http;
use crate::store;

/// A URL longer than that is no URL that somebody typed.
const LONGEST_URL: usize = 2048;

/// How many an environment may have: each of them may be owed each event.
const MOST: i64 = 100;

/// What it takes to make and to change endpoints, besides a transaction.
#[derive(Debug, Clone, Copy)]
pub struct Tools<'t> {
    /// Secrets are sealed with this.
    pub keyring: &'t Keyring,
    /// Deliveries will be sent by this, which knows what it would refuse.
    pub http: &'t http::Client,
}

/// What a new endpoint is made of.
#[derive(Debug)]
pub struct Create {
    /// Its id, where a seed pins it.
    pub id: Option<WebhookEndpointId>,
    /// Where deliveries are sent.
    pub endpoint_url: String,
    /// The names of the events that it is told of.
    pub events: Vec<String>,
    /// Whether anything is sent to it.
    pub status: Status,
    /// Its secret, where a seed pins it.
    pub secret: Option<Secret<String>>,
}

/// What an update of an endpoint changes.
#[derive(Debug, Default)]
pub struct Update {
    /// Where deliveries are sent.
    pub endpoint_url: Option<String>,
    /// The names of the events that it is told of.
    pub events: Option<Vec<String>>,
    /// Whether anything is sent to it.
    pub status: Option<Status>,
}

/// Makes an endpoint. It is told of what happens from now on.
pub async fn create(tx: &mut Tx, tools: Tools<'_>, input: Create) -> Result<StoredEndpoint> {
    let Create { id, endpoint_url, events, status, secret } = input;
    check_url(tools.http, &endpoint_url)?;
    let events = distinct(events)?;
    store::environments::hold(tx).await?;
    if store::webhook_endpoints::count(tx).await? >= MOST {
        let message = format!("An environment may have at most {MOST} webhook endpoints.");
        return Err(Error::refused("too_many_webhook_endpoints", message));
    }
    let id = id.unwrap_or_else(|| tx.mint());
    let secret = secret.unwrap_or_else(|| new_secret(tx));
    let secrets = SealedSecrets {
        secret: seal(tools.keyring, &id, &secret),
        next_secret: None,
        next_secret_at: None,
        former_secret_until: None,
    };
    let (created_at, updated_at) = (tx.now(), tx.now());
    let endpoint = StoredEndpoint { id, endpoint_url, secrets, status, events, created_at, updated_at };
    store::webhook_endpoints::insert(tx, &endpoint).await?;
    Ok(endpoint)
}

/// Changes an endpoint. A change that changes nothing leaves `updated_at` alone.
///
/// While it is disabled it is told of nothing that happens; what it was owed before waits, and is sent when it is
/// enabled again. Events that it no longer names are still sent if they happened while it did.
pub async fn update(tx: &mut Tx, tools: Tools<'_>, id: &WebhookEndpointId, input: Update) -> Result<StoredEndpoint> {
    let Update { endpoint_url, events, status } = input;
    if let Some(url) = &endpoint_url {
        check_url(tools.http, url)?;
    }
    let current = store::webhook_endpoints::lock(tx, id).await?;
    let mut endpoint = current.clone();
    endpoint.endpoint_url = endpoint_url.unwrap_or(endpoint.endpoint_url);
    endpoint.events = events.map(distinct).transpose()?.unwrap_or(endpoint.events);
    endpoint.status = status.unwrap_or(endpoint.status);
    if endpoint != current {
        endpoint.updated_at = tx.now();
        store::webhook_endpoints::update(tx, &endpoint).await?;
    }
    Ok(endpoint)
}

/// Deletes an endpoint with everything that it is owed.
///
/// It may be owed millions, so it only becomes invisible here; [`upkeep`](crate::store::system::webhooks) removes the
/// rows.
pub async fn delete(tx: &mut Tx, id: &WebhookEndpointId) -> Result<()> {
    let now = tx.now();
    let was_there = store::webhook_endpoints::delete(tx, id, now).await?;
    if was_there { Ok(()) } else { Err(Error::missing(id)) }
}

/// Gives an endpoint a new secret in the place of its own, in two steps.
///
/// At once the new one is live: what it would sign travels beside the signature. After that many seconds it signs, and
/// the former one stays live in the same way for as long again. So there is a moment for the application to change at
/// its leisure, whichever of the two it holds. Zero ends the former secret on the spot, for one that has leaked, and is
/// the one rotation that may begin during another.
pub async fn rotate(tx: &mut Tx, tools: Tools<'_>, id: &WebhookEndpointId, seconds: i64) -> Result<StoredEndpoint> {
    let mut endpoint = store::webhook_endpoints::lock(tx, id).await?;
    let now = tx.now();
    let new = new_secret(tx);
    let (active, other) = endpoint.secrets.at(now);
    if other.is_some() && seconds > 0 {
        let message = "A rotation of this secret already exists. Wait for its end, or rotate at once with 0 seconds.";
        return Err(Error::conflict("secret_rotation_in_progress", message));
    }
    let new = seal(tools.keyring, id, &new);
    endpoint.secrets = if seconds == 0 {
        SealedSecrets { secret: new, next_secret: None, next_secret_at: None, former_secret_until: None }
    } else {
        SealedSecrets {
            secret: active.sealed.to_vec(),
            next_secret: Some(new),
            next_secret_at: Some(now.plus_seconds(seconds)),
            former_secret_until: Some(now.plus_seconds(seconds.saturating_mul(2))),
        }
    };
    endpoint.updated_at = now;
    store::webhook_endpoints::update(tx, &endpoint).await?;
    Ok(endpoint)
}

/// The endpoint as its application sees it at this moment.
pub fn show(keyring: &Keyring, endpoint: StoredEndpoint, now: Timestamp) -> Result<WebhookEndpoint> {
    let secret = open(keyring, &endpoint.id, endpoint.secrets.at(now).0.sealed)?;
    let StoredEndpoint { id, endpoint_url, secrets: _, status, events, created_at, updated_at } = endpoint;
    Ok(WebhookEndpoint { id, endpoint_url, secret, status, events, created_at, updated_at })
}

/// The endpoint as the operator sees it at this moment.
pub fn show_operated(keyring: &Keyring, endpoint: StoredEndpoint, now: Timestamp) -> Result<OperatedEndpoint> {
    let (active, other) = endpoint.secrets.at(now);
    let live = |secret: SealedSecret<'_>| {
        let SealedSecret { sealed, state, active_at, expires_at } = secret;
        let value = open(keyring, &endpoint.id, sealed)?;
        Ok(LiveSecret { value, state, active_at, expires_at })
    };
    let secrets = std::iter::once(active).chain(other).map(live).collect::<Result<_>>()?;
    let StoredEndpoint { id, endpoint_url, secrets: _, status, events, created_at, updated_at } = endpoint;
    Ok(OperatedEndpoint { id, endpoint_url, secrets, status, events, created_at, updated_at })
}

/// A secret of an endpoint, opened.
pub fn open(keyring: &Keyring, id: &WebhookEndpointId, sealed: &[u8]) -> Result<Secret<String>> {
    let opened = keyring.open(&purpose(id), sealed).map_err(Error::internal)?;
    String::from_utf8(opened.expose().clone()).map(Secret::new).map_err(|_| Error::internal("a secret is no text"))
}

fn seal(keyring: &Keyring, id: &WebhookEndpointId, secret: &Secret<String>) -> Vec<u8> {
    keyring.seal(&purpose(id), secret.expose().as_bytes())
}

fn purpose(id: &WebhookEndpointId) -> String {
    format!("webhook_secret:{id}")
}

fn new_secret(tx: &Tx) -> Secret<String> {
    Secret::new(format!("whsec_{}", tx.random().alphanumeric(43)))
}

/// Refuses what could never be delivered to, with the reason. What a name leads to is judged at each delivery.
fn check_url(http: &http::Client, url: &str) -> Result<()> {
    let refuse = |why: String| Err(Error::unprocessable("invalid_url", format!("Invalid endpoint_url: {why}.")));
    if url.len() > LONGEST_URL {
        return refuse(format!("the URL has more than {LONGEST_URL} bytes"));
    }
    match http.admit(url) {
        Ok(_) => Ok(()),
        Err(failure) => refuse(failure.to_string()),
    }
}

/// The names once each, all of them known.
fn distinct(names: Vec<String>) -> Result<Vec<String>> {
    let unknown = |(i, name): (usize, &String)| FieldFault {
        field: Some(format!("events[{i}]")),
        code: "unknown_event_type",
        message: format!("'{}' is not the name of an event.", name.chars().take(100).collect::<String>()).into(),
    };
    let faults: Vec<_> =
        names.iter().enumerate().filter(|(_, name)| !webhook_events::is_known(name)).take(100).map(unknown).collect();
    if !faults.is_empty() {
        return Err(Error::invalid(faults));
    }
    let mut events: Vec<String> = Vec::with_capacity(names.len());
    for name in names {
        if !events.contains(&name) {
            events.push(name);
        }
    }
    Ok(events)
}
