//! Whether the server lives, and whether it should be given work.

use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;

use super::extract::Json;
use super::routes::{Access, Routes};
use super::state::App;
use crate::db::migrate;
use crate::kernel::{Error, Result};

/// Where machines ask. They do so all the time, and it tells nothing of anybody being served.
pub const PROBES: [&str; 3] = ["/livez", "/readyz", "/health"];

/// The routes of health.
pub fn routes() -> Routes {
    Routes::family("health").access(Access::Public).get("/livez", live).get("/readyz", ready).get("/health", ready)
}

/// All is well.
#[derive(Debug, Serialize, JsonSchema)]
struct Health {
    status: &'static str,
}

impl Health {
    const OK: Self = Self { status: "ok" };
}

async fn live() -> Json<Health> {
    Json(Health::OK)
}

/// Ready: not stopping, the database answers, and it has every migration that this program knows.
async fn ready(State(app): State<App>) -> Result<Json<Health>> {
    if app.is_stopping() {
        return Err(Error::unavailable("the server is stopping"));
    }
    if app.database().health().is_lost() {
        return Err(Error::unavailable("the database is lost"));
    }
    match migrate::pending(app.database()).await {
        Ok(0) => Ok(Json(Health::OK)),
        Ok(missing) => Err(Error::unavailable(format!("{missing} migrations are missing"))),
        Err(error) => Err(Error::unavailable(error)),
    }
}
