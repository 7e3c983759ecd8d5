//! Who is calling: extractors that a handler takes as its first parameter.
//!
//! A handler that has a [`Scope`] or an [`Operator`] is already allowed; there is no other way to a database
//! connection from `api/` or `admin/`.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, HeaderMap};
use axum::http::request::Parts;

use super::callers::Caller;
use super::state::App;
use crate::db::{Database, Db, System, Tx};
use crate::kernel::{Error, Result};
use crate::model::environments::Environment;
use crate::model::events::Actor;

/// The bearer token of a request. An empty one counts as none: two SDKs send it for public clients.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// A caller within one environment, and the way to its data.
#[derive(Debug, Clone)]
pub struct Scope {
    app: App,
    /// The environment that the caller was authenticated for.
    pub environment: Arc<Environment>,
    /// Who the caller is, for the events that say so.
    pub actor: Actor,
}

impl Scope {
    /// The scope of an environment that a door has authenticated by its own means.
    pub fn of(app: App, environment: Environment, actor: Actor) -> Self {
        Self { app, environment: Arc::new(environment), actor }
    }

    /// The scope of a caller whose key is known.
    pub(super) fn of_caller(app: App, Caller { environment, key }: Caller) -> Self {
        Self { app, environment, actor: Actor::key(&key) }
    }

    /// The application, for what is not data: hashing, signing, time.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// A connection for reading.
    pub async fn read(&self) -> Result<Db> {
        self.app.database().read(self.environment.key).await
    }

    /// Runs the closure in a transaction; see [`Database::write`].
    pub async fn write<T>(&self, change: impl AsyncFnOnce(&mut Tx) -> Result<T>) -> Result<T> {
        self.app.database().write(self.environment.key, change).await
    }
}

impl FromRequestParts<App> for Scope {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let key = bearer(&parts.headers).ok_or_else(Error::unauthenticated)?;
        let caller = app.callers().find(app, key).await?.ok_or_else(Error::unauthenticated)?;
        app.limits().request(&caller.key)?;
        Ok(Self::of_caller(app.clone(), caller))
    }
}

/// The operator of the server.
#[derive(Debug, Clone)]
pub struct Operator {
    app: App,
}

impl Operator {
    /// The application.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// The database, whole.
    pub fn database(&self) -> &Database {
        self.app.database()
    }

    /// A connection outside all environments.
    pub async fn system(&self) -> Result<System> {
        self.app.database().system().await
    }
}

impl FromRequestParts<App> for Operator {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let token = bearer(&parts.headers).ok_or_else(Error::unauthenticated)?;
        if app.is_operator(token) { Ok(Self { app: app.clone() }) } else { Err(Error::unauthenticated()) }
    }
}
