//! Floor 6: the composition of the application. What `serve` runs and what the tests call in process.

use axum::Router;

use crate::admin;
use crate::api;
use crate::http::edge;
use crate::http::{App, Routes, health};

/// Every route that the server has.
pub fn routes() -> Routes {
    api::routes().merge(admin::routes()).merge(health::routes())
}

/// The whole application as one service.
pub fn router(app: &App) -> Router {
    edge::surround(routes(), app.clone())
}
