//! scrypt (RFC 7914), as it is and as Firebase uses it.
//!
//! `$scrypt$v=1$n=16384,r=8,p=1,kl=64$<salt>$<hash>`, salt and hash in base64.
//!
//! `$firebase-scrypt$r=8,m=14,ss=<separator>,sk=<signer key>$<salt>$<hash>`: the scrypt of the password, with the salt
//! and the separator as salt and 2^m as n, is not the hash but an AES-256 key. The hash is the project's signer key
//! encrypted under it, in counter mode from zero.

use scrypt::Params;

use super::{ImportError, bytes, number, parameters};
use crate::kernel::{crypto, secret};

/// What one hash may take: n = 2^18 with r = 8.
const MAX_MEMORY: u64 = 256 * 1024 * 1024;
/// Memory times p, which is what time is proportional to: three quarters of a second.
const MAX_WORK: u64 = 512 * 1024 * 1024;
const MAX_BLOCK_SIZE: u32 = 32;
const MAX_PARALLELISM: u32 = 16;
/// Below this work it takes less time than a hash of ours.
const OUR_WORK: u64 = 16 * 1024 * 1024;
const OUTPUT_LEN: std::ops::RangeInclusive<usize> = 16..=128;
const SALT_LEN: std::ops::RangeInclusive<usize> = 1..=128;
const SIGNER_KEY_LEN: std::ops::RangeInclusive<usize> = 16..=128;

/// A hash that was read.
pub(in super::super) struct Hash {
    params: Params,
    salt: Vec<u8>,
    output: Vec<u8>,
    /// Firebase's: what is encrypted under the result.
    signer_key: Option<Vec<u8>>,
}

/// The cost parameter as a power of two, as far as it is one.
fn log_2(n: u32) -> Option<u8> {
    let log = n.checked_ilog2().filter(|log| *log > 0 && n.is_power_of_two())?;
    u8::try_from(log).ok()
}

fn affordable(log_n: u8, r: u32, p: u32) -> Result<Params, ImportError> {
    let too_much =
        || ImportError::OutOfBounds("an r up to 32, a p up to 16, and 128*n*r up to 256 MiB (times p, 512 MiB)");
    let memory = 1u64.checked_shl(log_n.into()).and_then(|n| n.checked_mul(128)?.checked_mul(r.into()));
    let memory = memory.filter(|memory| *memory <= MAX_MEMORY && log_n < 32).ok_or_else(too_much)?;
    if r > MAX_BLOCK_SIZE || p > MAX_PARALLELISM || memory * u64::from(p) > MAX_WORK {
        return Err(too_much());
    }
    Params::new(log_n, r, p).map_err(|_| too_much())
}

impl Hash {
    pub(super) fn parse(text: &str) -> Result<Self, ImportError> {
        let malformed = || ImportError::Malformed("of the form $scrypt$v=1$n=16384,r=8,p=1,kl=64$<salt>$<hash>");
        let parts: Vec<_> = text.split('$').collect();
        let ["", "scrypt", "v=1", values, salt, output] = parts[..] else { return Err(malformed()) };
        let values = parameters(values, ["n", "r", "p", "kl"]).ok_or_else(malformed)?.map(number);
        let [Some(n), Some(r), Some(p), Some(length)] = values else { return Err(malformed()) };
        let hash = Self {
            params: affordable(log_2(n).ok_or_else(malformed)?, r, p)?,
            salt: bytes(salt).ok_or_else(malformed)?,
            output: bytes(output).ok_or_else(malformed)?,
            signer_key: None,
        };
        if usize::try_from(length) != Ok(hash.output.len()) {
            return Err(malformed());
        }
        hash.of_bounded_length()
    }

    pub(super) fn parse_firebase(text: &str) -> Result<Self, ImportError> {
        let malformed = || {
            ImportError::Malformed(
                "of the form $firebase-scrypt$r=8,m=14,ss=<salt separator>,sk=<signer key>$<salt>$<hash>",
            )
        };
        let parts: Vec<_> = text.split('$').collect();
        let ["", "firebase-scrypt", values, salt, output] = parts[..] else { return Err(malformed()) };
        let [r, m, separator, signer_key] = parameters(values, ["r", "m", "ss", "sk"]).ok_or_else(malformed)?;
        let (Some(r), Some(m)) = (number(r), number(m)) else { return Err(malformed()) };
        let log_n = u8::try_from(m).ok().filter(|log| *log > 0).ok_or_else(malformed)?;
        let [Some(salt), Some(separator), Some(signer_key), Some(output)] =
            [salt, separator, signer_key, output].map(bytes)
        else {
            return Err(malformed());
        };
        if signer_key.len() != output.len() || !SIGNER_KEY_LEN.contains(&signer_key.len()) {
            return Err(ImportError::OutOfBounds("a hash as long as its signer key, of 16 to 128 bytes"));
        }
        let params = affordable(log_n, r, 1)?;
        Self { params, salt: [salt, separator].concat(), output, signer_key: Some(signer_key) }.of_bounded_length()
    }

    fn of_bounded_length(self) -> Result<Self, ImportError> {
        if SALT_LEN.contains(&self.salt.len()) && OUTPUT_LEN.contains(&self.output.len()) {
            return Ok(self);
        }
        Err(ImportError::OutOfBounds("a salt of 1 to 128 bytes and a hash of 16 to 128"))
    }

    fn block(&self) -> u64 {
        self.params.n() * u64::from(self.params.r()) * 128
    }

    pub(super) fn memory(&self) -> usize {
        usize::try_from(self.block()).unwrap_or(usize::MAX)
    }

    pub(super) fn is_cheaper(&self) -> bool {
        self.block() * u64::from(self.params.p()) < OUR_WORK
    }

    pub(super) fn fits(&self, password: &str) -> Result<bool, ImportError> {
        // The library ends the process where there is no memory. Asked for before, it is most likely there after.
        Vec::<u8>::new().try_reserve_exact(self.memory()).map_err(|_| ImportError::OutOfMemory)?;
        let Some(signer_key) = &self.signer_key else {
            let mut output = vec![0; self.output.len()];
            self.derive(password, &mut output)?;
            return Ok(secret::same(&output, &self.output));
        };
        let mut key = zeroize::Zeroizing::new([0; 32]);
        self.derive(password, &mut key[..])?;
        let mut output = signer_key.clone();
        crypto::encrypt_from_zero(&key, &mut output);
        Ok(secret::same(&output, &self.output))
    }

    fn derive(&self, password: &str, output: &mut [u8]) -> Result<(), ImportError> {
        let derived = scrypt::scrypt(password.as_bytes(), &self.salt, &self.params, output);
        derived.map_err(|_| ImportError::OutOfBounds("a hash of 16 to 128 bytes"))
    }
}
