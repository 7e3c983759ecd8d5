//! Passwords: hashing them with Argon2id, checking them, and refusing the weak ones.
//!
//! [`Hasher`] is the way in: it hashes on threads of its own and refuses work instead of piling it up (`pool`).
//! What a hash of ours looks like is `phc`; those that other systems made are `imported`; what a good password is, is
//! [`strength()`].
//! No rule about users lives here: who may try, how often, and what is said about it is decided by the callers.
//!
//! Passwords are taken as they come: no trimming, no truncation, no Unicode normalization. Hashes are imported from
//! other systems, and one that was made of other bytes could never be matched again.

mod imported;
mod others;
mod phc;
mod pool;
mod strength;

use std::time::Duration;

pub use imported::{ImportError, SaltPosition, Scheme, export, import};
pub use others::watch;
pub use phc::{PhcError, Verdict};
pub use pool::{Limits, Load};
pub use strength::{Weakness, strength};

use crate::kernel;
use crate::kernel::crypto::Random;
use crate::kernel::secret::Secret;

/// Why a password was not hashed or verified.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The queue is full. Callers answer 429 or 503 with `Retry-After`, and must not try again by themselves.
    #[error("too many passwords are being checked; try again in {} s", .retry_after.as_secs())]
    Busy {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// The stored hash cannot be used.
    #[error(transparent)]
    Stored(#[from] PhcError),
    /// The stored hash, which another system made, cannot be used.
    #[error(transparent)]
    Imported(#[from] ImportError),
    /// The work was given up half-way: a bug, or the server is stopping.
    #[error("password hashing was interrupted")]
    Interrupted,
}

/// A full queue and an interruption pass: come back in a moment. A stored hash that cannot be used is a fault of ours.
impl From<Error> for kernel::Error {
    fn from(error: Error) -> Self {
        match error {
            Error::Busy { .. } | Error::Interrupted => Self::unavailable(error),
            Error::Stored(_) | Error::Imported(_) => Self::internal(error),
        }
    }
}

/// Hashes and verifies passwords on threads of its own. Cheap to clone; all clones share the threads.
///
/// A hash takes 20 ms of a core and 19 MiB on purpose, so whoever sends passwords fast enough could take the whole
/// machine. Four things prevent it. The work never runs on a thread of the runtime. There are no more such threads
/// than cores, and on Linux they run 10 nice levels below the server's others. While others are
/// [served](Hasher::others_served), one core is left to them. And no more than [`Limits::queue`] passwords wait; the next
/// one is refused with [`Error::Busy`]. Keeping one caller from filling the queue for all is the business of the rate
/// limits in front of it.
#[derive(Clone, Debug)]
pub struct Hasher {
    pool: pool::Pool,
    random: Random,
    /// A hash with our parameters that no password has.
    nobody: String,
}

impl Hasher {
    /// Starts the threads. Their memory is taken by the first password, and given back after [`Limits::keep_memory`].
    pub fn start(random: Random, limits: Limits) -> std::io::Result<Self> {
        let nobody = phc::nobody(&random).map_err(std::io::Error::other)?;
        Ok(Self { pool: pool::Pool::start(limits)?, random, nobody })
    }

    /// Hashes a new password into the string that is stored: Argon2id in the PHC format, with a random salt.
    pub async fn hash(&self, password: Secret<String>) -> Result<String, Error> {
        let salt = self.random.bytes();
        Ok(self.pool.run(0, move |memory| phc::hash(memory, password.expose(), salt)).await??)
    }

    /// Checks a password against a stored hash. [`Verdict::Right`] says whether the hash should be made anew.
    ///
    /// A hash that is cheaper than ours (a salted SHA is computed in a microsecond) is followed by the work of one of
    /// ours when it does not fit: a quick answer would say that there is such an account.
    pub async fn verify(&self, password: Secret<String>, stored: String) -> Result<Verdict, Error> {
        let stored = Stored::parse(&stored)?;
        let extra = stored.extra_memory();
        let cover = stored.is_cheaper().then(|| phc::Stored::parse(&self.nobody)).transpose()?;
        let verify = move |memory: &mut phc::Memory| {
            let verdict = stored.verify(memory, password.expose())?;
            if let (Verdict::Wrong, Some(cover)) = (verdict, cover) {
                cover.verify(memory, password.expose())?;
            }
            Ok(verdict)
        };
        self.pool.run(extra, verify).await?
    }

    /// Does the work of [`Hasher::verify`], waits in the same queue, and is always wrong.
    ///
    /// For users who do not exist or have no password: answered at once, the time of the answer would say which
    /// e-mail addresses have an account. (An imported hash that is dearer than ours still takes longer, until the first
    /// successful sign-in replaces it.)
    pub async fn verify_unknown(&self, password: Secret<String>) -> Result<Verdict, Error> {
        self.verify(password, self.nobody.clone()).await
    }

    /// Whether it would take another password just now: an early answer for those who would be refused later.
    pub fn admit(&self) -> Result<(), Error> {
        self.pool.admit()
    }

    /// Says that somebody was served who asked for no hash: for [`Limits::make_way`] from now on a core is left to
    /// others. Who that was, [`watch`] tells.
    pub fn others_served(&self) {
        self.pool.others_served();
    }

    /// How busy it is at this moment.
    pub fn load(&self) -> Load {
        self.pool.load()
    }
}

/// A stored hash, read and found affordable.
enum Stored {
    Argon2(phc::Stored),
    Imported(imported::Imported),
}

impl Stored {
    fn parse(text: &str) -> Result<Self, Error> {
        if text.starts_with("$argon2") {
            return Ok(Self::Argon2(phc::Stored::parse(text)?));
        }
        Ok(Self::Imported(imported::Imported::parse(text)?))
    }

    /// Bytes that it takes beyond what a thread keeps for itself.
    fn extra_memory(&self) -> usize {
        match self {
            Self::Argon2(hash) => hash.extra_memory(),
            Self::Imported(hash) => hash.memory(),
        }
    }

    fn is_cheaper(&self) -> bool {
        match self {
            Self::Argon2(hash) => hash.is_cheaper(),
            Self::Imported(hash) => hash.is_cheaper(),
        }
    }

    fn verify(&self, memory: &mut phc::Memory, password: &str) -> Result<Verdict, Error> {
        match self {
            Self::Argon2(hash) => Ok(hash.verify(memory, password)?),
            Self::Imported(hash) if hash.fits(password)? => Ok(Verdict::Right { rehash: true }),
            Self::Imported(_) => Ok(Verdict::Wrong),
        }
    }
}
