//! `Secret<T>`: a value that cannot be logged, serialized or printed by accident, and that is wiped when dropped.
//!
//! It guards against mistakes, not against somebody who reads the memory of the process: `expose` hands out a plain
//! reference, and what the caller copies out of it is the caller's to wipe. There is deliberately no `Serialize`, no
//! `Display` and no `==`; the one place that shows a secret to a client says `expose()` there, where review finds it.
//! Sealing at rest is [`crate::kernel::crypto`].

use std::fmt;

use serde::{Deserialize, Deserializer};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A secret of type `T`: usually `Secret<String>` or `Secret<Vec<u8>>`.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(pub(in crate::kernel) T);

impl<T: Zeroize> Secret<T> {
    /// Takes the value into custody. Copies made before this moment are not wiped.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself. Every call is a place where a secret can leave, which is why it has a name to search for.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize + AsRef<[u8]>> Secret<T> {
    /// Whether `other` is the same secret, in a time that depends on the lengths alone. A comparison that stops at
    /// the first difference tells an attacker, byte by byte, how much of a guess was right.
    pub fn matches(&self, other: impl AsRef<[u8]>) -> bool {
        same(self.0.as_ref(), other.as_ref())
    }
}

/// Constant-time equality of two byte strings, for what is compared but not held as a [`Secret`], such as hashes.
pub fn same(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}

/// `sk_...3456`: enough to recognise an API key, not enough to use it.
pub fn obfuscate(key: &str) -> String {
    let tail: String = key.chars().skip(key.chars().count().saturating_sub(4)).collect();
    format!("sk_...{tail}")
}

/// Whether somebody may pin this as the value of an API key: it must look like one, and be long enough not to be guessed.
pub fn is_api_key(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-');
    text.starts_with("sk_") && (11..=256).contains(&text.len()) && plain
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not even the length: it narrows a search, and tells an empty secret from a set one only to the curious.
        formatter.write_str("Secret(..)")
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

impl From<&str> for Secret<String> {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self)
    }
}
