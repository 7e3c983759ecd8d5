//! New passwords: judged and hashed before the transaction that stores them.
//!
//! Hashing takes its time on purpose and waits in a queue, so it must never happen while a transaction is open. What a
//! transaction gets is a [`Hashed`], which cannot be made in another way.

use crate::kernel::error::FieldFault;
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result};
use crate::protocol::password::{Hasher, Weakness, strength};

/// A password that is ready to be stored.
#[derive(Debug, Clone)]
pub struct Hashed(Secret<String>);

impl Hashed {
    /// The string that is stored.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Judges a new password and hashes it. `about` is what an attacker would try first: the user's address and names.
pub async fn hash(hasher: &Hasher, password: Secret<String>, about: &[&str]) -> Result<Hashed> {
    strength(password.expose(), about).map_err(refusal)?;
    hash_as_it_is(hasher, password).await
}

/// Hashes a password without judging it: for a seed, whose author knows what they write.
pub async fn hash_as_it_is(hasher: &Hasher, password: Secret<String>) -> Result<Hashed> {
    let hash = hasher.hash(password).await?;
    Ok(Hashed(Secret::new(hash)))
}

fn refusal(weaknesses: Vec<Weakness>) -> Error {
    let fault = |weakness: Weakness| FieldFault {
        field: Some("password".to_owned()),
        code: weakness.code,
        message: weakness.message,
    };
    Error::refused("password_strength_error", "Password does not meet strength requirements.")
        .with_faults(weaknesses.into_iter().map(fault).collect())
}
