//! Webhook endpoints of a seed.

use super::super::place::{Entry, Place};
use crate::body;
use crate::kernel::id::WebhookEndpointId;
use crate::kernel::secret::Secret;
use crate::model::webhook_endpoints::Status;

body! {
    /// A webhook endpoint. The file knows it by its URL.
    pub struct WebhookEndpoint {
        /// Its id, if it is pinned.
        id: Option<WebhookEndpointId>,
        /// Where deliveries are sent.
        endpoint_url: Option<String>,
        /// The same, as older files of the emulator have it.
        url: Option<String>,
        /// The names of the events that it is told of; all of them, where the file names none.
        events: Option<Vec<String>>,
        /// Whether anything is sent to it, as the emulator says it.
        enabled: Option<bool>,
        /// Whether anything is sent to it, as the API says it.
        status: Option<Status>,
        /// What deliveries of a new endpoint are signed with.
        secret: Option<Secret<String>>;
        at: Place<WebhookEndpoint>
    }
}

impl Entry for WebhookEndpoint {
    const LATER: &'static [&'static str] = &[];
}

impl WebhookEndpoint {
    /// Where deliveries are sent; checked to be there.
    pub fn address(&self) -> &str {
        self.endpoint_url.as_deref().or(self.url.as_deref()).unwrap_or_default()
    }

    /// Whether anything is sent to it, if the file says so.
    pub fn wanted_status(&self) -> Option<Status> {
        let by_word = |enabled| if enabled { Status::Enabled } else { Status::Disabled };
        self.status.or_else(|| self.enabled.map(by_word))
    }
}
