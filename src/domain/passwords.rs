//! New passwords: judged and hashed before the transaction that stores them.
//!
//! Hashing takes its time on purpose and waits in a queue, so it must never happen while a transaction is open. What a
//! transaction gets is a [`Hashed`], which cannot be made in another way.

use crate::kernel::error::FieldFault;
use crate::kernel::id::UserId;
use crate::kernel::secret::Secret;
use crate::kernel::{Error, Result};
use crate::protocol::password::{self, Hasher, SaltPosition, Scheme, Verdict, Weakness, strength};
use crate::store::users::Credentials;

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

/// Takes a hash that another system made, if it can be verified at a cost that is bounded. Nothing is known of the
/// password, so it is not judged; the first sign-in with it replaces the hash by one of ours.
pub fn import(scheme: Scheme, hash: &Secret<String>, position: Option<SaltPosition>) -> Result<Hashed> {
    match password::import(scheme, hash.expose(), position) {
        Ok(stored) => Ok(Hashed(Secret::new(stored))),
        Err(refusal) => Err(Error::refused("invalid_password_hash", refusal.to_string())),
    }
}

/// Hashes a password without judging it: for a seed, whose author knows what they write.
pub async fn hash_as_it_is(hasher: &Hasher, password: Secret<String>) -> Result<Hashed> {
    let hash = hasher.hash(password).await?;
    Ok(Hashed(Secret::new(hash)))
}

/// What comparing a password for sign-in showed.
#[derive(Debug)]
pub enum Proof {
    /// It is not the password of this user; or there is no such user.
    Wrong {
        /// Whose it is not.
        user: Option<UserId>,
    },
    /// It is.
    Right {
        /// Whose it is.
        user: UserId,
        /// The hash that it was compared with.
        hash: Secret<String>,
        /// The same password hashed with today's parameters, where the stored hash was made with others.
        renewed: Option<Hashed>,
    },
}

/// Compares a password for sign-in, with a hash if there is one and else with nobody's: the work is the same, and so is
/// the time.
///
/// Where too many wait already, this one is not the caller's fault alone, but the answer is 429 and not 503: it passes
/// by itself, the rest of the server is well, and a load balancer must not take it for ill.
pub async fn prove(hasher: &Hasher, known: Option<Credentials>, password: Secret<String>) -> Result<Proof> {
    let (user, stored) = known.map(|Credentials { user, password }| (user.id, password)).unzip();
    let (Some(user), Some(hash)) = (user.clone(), stored.flatten()) else {
        hasher.verify_unknown(password).await.map_err(busy)?;
        return Ok(Proof::Wrong { user });
    };
    match hasher.verify(password.clone(), hash.expose().clone()).await.map_err(busy)? {
        Verdict::Wrong => Ok(Proof::Wrong { user: Some(user) }),
        Verdict::Right { rehash: false } => Ok(Proof::Right { user, hash, renewed: None }),
        Verdict::Right { rehash: true } => {
            // A good password is let in even where there is no time for this now. There will be another sign-in.
            let renewed = hash_as_it_is(hasher, password).await.ok();
            Ok(Proof::Right { user, hash, renewed })
        }
    }
}

fn busy(error: password::Error) -> Error {
    match error {
        password::Error::Busy { retry_after } => {
            let seconds = u32::try_from(retry_after.as_secs()).unwrap_or(u32::MAX).max(1);
            let message = "Too many passwords are being checked at the moment. Try again shortly.";
            Error::too_many("too_many_requests", message, seconds)
        }
        password::Error::Stored(_) | password::Error::Imported(_) | password::Error::Interrupted => error.into(),
    }
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
