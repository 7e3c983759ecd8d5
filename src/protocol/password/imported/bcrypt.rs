//! bcrypt: `$2b$12$`, then 22 characters of salt and 31 of hash in an alphabet of its own.
//!
//! `$2a$`, `$2b$` and `$2y$` are one algorithm: the letters tell which faults of old implementations a hash is known not
//! to have. `$2x$` does have one, and is not taken.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

use super::{ImportError, number};
use crate::kernel::secret;

/// 14 takes about a second, which is as long as anybody waits for one sign-in.
const COSTS: std::ops::RangeInclusive<u32> = 4..=14;
/// From this cost on it takes longer than a hash of ours.
const OUR_COST: u32 = 9;
/// Bytes of a password that count: Blowfish takes no longer key (Provos and Mazieres, 1999).
const KEY_LEN: usize = 72;
const SALT_LEN: usize = 16;
const OUTPUT_LEN: usize = 23;

/// The last character of a salt has four bits too many, and some implementations set them.
const ALPHABET: GeneralPurpose = GeneralPurpose::new(
    &alphabet::BCRYPT,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// A hash that was read.
pub(in super::super) struct Hash {
    cost: u32,
    salt: [u8; SALT_LEN],
    output: [u8; OUTPUT_LEN],
}

impl Hash {
    pub(super) fn parse(text: &str) -> Result<Self, ImportError> {
        let malformed = || ImportError::Malformed("of the form $2b$12$... (or $2a$, $2y$), as bcrypt writes it");
        let rest = ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| text.strip_prefix(prefix));
        let (cost, digest) = rest.and_then(|rest| rest.split_once('$')).ok_or_else(malformed)?;
        let (salt, output) = digest.split_at_checked(22).ok_or_else(malformed)?;
        let decode = |text: &str| ALPHABET.decode(text).ok();
        let hash = Self {
            cost: number(cost).filter(|_| cost.len() == 2).ok_or_else(malformed)?,
            salt: decode(salt).and_then(|bytes| bytes.try_into().ok()).ok_or_else(malformed)?,
            output: decode(output).and_then(|bytes| bytes.try_into().ok()).ok_or_else(malformed)?,
        };
        if COSTS.contains(&hash.cost) { Ok(hash) } else { Err(ImportError::OutOfBounds("a cost from 4 to 14")) }
    }

    pub(super) fn is_cheaper(&self) -> bool {
        self.cost < OUR_COST
    }

    /// The key is the password with the NUL that ends it in C, cut off at 72 bytes, as every implementation has it.
    ///
    /// A password that contains a NUL fits nothing: some implementations end there, and with the others the key, which
    /// is repeated up to its full length, would let several passwords fit one hash.
    pub(super) fn fits(&self, password: &str) -> bool {
        if password.contains('\0') {
            return false;
        }
        let mut key = zeroize::Zeroizing::new([0; KEY_LEN]);
        let length = password.len().min(KEY_LEN);
        key[..length].copy_from_slice(&password.as_bytes()[..length]);
        let key = &key[..(length + 1).min(KEY_LEN)];
        secret::same(&bcrypt::bcrypt(self.cost, self.salt, key)[..OUTPUT_LEN], &self.output)
    }
}
