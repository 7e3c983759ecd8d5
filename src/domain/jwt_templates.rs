//! Templates of access tokens: kept as they were given, once it is certain that they can be read.

use crate::db::Tx;
use crate::kernel::{Error, Result};
use crate::model::jwt_templates::JwtTemplate;
use crate::protocol::jwt_template;
use crate::store;

/// Makes this the environment's template.
///
/// One that cannot be rendered would fail every sign-in, so its faults are told now, to whoever writes it.
pub async fn set(tx: &mut Tx, content: &str) -> Result<JwtTemplate> {
    jwt_template::check(content).map_err(|fault| Error::field("content", "invalid_template", fault.to_string()))?;
    let now = tx.now();
    store::jwt_templates::set(tx, content, now).await
}

/// Removes the environment's template: tokens say the ordinary again.
pub async fn delete(tx: &mut Tx) -> Result<()> {
    if store::jwt_templates::delete(tx).await? { Ok(()) } else { Err(missing()) }
}

/// There is no template.
pub fn missing() -> Error {
    Error::missing_named("JWT template", "default")
}
