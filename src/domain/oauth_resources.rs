//! Resources that tokens can be asked for, and the one that they are for when they are asked for none.

use crate::db::Tx;
use crate::kernel::id::OauthResourceId;
use crate::kernel::{Error, Result};
use crate::model::oauth_resources::OauthResource;
use crate::protocol::web_address::{self, Plain};
use crate::store;

/// What a new resource is made of.
#[derive(Debug)]
pub struct Create {
    /// Its id, where a seed pins it.
    pub id: Option<OauthResourceId>,
    /// The resource.
    pub uri: String,
    /// Whether it becomes the default.
    pub is_default: bool,
    /// Where plain http is good enough.
    pub plain: Plain,
}

/// Makes a resource. A new default takes the place of the old one; unlike with redirect URIs there need not be one.
pub async fn create(tx: &mut Tx, input: Create) -> Result<OauthResource> {
    let Create { id, uri, is_default, plain } = input;
    let pattern = web_address::resource(&uri, plain)
        .map_err(|problem| Error::field("uri", "invalid_resource", format!("uri {problem}.")))?;
    if is_default && pattern.is_wildcard {
        return Err(wildcard_default());
    }
    let now = tx.now();
    if is_default {
        store::oauth_resources::lock_default(tx).await?;
        store::oauth_resources::clear_default(tx, now).await?;
    }
    let resource =
        OauthResource { id: id.unwrap_or_else(|| tx.mint()), uri, is_default, created_at: now, updated_at: now };
    store::oauth_resources::insert(tx, &resource).await?;
    Ok(resource)
}

/// Makes this one the default.
pub async fn set_default(tx: &mut Tx, id: &OauthResourceId) -> Result<OauthResource> {
    store::oauth_resources::lock_default(tx).await?;
    let mut resource = store::oauth_resources::lock(tx, id).await?;
    if resource.is_default {
        return Ok(resource);
    }
    if resource.uri.contains('*') {
        return Err(wildcard_default());
    }
    let now = tx.now();
    store::oauth_resources::clear_default(tx, now).await?;
    (resource.is_default, resource.updated_at) = (true, now);
    store::oauth_resources::update(tx, &resource).await?;
    Ok(resource)
}

/// A token is for one resource, so it cannot be for a pattern of them.
fn wildcard_default() -> Error {
    Error::field("default", "invalid_default", "A resource with a wildcard cannot be the default.")
}

/// Deletes a resource, the default included.
pub async fn delete(tx: &mut Tx, id: &OauthResourceId) -> Result<()> {
    store::oauth_resources::lock(tx, id).await?;
    store::oauth_resources::delete(tx, id).await
}
