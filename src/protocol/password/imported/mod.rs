//! Password hashes that other systems made: read, bounded, and compared with a password.
//!
//! A hash comes from outside, and so do its parameters: one that asks for 4 GiB would stop the server as often as
//! somebody tries to sign in to it. [`import`] therefore refuses what [`Imported::parse`] would not afford, before it is
//! stored. Nothing is ever hashed anew in these forms: the first sign-in replaces such a hash by one of ours.
//!
//! Argon2 is at home in [`super::phc`], since it is also what we write ourselves. The others are here, a module each.

mod bcrypt;
mod pbkdf2;
mod salted_sha;
mod scrypt;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::phc::{self, PhcError};

crate::words! {
    /// What made a hash.
    pub enum Scheme {
        /// bcrypt, in the three versions that differ in name only.
        Bcrypt = "bcrypt",
        /// Firebase's own: scrypt, and a secret of the project.
        FirebaseScrypt = "firebase-scrypt",
        /// Salted SHA-1, as LDAP servers keep it.
        Ssha = "ssha",
        /// Salted SHA-256.
        Ssha256 = "ssha256",
        /// scrypt.
        Scrypt = "scrypt",
        /// PBKDF2 with HMAC-SHA-256 or HMAC-SHA-512.
        Pbkdf2 = "pbkdf2",
        /// Argon2id, Argon2i or Argon2d.
        Argon2 = "argon2",
    }
}

crate::words! {
    /// Where the salt stood when a salted SHA-256 was computed.
    pub enum SaltPosition {
        /// Before the password.
        Prefix = "prefix",
        /// Behind it.
        Suffix = "suffix",
    }
}

/// Why an imported hash cannot be used. The words are for whoever sent it; they repeat nothing of it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ImportError {
    /// It is not of its form.
    #[error("password_hash must be {0}")]
    Malformed(&'static str),
    /// Its parameters are beyond what is taken.
    #[error("password_hash must have {0}")]
    OutOfBounds(&'static str),
    /// The machine has no memory left to compute it.
    #[error("there is no memory left to check a password; give the server more, or fewer hashing threads")]
    OutOfMemory,
    /// It is one of Argon2, and cannot be used for this reason.
    #[error("password_hash cannot be used: {0}")]
    Argon2(#[from] PhcError),
}

/// Longer than any hash of these forms with the parameters that are taken.
const MAX_TEXT_LEN: usize = 1024;

/// Reads a hash that somebody wants to store, and answers the string to be stored. Costs nothing.
///
/// # Errors
///
/// When it is not of the form of this scheme, or its parameters are out of bounds.
pub fn import(scheme: Scheme, text: &str, position: Option<SaltPosition>) -> Result<String, ImportError> {
    if text.len() > MAX_TEXT_LEN {
        return Err(ImportError::Malformed("at most 1024 characters"));
    }
    match scheme {
        Scheme::Argon2 => phc::check_import(text)?,
        Scheme::Bcrypt => bcrypt::Hash::parse(text).map(|_| ())?,
        Scheme::FirebaseScrypt => scrypt::Hash::parse_firebase(text).map(|_| ())?,
        Scheme::Pbkdf2 => pbkdf2::Hash::parse(text).map(|_| ())?,
        Scheme::Scrypt => scrypt::Hash::parse(text).map(|_| ())?,
        Scheme::Ssha => salted_sha::Hash::parse_sha1(text).map(|_| ())?,
        Scheme::Ssha256 => return salted_sha::import_sha256(text, position.unwrap_or(SaltPosition::Suffix)),
    }
    Ok(text.to_owned())
}

/// What to give [`import`] for a hash that is stored: its scheme, its text, and where its salt stood. The way of hashes
/// from one server to another, ours among them.
pub fn export(stored: &str) -> (Scheme, &str, Option<SaltPosition>) {
    const SCHEMES: [(&str, Scheme); 6] = [
        ("$argon2", Scheme::Argon2),
        ("$2", Scheme::Bcrypt),
        ("$pbkdf2$", Scheme::Pbkdf2),
        ("$scrypt$", Scheme::Scrypt),
        ("$firebase-scrypt$", Scheme::FirebaseScrypt),
        ("{SSHA}", Scheme::Ssha),
    ];
    if let Some((_, scheme)) = SCHEMES.iter().find(|(beginning, _)| stored.starts_with(beginning)) {
        return (*scheme, stored, None);
    }
    match salted_sha::export_sha256(stored) {
        Some((text, position)) => (Scheme::Ssha256, text, Some(position)),
        // The label of SHA-1 in another case.
        None => (Scheme::Ssha, stored, None),
    }
}

/// A stored hash of another system, read and found affordable.
pub(super) enum Imported {
    Bcrypt(bcrypt::Hash),
    Pbkdf2(pbkdf2::Hash),
    Salted(salted_sha::Hash),
    Scrypt(scrypt::Hash),
}

impl Imported {
    /// Reads what [`import`] has let in, by the beginning that each form has.
    pub(super) fn parse(text: &str) -> Result<Self, ImportError> {
        if text.starts_with("$2") {
            bcrypt::Hash::parse(text).map(Self::Bcrypt)
        } else if text.starts_with("$pbkdf2$") {
            pbkdf2::Hash::parse(text).map(Self::Pbkdf2)
        } else if text.starts_with("$scrypt$") {
            scrypt::Hash::parse(text).map(Self::Scrypt)
        } else if text.starts_with("$firebase-scrypt$") {
            scrypt::Hash::parse_firebase(text).map(Self::Scrypt)
        } else {
            salted_sha::Hash::parse_stored(text).map(Self::Salted)
        }
    }

    /// Bytes that it takes to compute it.
    pub(super) fn memory(&self) -> usize {
        match self {
            Self::Bcrypt(_) | Self::Pbkdf2(_) | Self::Salted(_) => 0,
            Self::Scrypt(hash) => hash.memory(),
        }
    }

    /// Whether it takes less time than a hash of ours, so that a quick answer would tell that somebody has one.
    pub(super) fn is_cheaper(&self) -> bool {
        match self {
            Self::Bcrypt(hash) => hash.is_cheaper(),
            Self::Pbkdf2(_) => false,
            Self::Salted(_) => true,
            Self::Scrypt(hash) => hash.is_cheaper(),
        }
    }

    /// Whether this is the password. Blocking, up to a second.
    pub(super) fn fits(&self, password: &str) -> Result<bool, ImportError> {
        match self {
            Self::Bcrypt(hash) => Ok(hash.fits(password)),
            Self::Pbkdf2(hash) => Ok(hash.fits(password)),
            Self::Salted(hash) => Ok(hash.fits(password)),
            Self::Scrypt(hash) => hash.fits(password),
        }
    }
}

/// With or without padding: both are exported.
const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// Bytes in base64, in either alphabet.
fn bytes(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// The values of parameters such as `n=16384,r=8`: exactly these, in any order.
fn parameters<'t, const N: usize>(text: &'t str, names: [&str; N]) -> Option<[&'t str; N]> {
    let pairs = text.split(',').map(|pair| pair.split_once('=')).collect::<Option<Vec<_>>>()?;
    if pairs.len() != N {
        return None;
    }
    let mut values = [""; N];
    for (value, name) in values.iter_mut().zip(names) {
        *value = pairs.iter().find(|(found, _)| *found == name)?.1;
    }
    Some(values)
}

/// A number in digits and nothing else.
fn number(text: &str) -> Option<u32> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}
