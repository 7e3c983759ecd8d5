//! Who calls with which management key, remembered for a moment so that not every request asks the database first.
//!
//! A key that was deleted is refused from the moment that its deletion is answered, by every server, and so it is with
//! the settings of environments: what is remembered is on a [`Lease`], which changes wait for. Keys that are not known
//! are not remembered, so strangers cannot fill the table.

use std::sync::Arc;

use super::state::App;
use crate::db::lease::{Lease, Leased};
use crate::kernel::Result;
use crate::kernel::crypto::sha256;
use crate::kernel::id::ManagementKeyId;
use crate::model::environments::Environment;
use crate::store;

/// An application, as its key tells.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The environment that the key is for.
    pub environment: Arc<Environment>,
    /// The key.
    pub key: ManagementKeyId,
}

/// The callers that are known just now, by the hash of their key.
#[derive(Debug, Default)]
pub struct Callers {
    known: Leased<[u8; 32], Caller>,
}

impl Callers {
    /// The caller with this key, if it is one.
    pub async fn find(&self, app: &App, key: &str) -> Result<Option<Caller>> {
        let hash = sha256(key.as_bytes());
        if let Some(caller) = self.known.find(&hash) {
            return Ok(Some(caller));
        }
        let mut system = app.database().system().await?;
        // The wait for a connection is over: from here on it counts.
        let lease = Lease::take();
        let found = store::system::environments::find_by_key(&mut system, &hash).await?;
        drop(system);
        let caller = found.map(|(environment, key)| Caller { environment: Arc::new(environment), key });
        if let Some(caller) = &caller {
            self.known.insert(hash, caller.clone(), lease);
        }
        Ok(caller)
    }
}
