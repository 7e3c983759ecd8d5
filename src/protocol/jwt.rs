//! RS256 signing keys: what signs access and ID tokens, and the JSON Web Key that verifies them (RFC 7515, 7517, 7518).
//!
//! Knows nothing about claims: whoever issues a token decides what stands in it. Verifying tokens of others is not
//! done here either. Key sets, their states and their rotation belong to the family that stores them; it keeps a
//! key's three parts (kid, sealed PKCS #8, certificate) and hands them to [`SigningKey::from_parts`].
//!
//! Signing goes to AWS-LC directly, on a key that is parsed once. The JWT libraries parse the private key again for
//! every token, which costs more than the signature itself.

use std::fmt;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Datelike as _, Utc};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyUsagePurpose, SerialNumber, date_time_ymd};
use serde::Serialize;

use crate::kernel::crypto::{self, Random};
use crate::kernel::secret::Secret;

/// Years that a key's certificate is valid. Nobody checks it as a certificate: the key is trusted because it stands
/// in the key set, and leaves it by rotation. It must merely never be the reason why a token is refused.
const CERTIFICATE_YEARS: i32 = 100;

/// Why a key could not be made or loaded, or a token not be signed. All of them are internal errors.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// AWS-LC could not make a key.
    #[error("RSA key generation failed")]
    Generate,
    /// The certificate of a new key could not be made.
    #[error("no certificate could be made for signing key {kid}")]
    Certificate {
        /// The key.
        kid: String,
        /// What the certificate library says.
        source: rcgen::Error,
    },
    /// What was stored is not an RSA private key of at least 2048 bits in PKCS #8.
    #[error("signing key {kid} is not an RSA private key in PKCS #8: {reason}; restore it, or rotate to a new key")]
    Rejected {
        /// The key.
        kid: String,
        /// What AWS-LC says.
        reason: String,
    },
    /// The stored certificate was made for another key; publishing it would make clients refuse good tokens.
    #[error("the certificate stored with signing key {kid} belongs to another key; restore it, or rotate to a new key")]
    Mismatch {
        /// The key.
        kid: String,
    },
    /// The claims could not be written as JSON.
    #[error("the claims of a token cannot be written as JSON")]
    Claims(#[source] serde_json::Error),
    /// AWS-LC could not sign.
    #[error("signing key {kid} could not sign")]
    Sign {
        /// The key.
        kid: String,
    },
}

/// The header of every token. `kid` is what SDKs look the key up by, and some refuse a token without it.
#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    kid: &'a str,
}

/// A public key as `GET /sso/jwks/{client_id}` lists it. The members are those that the strictest official SDK
/// demands; RFC 7517 would be content with fewer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Jwk {
    /// Always `RS256`.
    pub alg: &'static str,
    /// Always `RSA`.
    pub kty: &'static str,
    /// Always `sig`.
    #[serde(rename = "use")]
    pub usage: &'static str,
    /// The certificate, in base64 (not base64url: RFC 7517, 4.7) of its DER.
    pub x5c: [String; 1],
    /// The modulus, in base64url of its big-endian bytes.
    pub n: String,
    /// The public exponent, likewise.
    pub e: String,
    /// The name of the key, the one in the header of the tokens that it signed.
    pub kid: String,
    /// The SHA-256 of the certificate's DER, in base64url.
    #[serde(rename = "x5t#S256")]
    pub x5t_s256: String,
}

/// A private key, ready to sign, with the certificate that was made for it.
///
/// The certificate is a part of the key that must be stored like the others: made anew at each start it would be
/// another one each time, and `x5c` of the same `kid` would differ between two servers of one installation.
pub struct SigningKey {
    kid: String,
    pkcs8: Secret<Vec<u8>>,
    certificate: Vec<u8>,
    pair: KeyPair,
    /// The encoded header with its full stop: the same for every token.
    prefix: String,
}

impl SigningKey {
    /// Makes a key of 2048 bits, and its certificate.
    ///
    /// Blocks the thread for the search of two primes, 60 ms on average and several times that with bad luck: call it
    /// from `spawn_blocking`.
    pub fn generate(random: &Random, kid: String, now: DateTime<Utc>) -> Result<Self, Error> {
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| Error::Generate)?;
        let pkcs8 = Secret::new(pair.as_der().map_err(|_| Error::Generate)?.as_ref().to_vec());
        let certificate = match certify(pkcs8.expose(), random, now) {
            Ok(certificate) => certificate,
            Err(source) => return Err(Error::Certificate { kid, source }),
        };
        Self::assemble(kid, pkcs8, certificate, pair)
    }

    /// Loads a key from its stored parts. Parsing costs about as much as signing a token, so keep the result.
    pub fn from_parts(kid: String, pkcs8: Secret<Vec<u8>>, certificate: Vec<u8>) -> Result<Self, Error> {
        match KeyPair::from_pkcs8(pkcs8.expose()) {
            Ok(pair) => Self::assemble(kid, pkcs8, certificate, pair),
            Err(reason) => Err(Error::Rejected { kid, reason: reason.to_string() }),
        }
    }

    fn assemble(kid: String, pkcs8: Secret<Vec<u8>>, certificate: Vec<u8>, pair: KeyPair) -> Result<Self, Error> {
        // A certificate carries its RSAPublicKey (RFC 8017, A.1.1) byte for byte, as the only bit string of its size.
        let public = pair.public_key().as_ref();
        if !certificate.windows(public.len()).any(|window| window == public) {
            return Err(Error::Mismatch { kid });
        }
        let header = Header { alg: "RS256", typ: "JWT", kid: &kid };
        let header = serde_json::to_vec(&header).map_err(Error::Claims)?;
        let prefix = format!("{}.", URL_SAFE_NO_PAD.encode(header));
        Ok(Self { kid, pkcs8, certificate, pair, prefix })
    }

    /// The name of the key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The private key in PKCS #8, to be sealed and stored.
    pub fn pkcs8(&self) -> &Secret<Vec<u8>> {
        &self.pkcs8
    }

    /// The certificate in DER, to be stored. It is public.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// Signs `claims`, which must be a JSON object, and answers with the token in its compact form (RFC 7515, 7.1).
    ///
    /// About 0.25 ms of one core: short enough for the thread of a request.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, Error> {
        let claims = serde_json::to_vec(claims).map_err(Error::Claims)?;
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let mut token = String::with_capacity(self.prefix.len() + 4 * (claims.len() + signature.len()) / 3 + 4);
        token.push_str(&self.prefix);
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        // PKCS #1 v1.5 is deterministic; the generator is a part of the signature of this method only.
        self.pair
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
            .map_err(|_| Error::Sign { kid: self.kid.clone() })?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    /// The public half, for the key set.
    pub fn jwk(&self) -> Jwk {
        let public = self.pair.public_key();
        Jwk {
            alg: "RS256",
            kty: "RSA",
            usage: "sig",
            x5c: [STANDARD.encode(&self.certificate)],
            n: URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
            e: URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
            kid: self.kid.clone(),
            x5t_s256: URL_SAFE_NO_PAD.encode(crypto::sha256(&self.certificate)),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

/// A self-signed certificate for the key, valid from the day of `now`.
fn certify(pkcs8: &[u8], random: &Random, now: DateTime<Utc>) -> Result<Vec<u8>, rcgen::Error> {
    let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8.into(), &rcgen::PKCS_RSA_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "vestibule");
    let [month, day] = [now.month(), now.day()].map(|number| u8::try_from(number).unwrap_or(1));
    params.not_before = date_time_ymd(now.year(), month, day);
    params.not_after = date_time_ymd(now.year() + CERTIFICATE_YEARS, 1, 1);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    // Positive and of constant length (RFC 5280, 4.1.2.2): the top bit is clear, the next one set.
    let mut serial: [u8; 16] = random.bytes();
    serial[0] = serial[0] & 0x7f | 0x40;
    params.serial_number = Some(SerialNumber::from_slice(&serial));
    Ok(params.self_signed(&pair)?.der().to_vec())
}
