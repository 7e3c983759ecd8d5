//! Signing keys, as they are kept.

use sqlx::FromRow;

use crate::kernel::id::SigningKeyId;

/// The parts of a key that signs tokens.
#[derive(Debug, Clone, FromRow)]
pub struct StoredKey {
    /// Its id, the `kid` of its tokens.
    pub id: SigningKeyId,
    /// The private key, sealed for [`StoredKey::purpose`].
    pub sealed: Vec<u8>,
    /// The certificate that was made for it.
    pub certificate: Vec<u8>,
}

impl StoredKey {
    /// What the private key of this id is sealed for, so that it cannot serve in another row.
    pub fn purpose(id: &SigningKeyId) -> String {
        format!("signing_key:{id}")
    }
}
