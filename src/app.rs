//! Floor 6: the composition of the application. What `serve` runs and what the tests call in process.

use axum::Router;

use crate::admin;
use crate::api;
use crate::http::edge;
use crate::http::openapi::{self, Documents};
use crate::http::{App, Routes, health};

/// Every route that the server has.
pub fn routes() -> Routes {
    api::routes().merge(admin::routes()).merge(health::routes()).merge(openapi::routes())
}

/// The whole application as one service.
pub fn router(app: &App) -> Router {
    let routes = routes();
    app.document(Documents::new(routes.table().to_vec()));
    edge::surround(routes, app.clone())
}
