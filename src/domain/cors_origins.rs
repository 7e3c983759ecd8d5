//! CORS origins: whose pages may call the public routes from a browser. The answers to browsers are `http::cors`.

use serde_json::json;

use crate::db::{System, Tx};
use crate::kernel::id::CorsOriginId;
use crate::kernel::{Error, Result};
use crate::model::cors_origins::CorsOrigin;
use crate::model::environments::Environment;
use crate::protocol::web_address::{self, Plain};
use crate::store;

/// What a new origin is made of.
#[derive(Debug)]
pub struct Create {
    /// Its id, where a seed pins it.
    pub id: Option<CorsOriginId>,
    /// The origin.
    pub origin: String,
    /// Where plain http is good enough.
    pub plain: Plain,
}

/// Makes an origin, in the form in which browsers name it.
pub async fn create(tx: &mut Tx, input: Create) -> Result<CorsOrigin> {
    let Create { id, origin, plain } = input;
    let origin = web_address::origin(&origin, plain).map_err(invalid)?;
    let id = id.unwrap_or_else(|| tx.mint());
    let origin = CorsOrigin { id, origin, created_at: tx.now(), updated_at: tx.now() };
    store::cors_origins::insert(tx, &origin).await?;
    Ok(origin)
}

/// This one operation words faults of fields in another way; what all others say stands beside it.
fn invalid(problem: &'static str) -> Error {
    let message = format!("origin {problem}.");
    let fault = json!({
        "field": "origin", "code": "invalid_origin", "message": message,
        "property": "origin", "constraints": { "isOrigin": message },
    });
    Error::unprocessable("invalid_request_parameters", "Validation failed.").with("errors", json!([fault]))
}

/// Deletes an origin, which no server answers any more from then on. What a browser was told before it may believe for a
/// few minutes more.
pub async fn delete(system: &mut System, environment: &Environment, id: &CorsOriginId) -> Result<()> {
    let was_there = store::system::cors_origins::delete(system, environment.key, id).await?;
    if was_there { Ok(()) } else { Err(Error::missing(id)) }
}
