//! The keys that sign tokens, made when they are first needed and kept parsed.
//!
//! Every environment has a key set of its own. The key that signs is read from the database at most once in
//! [`TRUSTED_SECONDS`], and signing never waits for it in between. So a server goes on signing for that long with a key
//! that another server has just retired, which is harmless because retired keys stay published until no token of
//! theirs can be valid. What tokens say is `domain::access_tokens`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::DateTime;

use super::auth::Scope;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{EnvironmentKey, SigningKeyId, SigningKeyKind};
use crate::kernel::{Error, Result};
use crate::model::signing_keys::StoredKey;
use crate::protocol::jwt::SigningKey;
use crate::store;

/// How long a key is used before the database is asked again which one signs.
const TRUSTED_SECONDS: i64 = 60;
/// Environments whose keys are kept, each a few kilobytes.
const CAPACITY: usize = 512;

/// The keys in use.
#[derive(Debug, Default)]
pub struct SigningKeys {
    kept: Mutex<HashMap<EnvironmentKey, Kept>>,
    /// Held while a key is made. A search for primes takes a core for a while, and nobody needs an environment's
    /// second key: one at a time is enough.
    making: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Kept {
    key: Arc<SigningKey>,
    until: Timestamp,
}

impl SigningKeys {
    fn find(&self, environment: EnvironmentKey, now: Timestamp) -> Option<Arc<SigningKey>> {
        self.lock().get(&environment).filter(|kept| now < kept.until).map(|kept| Arc::clone(&kept.key))
    }

    fn keep(&self, environment: EnvironmentKey, key: Arc<SigningKey>, now: Timestamp) {
        let mut kept = self.lock();
        if kept.len() >= CAPACITY && !kept.contains_key(&environment) {
            kept.retain(|_, other| now < other.until);
        }
        if kept.len() >= CAPACITY && !kept.contains_key(&environment) {
            // All of them are in use: any may go, and is read again when it is needed.
            let any = kept.keys().next().copied();
            any.map(|any| kept.remove(&any));
        }
        kept.insert(environment, Kept { key, until: now.plus_seconds(TRUSTED_SECONDS) });
    }

    /// No code that can panic runs under the lock, so a poisoned one is as good as any.
    fn lock(&self) -> MutexGuard<'_, HashMap<EnvironmentKey, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Scope {
    /// Who issues this environment's tokens: what stands in their `iss`.
    pub fn issuer(&self) -> String {
        format!("{}/user_management/{}", self.app().public_url(), self.environment.client_id)
    }

    /// The key that signs this environment's tokens. The first call for an environment makes it.
    pub async fn signing_key(&self) -> Result<Arc<SigningKey>> {
        let keys = self.app().signing_keys();
        let now = self.app().database().clock.now();
        if let Some(key) = keys.find(self.environment.key, now) {
            return Ok(key);
        }
        let stored = store::signing_keys::find_active(&mut self.read().await?).await?;
        let key = match stored {
            Some(stored) => Arc::new(self.open(stored)?),
            None => self.make().await?,
        };
        keys.keep(self.environment.key, Arc::clone(&key), now);
        Ok(key)
    }

    /// Makes the environment's first key, outside of any transaction, and answers with the one that was written first,
    /// whoever made it.
    async fn make(&self) -> Result<Arc<SigningKey>> {
        let _making = self.app().signing_keys().making.lock().await;
        if let Some(stored) = store::signing_keys::find_active(&mut self.read().await?).await? {
            return self.open(stored).map(Arc::new);
        }
        let key = self.generate().await?;
        let id = SigningKeyId::verbatim(key.kid());
        let sealed = self.app().keyring().seal(&StoredKey::purpose(&id), key.pkcs8().expose());
        let stored = StoredKey { id, sealed, certificate: key.certificate().to_vec() };
        self.write(async |tx| {
            let now = tx.now();
            store::signing_keys::insert_active(tx, &stored, &key.jwk(), now).await
        })
        .await?;
        let first = store::signing_keys::find_active(&mut self.read().await?).await?;
        let first = first.ok_or_else(|| Error::internal("the signing key that was just written is not there"))?;
        if first.id == stored.id { Ok(Arc::new(key)) } else { self.open(first).map(Arc::new) }
    }

    async fn generate(&self) -> Result<SigningKey> {
        let database = self.app().database();
        let random = database.random.clone();
        let kid = database.mint.id::<SigningKeyKind>().to_string();
        let now = DateTime::from_timestamp_millis(database.clock.now().millis()).unwrap_or_default();
        let made = tokio::task::spawn_blocking(move || SigningKey::generate(&random, kid, now)).await;
        made.map_err(Error::internal)?.map_err(Error::internal)
    }

    fn open(&self, stored: StoredKey) -> Result<SigningKey> {
        let purpose = StoredKey::purpose(&stored.id);
        let pkcs8 = self.app().keyring().open(&purpose, &stored.sealed).map_err(Error::internal)?;
        SigningKey::from_parts(stored.id.to_string(), pkcs8, stored.certificate).map_err(Error::internal)
    }
}
