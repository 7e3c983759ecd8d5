//! PBKDF2 (RFC 8018): `$pbkdf2$i=600000,d=sha256$<salt>$<hash>`, salt and hash in base64. The salt is the decoded bytes.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{self, Algorithm, PBKDF2_HMAC_SHA256, PBKDF2_HMAC_SHA512};

use super::{ImportError, bytes, number, parameters};

/// A million take about a tenth of a second for each block of hash; fewer than these are too easy to try.
const ITERATIONS_SHA256: std::ops::RangeInclusive<u32> = 600_000..=1_000_000;
const ITERATIONS_SHA512: std::ops::RangeInclusive<u32> = 210_000..=1_000_000;
const OUTPUT_LEN: std::ops::RangeInclusive<usize> = 16..=64;
const SALT_LEN: std::ops::RangeInclusive<usize> = 1..=128;

/// A hash that was read.
pub(in super::super) struct Hash {
    algorithm: Algorithm,
    iterations: NonZeroU32,
    salt: Vec<u8>,
    output: Vec<u8>,
}

impl Hash {
    pub(super) fn parse(text: &str) -> Result<Self, ImportError> {
        let malformed = || ImportError::Malformed("of the form $pbkdf2$i=600000,d=sha256$<salt>$<hash>");
        let parts: Vec<_> = text.split('$').collect();
        let ["", "pbkdf2", values, salt, output] = parts[..] else { return Err(malformed()) };
        let [iterations, digest] = parameters(values, ["i", "d"]).ok_or_else(malformed)?;
        let iterations = number(iterations).ok_or_else(malformed)?;
        let (algorithm, bounds) = match digest {
            "sha256" => (PBKDF2_HMAC_SHA256, ITERATIONS_SHA256),
            "sha512" => (PBKDF2_HMAC_SHA512, ITERATIONS_SHA512),
            _ => return Err(ImportError::OutOfBounds("sha256 or sha512 as its digest")),
        };
        let iterations = NonZeroU32::new(iterations).filter(|iterations| bounds.contains(&iterations.get()));
        let hash = Self {
            algorithm,
            iterations: iterations.ok_or(ImportError::OutOfBounds(
                "600000 to 1000000 iterations with sha256, or 210000 to 1000000 with sha512",
            ))?,
            salt: bytes(salt).ok_or_else(malformed)?,
            output: bytes(output).ok_or_else(malformed)?,
        };
        if !SALT_LEN.contains(&hash.salt.len()) || !OUTPUT_LEN.contains(&hash.output.len()) {
            return Err(ImportError::OutOfBounds("a salt of 1 to 128 bytes and a hash of 16 to 64"));
        }
        Ok(hash)
    }

    pub(super) fn fits(&self, password: &str) -> bool {
        pbkdf2::verify(self.algorithm, self.iterations, &self.salt, password.as_bytes(), &self.output).is_ok()
    }
}
