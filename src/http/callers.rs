//! Who calls with which management key, remembered for a moment so that not every request asks the database first.
//!
//! A key that was deleted is refused from the moment that its deletion is answered, by every server, and so it is with
//! the settings of environments: what is remembered is on a [`Lease`], which changes wait for. Keys that are not known
//! are not remembered, so strangers cannot fill the table.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use super::state::App;
use crate::db::lease::Lease;
use crate::kernel::Result;
use crate::kernel::crypto::sha256;
use crate::kernel::id::ManagementKeyId;
use crate::model::environments::Environment;
use crate::store;

/// With that many keys in the table, those whose lease is over are removed first when one is added.
const MANY: usize = 1024;

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
    known: RwLock<HashMap<[u8; 32], (Caller, Lease)>>,
}

impl Callers {
    /// The caller with this key, if it is one.
    pub async fn find(&self, app: &App, key: &str) -> Result<Option<Caller>> {
        let hash = sha256(key.as_bytes());
        if let Some(caller) = self.recollect(&hash) {
            return Ok(Some(caller));
        }
        let mut system = app.database().system().await?;
        // The wait for a connection is over: from here on it counts.
        let lease = Lease::take();
        let found = store::system::environments::find_by_key(&mut system, &hash).await?;
        drop(system);
        let caller = found.map(|(environment, key)| Caller { environment: Arc::new(environment), key });
        if let Some(caller) = &caller {
            self.remember(hash, caller.clone(), lease);
        }
        Ok(caller)
    }

    fn recollect(&self, hash: &[u8; 32]) -> Option<Caller> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(hash).filter(|(_, lease)| lease.holds()).map(|(caller, _)| caller.clone())
    }

    /// A lease that is over in the meantime does no harm, and neither does one that replaces a longer one.
    fn remember(&self, hash: [u8; 32], caller: Caller, lease: Lease) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= MANY {
            known.retain(|_, (_, lease)| lease.holds());
        }
        known.insert(hash, (caller, lease));
    }
}
