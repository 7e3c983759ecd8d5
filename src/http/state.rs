//! The state of the application: what handlers and workers share. Put together in `app.rs`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use super::callers::Callers;
use super::limit::Limits;
use super::openapi::Documents;
use super::signing::SigningKeys;
use crate::authz::check::Checks;
use crate::db::Database;
use crate::kernel::crypto::{Keyring, sha256};
use crate::kernel::secret;
use crate::outbound::dns::Resolver;
use crate::outbound::http::Client;
use crate::outbound::mail::Mailer;
use crate::protocol::password::Hasher;
use crate::protocol::web_address::Plain;

/// The application. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: Parts,
    callers: Callers,
    checks: Checks,
    signing_keys: SigningKeys,
    documents: OnceLock<Documents>,
    domains_due: Notify,
}

/// What an application is made of.
#[derive(Debug)]
pub struct Parts {
    /// The database.
    pub database: Database,
    /// The keys that secrets are sealed under.
    pub keyring: Keyring,
    /// Where passwords are hashed.
    pub hasher: Hasher,
    /// The client for requests to addresses that somebody gave us.
    pub http: Client,
    /// The way to the server for mail, if there is one.
    pub mailer: Option<Mailer>,
    /// The rate limits.
    pub limits: Limits,
    /// Where names are looked up.
    pub resolver: Resolver,
    /// The origin that clients see, without a slash at the end.
    pub public_url: String,
    /// The SHA-256 of the operator's token.
    pub operator: [u8; 32],
    /// Whether this is a server for development.
    pub development: bool,
    /// The largest body that is read, in bytes.
    pub body_limit: usize,
    /// Whether the server has begun to stop.
    pub stopping: AtomicBool,
}

impl App {
    /// An application of these parts.
    pub fn new(parts: Parts) -> Self {
        Self(Arc::new(Inner {
            checks: Checks::new(parts.database.clone()),
            parts,
            callers: Callers::default(),
            signing_keys: SigningKeys::default(),
            documents: OnceLock::new(),
            domains_due: Notify::new(),
        }))
    }

    /// The database.
    pub fn database(&self) -> &Database {
        &self.0.parts.database
    }

    /// The keys that secrets are sealed under.
    pub fn keyring(&self) -> &Keyring {
        &self.0.parts.keyring
    }

    /// Who calls, as far as it is remembered.
    pub(super) fn callers(&self) -> &Callers {
        &self.0.callers
    }

    /// Where decisions are asked for.
    pub fn checks(&self) -> &Checks {
        &self.0.checks
    }

    /// The keys that sign tokens, as they are kept in memory.
    pub(super) fn signing_keys(&self) -> &SigningKeys {
        &self.0.signing_keys
    }

    /// The documents of its routes, once it has routes.
    pub fn documents(&self) -> Option<&Documents> {
        self.0.documents.get()
    }

    /// Says which documents describe it. The first call counts.
    pub fn document(&self, documents: Documents) {
        let _ = self.0.documents.set(documents);
    }

    /// Where passwords are hashed.
    pub fn hasher(&self) -> &Hasher {
        &self.0.parts.hasher
    }

    /// The client for requests to addresses that somebody gave us.
    pub fn http(&self) -> &Client {
        &self.0.parts.http
    }

    /// The way to the server for mail, if there is one.
    pub fn mailer(&self) -> Option<&Mailer> {
        self.0.parts.mailer.as_ref()
    }

    /// The rate limits.
    pub fn limits(&self) -> &Limits {
        &self.0.parts.limits
    }

    /// Where names are looked up.
    pub fn resolver(&self) -> &Resolver {
        &self.0.parts.resolver
    }

    /// Wakes the worker that looks up domains: one is to be looked up now.
    pub fn domains_due(&self) -> &Notify {
        &self.0.domains_due
    }

    /// The origin that clients see, without a slash at the end.
    pub fn public_url(&self) -> &str {
        &self.0.parts.public_url
    }

    /// Whether this is a server for development.
    pub fn is_development(&self) -> bool {
        self.0.parts.development
    }

    /// Where addresses that applications configure may be of plain http.
    pub fn plain_http(&self) -> Plain {
        if self.is_development() { Plain::Anywhere } else { Plain::Local }
    }

    /// The largest body that is read, in bytes.
    pub fn body_limit(&self) -> usize {
        self.0.parts.body_limit
    }

    /// Whether this is the operator's token. Hashes are compared, in constant time.
    pub fn is_operator(&self, token: &str) -> bool {
        secret::same(&self.0.parts.operator, &sha256(token.as_bytes()))
    }

    /// From now on the server is not ready, though it still answers.
    pub fn begin_stop(&self) {
        self.0.parts.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the server has begun to stop.
    pub fn is_stopping(&self) -> bool {
        self.0.parts.stopping.load(Ordering::Relaxed)
    }
}
