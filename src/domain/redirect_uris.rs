//! Redirect URIs: where sign-in may send people back to, and the one that it goes to when it is told nowhere.

use crate::db::Tx;
use crate::kernel::id::RedirectUriId;
use crate::kernel::{Error, Result};
use crate::model::redirect_uris::RedirectUri;
use crate::protocol::web_address::{self, Plain};
use crate::store;

/// What a new redirect URI is made of.
#[derive(Debug)]
pub struct Create {
    /// Its id, where a seed pins it.
    pub id: Option<RedirectUriId>,
    /// The address.
    pub uri: String,
    /// Whether it becomes the default. Without a word on it, the first one does that can.
    pub is_default: Option<bool>,
    /// Where plain http is good enough.
    pub plain: Plain,
}

/// Makes a redirect URI. A new default takes the place of the old one.
pub async fn create(tx: &mut Tx, input: Create) -> Result<RedirectUri> {
    let Create { id, uri, is_default, plain } = input;
    let pattern = web_address::redirect_uri(&uri, plain)
        .map_err(|problem| Error::field("uri", "invalid_redirect_uri", format!("uri {problem}.")))?;
    if is_default == Some(true) && pattern.is_wildcard {
        return Err(wildcard_default());
    }
    store::redirect_uris::lock_default(tx).await?;
    let is_default = match is_default {
        Some(is_default) => is_default,
        None => !pattern.is_wildcard && !store::redirect_uris::has_default(tx).await?,
    };
    let now = tx.now();
    if is_default {
        store::redirect_uris::clear_default(tx, now).await?;
    }
    let redirect =
        RedirectUri { id: id.unwrap_or_else(|| tx.mint()), uri, is_default, created_at: now, updated_at: now };
    store::redirect_uris::insert(tx, &redirect).await?;
    Ok(redirect)
}

/// Makes this one the default.
pub async fn set_default(tx: &mut Tx, id: &RedirectUriId) -> Result<RedirectUri> {
    store::redirect_uris::lock_default(tx).await?;
    let mut redirect = store::redirect_uris::lock(tx, id).await?;
    if redirect.is_default {
        return Ok(redirect);
    }
    if redirect.uri.contains('*') {
        return Err(wildcard_default());
    }
    let now = tx.now();
    store::redirect_uris::clear_default(tx, now).await?;
    (redirect.is_default, redirect.updated_at) = (true, now);
    store::redirect_uris::update(tx, &redirect).await?;
    Ok(redirect)
}

/// Nobody could be sent to an address that stands for many.
fn wildcard_default() -> Error {
    Error::field("default", "invalid_default", "A redirect URI with a wildcard cannot be the default.")
}

/// Deletes a redirect URI. The default stays, so that there is always somewhere to go; make another one the default
/// first.
pub async fn delete(tx: &mut Tx, id: &RedirectUriId) -> Result<()> {
    if store::redirect_uris::lock(tx, id).await?.is_default {
        return Err(Error::conflict("default_redirect_uri", "Cannot delete the default redirect URI."));
    }
    store::redirect_uris::delete(tx, id).await
}
