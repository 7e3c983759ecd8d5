//! Salted SHA, as LDAP servers keep it: `{SSHA}` or `{SSHA256}`, then base64 of the digest and the salt behind it.
//!
//! Both are computed in a microsecond, so whoever has them has most of the passwords. All the more reason to take them
//! in: the first sign-in of each user puts an end to them.

use aws_lc_rs::digest::{self, Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA256};

use super::{ImportError, SaltPosition, bytes};
use crate::kernel::secret;

const SHA1_LABEL: &str = "{SSHA}";
const SHA256_LABEL: &str = "{SSHA256}";
/// Our own, never taken from outside: the position of the salt is a field of its own there.
const SHA256_PREFIX_LABEL: &str = "{SSHA256-PREFIX}";
const SALT_LEN: std::ops::RangeInclusive<usize> = 1..=64;

const SHA1_FORM: ImportError = ImportError::Malformed("{SSHA} and base64 of the SHA-1 digest with its salt behind it");
const SHA256_FORM: ImportError = ImportError::Malformed(
    "{SSHA256}, which may be left out, and base64 of the SHA-256 digest with its salt behind it",
);

/// A hash that was read.
pub(in super::super) struct Hash {
    algorithm: &'static Algorithm,
    position: SaltPosition,
    digest: Vec<u8>,
    salt: Vec<u8>,
}

/// What follows a label, which LDAP writes in any case (RFC 2307, 5.3).
fn labelled<'t>(text: &'t str, label: &str) -> Option<&'t str> {
    let (found, rest) = text.split_at_checked(label.len())?;
    found.eq_ignore_ascii_case(label).then_some(rest)
}

/// Reads a salted SHA-256, and answers it under the label that tells where its salt stood.
pub(super) fn import_sha256(text: &str, position: SaltPosition) -> Result<String, ImportError> {
    let text = labelled(text, SHA256_LABEL).unwrap_or(text);
    Hash::parse(&SHA256, position, text).ok_or(SHA256_FORM)?;
    Ok(match position {
        SaltPosition::Prefix => format!("{SHA256_PREFIX_LABEL}{text}"),
        SaltPosition::Suffix => format!("{SHA256_LABEL}{text}"),
    })
}

/// The reverse of [`import_sha256`].
pub(super) fn export_sha256(stored: &str) -> Option<(&str, SaltPosition)> {
    let before = stored.strip_prefix(SHA256_PREFIX_LABEL).map(|text| (text, SaltPosition::Prefix));
    before.or_else(|| stored.strip_prefix(SHA256_LABEL).map(|text| (text, SaltPosition::Suffix)))
}

impl Hash {
    fn parse(algorithm: &'static Algorithm, position: SaltPosition, text: &str) -> Option<Self> {
        let mut digest = bytes(text)?;
        // What is too short has no salt either.
        let salt = digest.split_off(algorithm.output_len().min(digest.len()));
        SALT_LEN.contains(&salt.len()).then_some(Self { algorithm, position, digest, salt })
    }

    pub(super) fn parse_sha1(text: &str) -> Result<Self, ImportError> {
        let rest = labelled(text, SHA1_LABEL).ok_or(SHA1_FORM)?;
        Self::parse(&SHA1_FOR_LEGACY_USE_ONLY, SaltPosition::Suffix, rest).ok_or(SHA1_FORM)
    }

    /// Reads either, as it is stored.
    pub(super) fn parse_stored(text: &str) -> Result<Self, ImportError> {
        if let Some(rest) = text.strip_prefix(SHA256_PREFIX_LABEL) {
            return Self::parse(&SHA256, SaltPosition::Prefix, rest).ok_or(SHA256_FORM);
        }
        match text.strip_prefix(SHA256_LABEL) {
            Some(rest) => Self::parse(&SHA256, SaltPosition::Suffix, rest).ok_or(SHA256_FORM),
            None => Self::parse_sha1(text),
        }
    }

    pub(super) fn fits(&self, password: &str) -> bool {
        let mut context = digest::Context::new(self.algorithm);
        let (first, second) = match self.position {
            SaltPosition::Prefix => (&self.salt[..], password.as_bytes()),
            SaltPosition::Suffix => (password.as_bytes(), &self.salt[..]),
        };
        context.update(first);
        context.update(second);
        secret::same(context.finish().as_ref(), &self.digest)
    }
}
