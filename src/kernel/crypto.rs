//! Randomness, hashing, and sealing at rest under the operator's master key.
//!
//! Everything that must be read back but not be readable in a copy of the database (signing keys, webhook and TOTP
//! secrets, provider tokens) passes through [`Keyring::seal`]. What need not be read back (API keys, session and
//! one-time tokens) has enough entropy to be stored as [`sha256`]. Passwords belong to neither: see
//! `protocol::password`. No other module makes random bytes, and none calls a cipher itself.
//!
//! A sealed value is, in this order: version (1 byte, 0x01), key id (4 bytes), nonce (12 bytes), ciphertext, tag
//! (16 bytes). The cipher is AES-256-GCM. Its key is HKDF-SHA256 of the master key, without salt, under the label
//! `vestibule/seal/v1`; its associated data is the version and the key id followed by the purpose. Nonces are random,
//! so one master key may seal 2^32 values before a collision becomes likelier than 2^-32 (NIST SP 800-38D, 8.3):
//! far more than an installation writes, and rotation starts the count again.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::digest::{self, SHA256};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::hkdf::{self, HKDF_SHA256};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use base64::Engine as _;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, URL_SAFE_NO_PAD};
use zeroize::Zeroize;

use crate::kernel::secret::Secret;

/// The version that new values are sealed in.
const VERSION: u8 = 1;
/// Bytes of a master key, and of every key derived from it.
const KEY_LEN: usize = 32;
const KEY_ID_LEN: usize = 4;
const HEADER_LEN: usize = 1 + KEY_ID_LEN;
const TAG_LEN: usize = 16;
/// What the key is derived for. A new use of the master key takes a new label, never this one.
const SEAL_LABEL: &str = "vestibule/seal/v1";
const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// The only source of randomness: the cryptographic generator of AWS-LC, seeded by the operating system.
///
/// It is handed to whoever needs it instead of being called from anywhere, so that where random values come from can
/// be read off the signatures.
#[derive(Clone, Debug, Default)]
pub struct Random {
    source: SystemRandom,
}

impl Random {
    /// The generator of this process.
    pub fn new() -> Self {
        Self::default()
    }

    /// `N` random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }

    /// `length` letters and digits, each of the 62 equally likely: log2(62) = 5.95 bits a character.
    pub fn alphanumeric(&self, length: usize) -> String {
        // 248 is the greatest multiple of 62 in a byte; taking the rest modulo 62 would favour the first letters.
        const FAIR: u8 = 248;
        let mut text = String::with_capacity(length);
        let mut block = [0; 64];
        while text.len() < length {
            self.fill(&mut block);
            let fair = block.iter().filter(|byte| **byte < FAIR);
            text.extend(fair.map(|byte| char::from(LETTERS[usize::from(byte % 62)])).take(length - text.len()));
        }
        block.zeroize();
        text
    }

    /// `bytes` random bytes in base64url without padding: 43 characters for 32 bytes.
    pub fn base64url(&self, bytes: usize) -> String {
        let mut raw = vec![0; bytes];
        self.fill(&mut raw);
        let text = URL_SAFE_NO_PAD.encode(&raw);
        raw.zeroize();
        text
    }

    fn fill(&self, bytes: &mut [u8]) {
        in_range(self.source.fill(bytes));
    }
}

/// SHA-256. For tokens of high entropy only: it is fast, which is wrong for anything that a person chose.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&SHA256, data).as_ref());
    hash
}

/// Encrypts by AES-256 in counter mode, counting from zero. A key that is used twice like this hides nothing: for hashes
/// that others made so, where the key is the secret and comes of a password, and for nothing of our own.
pub fn encrypt_from_zero(key: &[u8; KEY_LEN], data: &mut [u8]) {
    let key = in_range(UnboundCipherKey::new(&AES_256, key).and_then(EncryptingKey::ctr));
    in_range(key.less_safe_encrypt(data, EncryptionContext::Iv128([0; 16].into())));
}

/// HMAC-SHA256 of these parts, one after another, in lower-case hexadecimal.
pub fn hmac_sha256(key: &[u8], parts: &[&[u8]]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, key));
    for part in parts {
        context.update(part);
    }
    hex::encode(context.sign())
}

/// Names a master key without telling anything about it: the first four bytes of its SHA-256.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId([u8; KEY_ID_LEN]);

impl fmt::Display for KeyId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

/// The text given as a master key is not one. Says what is expected and never repeats what was given.
#[derive(Debug, thiserror::Error)]
#[error(
    "a master key is 32 random bytes, written as 64 hexadecimal digits or in base64; this is {characters} characters \
     that are neither. `openssl rand -hex 32` makes one"
)]
pub struct KeyError {
    characters: usize,
}

/// The operator's master key, from which the keys for single uses are derived.
pub struct MasterKey {
    id: KeyId,
    secret: Secret<[u8; KEY_LEN]>,
    seal: LessSafeKey,
}

impl MasterKey {
    /// Reads a key as an operator writes it: 64 hexadecimal digits, or base64 of 32 bytes in either alphabet and
    /// with or without padding. White space around it is ignored, because files end in a newline.
    pub fn from_text(text: &Secret<String>) -> Result<Self, KeyError> {
        let text = text.expose().trim();
        let mut bytes = if text.len() == 2 * KEY_LEN { hex::decode(text).ok() } else { decode_base64(text) }
            .ok_or(KeyError { characters: text.chars().count() })?;
        let key = <[u8; KEY_LEN]>::try_from(bytes.as_slice());
        bytes.zeroize();
        key.map(Self::from_bytes).map_err(|_| KeyError { characters: text.chars().count() })
    }

    /// Makes a new key.
    pub fn generate(random: &Random) -> Self {
        Self::from_bytes(random.bytes())
    }

    /// The key as [`MasterKey::from_text`] reads it: 64 hexadecimal digits.
    pub fn to_text(&self) -> Secret<String> {
        Secret::new(hex::encode(self.secret.expose()))
    }

    /// The name under which sealed values remember this key.
    pub fn id(&self) -> KeyId {
        self.id
    }

    fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        let secret = Secret::new(bytes);
        let hash = sha256(secret.expose());
        let id = KeyId([hash[0], hash[1], hash[2], hash[3]]);
        let derived = derive(&secret, SEAL_LABEL);
        let seal = LessSafeKey::new(in_range(UnboundKey::new(&AES_256_GCM, derived.expose())));
        Self { id, secret, seal }
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MasterKey({})", self.id)
    }
}

/// Why a sealed value could not be opened. All but [`OpenError::Altered`] are for the operator to put right.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Too short to be a sealed value at all.
    #[error("{purpose}: the stored value is cut short ({length} bytes); restore it from a backup")]
    CutShort {
        /// What the value was to be opened for.
        purpose: String,
        /// Its length in bytes.
        length: usize,
    },
    /// Sealed by a later version of this program.
    #[error("{purpose}: sealed in format {version}, which this version cannot read; run the version that wrote it")]
    UnknownVersion {
        /// What the value was to be opened for.
        purpose: String,
        /// The version byte found.
        version: u8,
    },
    /// Sealed under a master key that is not here.
    #[error(
        "{purpose}: sealed under master key {wanted}, but only {} given; give the server that key again, as the \
         current or as a former one", list(.present)
    )]
    UnknownKey {
        /// What the value was to be opened for.
        purpose: String,
        /// The key that it was sealed under.
        wanted: KeyId,
        /// The keys that the server was given.
        present: Vec<KeyId>,
    },
    /// The right key, but the value was changed, or was sealed for another purpose.
    #[error(
        "{purpose}: the stored value was altered after it was sealed under master key {key}, or copied here from \
         another place; restore it from a backup"
    )]
    Altered {
        /// What the value was to be opened for.
        purpose: String,
        /// The key that it names.
        key: KeyId,
    },
}

fn list(keys: &[KeyId]) -> String {
    let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
    format!("{} {}", names.join(", "), if names.len() == 1 { "was" } else { "were" })
}

/// The master keys that the server was given: one that seals, and those that only open what they sealed before.
///
/// To rotate, make a new key current and the old one former, seal every stored value again (those for which
/// [`Keyring::is_current`] says no), then drop the former key.
#[derive(Debug)]
pub struct Keyring {
    current: MasterKey,
    former: Vec<MasterKey>,
    random: Random,
}

impl Keyring {
    /// A ring that seals with `current`, under nonces from `random`, and opens with all of the keys.
    pub fn new(current: MasterKey, former: Vec<MasterKey>, random: Random) -> Self {
        Self { current, former, random }
    }

    /// Seals `plaintext` for one purpose, such as `signing_key:<id>`: the kind of the value and the row that holds
    /// it. The purpose is not stored; it must be given again to open, so that somebody who can write to the database
    /// cannot make one row's secret serve in another row.
    pub fn seal(&self, purpose: &str, plaintext: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE_LEN] = self.random.bytes();
        let header = header(self.current.id);
        let mut body = Secret::new(plaintext.to_vec());
        let tag = in_range(self.current.seal.seal_in_place_separate_tag(
            Nonce::assume_unique_for_key(nonce),
            associated(&header, purpose),
            &mut body.0,
        ));
        [&header, nonce.as_slice(), body.expose(), tag.as_ref()].concat()
    }

    /// Opens what [`Keyring::seal`] made for the same purpose.
    pub fn open(&self, purpose: &str, sealed: &[u8]) -> Result<Secret<Vec<u8>>, OpenError> {
        let purpose_owned = || purpose.to_owned();
        let Some((header, nonce, body)) = split(sealed) else {
            return Err(OpenError::CutShort { purpose: purpose_owned(), length: sealed.len() });
        };
        let [version, id @ ..] = *header;
        if version != VERSION {
            return Err(OpenError::UnknownVersion { purpose: purpose_owned(), version });
        }
        let id = KeyId(id);
        let key = self.keys().find(|key| key.id == id).ok_or_else(|| OpenError::UnknownKey {
            purpose: purpose_owned(),
            wanted: id,
            present: self.keys().map(MasterKey::id).collect(),
        })?;
        let mut plain = Secret::new(body.to_vec());
        key.seal
            .open_in_place(Nonce::assume_unique_for_key(*nonce), associated(header, purpose), &mut plain.0)
            .map_err(|Unspecified| OpenError::Altered { purpose: purpose_owned(), key: id })?;
        plain.0.truncate(body.len() - TAG_LEN);
        Ok(plain)
    }

    /// Whether `sealed` was sealed under the current key. What was not is to be opened and sealed again.
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        sealed.starts_with(&header(self.current.id))
    }

    fn keys(&self) -> impl Iterator<Item = &MasterKey> {
        std::iter::once(&self.current).chain(&self.former)
    }
}

fn header(key: KeyId) -> [u8; HEADER_LEN] {
    let [a, b, c, d] = key.0;
    [VERSION, a, b, c, d]
}

fn associated(header: &[u8; HEADER_LEN], purpose: &str) -> Aad<Vec<u8>> {
    Aad::from([header.as_slice(), purpose.as_bytes()].concat())
}

fn split(sealed: &[u8]) -> Option<(&[u8; HEADER_LEN], &[u8; NONCE_LEN], &[u8])> {
    let (header, rest) = sealed.split_first_chunk()?;
    let (nonce, body) = rest.split_first_chunk()?;
    (body.len() >= TAG_LEN).then_some((header, nonce, body))
}

/// HKDF-SHA256 (RFC 5869) without salt, which the RFC allows where the secret is uniformly random already.
fn derive(secret: &Secret<[u8; KEY_LEN]>, label: &str) -> Secret<[u8; KEY_LEN]> {
    let mut key = Secret::new([0; KEY_LEN]);
    let info = [label.as_bytes()];
    let extracted = hkdf::Salt::new(HKDF_SHA256, &[]).extract(secret.expose());
    in_range(extracted.expand(&info, HKDF_SHA256).and_then(|output| output.fill(&mut key.0)));
    key
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let engines = [alphabet::STANDARD, alphabet::URL_SAFE].map(|letters| GeneralPurpose::new(&letters, config));
    engines.iter().find_map(|engine| engine.decode(text).ok())
}

/// AWS-LC answers `Unspecified` to arguments out of its range. Those passed here are constants of the right length
/// and values that fit into memory, and without entropy AWS-LC ends the process itself; an error that callers had to
/// carry would be one that none of them could ever see or test.
#[expect(clippy::expect_used, reason = "see above: a library call that cannot fail, for lack of a better signature")]
fn in_range<T>(result: Result<T, Unspecified>) -> T {
    result.expect("AWS-LC refused an argument that is constant")
}
