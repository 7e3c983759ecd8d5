//! Floor 6: the composition of the application. What `serve` runs and what the tests call in process.

use axum::Router;

use crate::api;
use crate::http::edge;
use crate::http::{App, Routes, health};

/// Every route that the server has.
pub fn routes() -> Routes {
    api::routes().merge(health::routes())
}

/// The whole application as one service.
pub fn router(app: &App) -> Router {
    edge::surround(routes().into_router(), app.clone())
}
