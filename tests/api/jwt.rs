//! Signing keys, held against other implementations: `jsonwebtoken` verifies by the JSON Web Key, `webpki` by the
//! certificate, and a token made by Python's `cryptography` is matched byte for byte.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde_json::{Value, json};
use vestibule::kernel::crypto::{Random, sha256};
use vestibule::kernel::secret::Secret;
use vestibule::protocol::jwt::{Error, Jwk, SigningKey};
use webpki::EndEntityCert;

/// The example key of RFC 7515, A.2, as PKCS #8.
const RFC_KEY: &str = "\
    MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQCh+BYK4uPJtGXOjS1lYmM2K5J9vinh8CR3/BYlzJChNuOL2TSXxbbqY913\
    EeZ8dCn5VrD7io8ImtxLaYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvfbr3SvaNnjuygxmj3AbONv/s4yDQs4v5t\
    J/reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4NmXG9veoKjlnAqH2QbgtPr8jkiGUkftoaH\
    LFcW9Qr4NY2ai50Xw0Byj3+H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHgVFbK5emhAgMBAAECggEAEq5xpGnNCivDflJsRQBXHx1hdR1k\
    6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7/GQ5sLKMgvfTeXZx9SE+7YwVol2NXOoAJe46sui395IW/GO+pWJ1O0BkTGoVEn2bKVRUCgu+Gj\
    BVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M/V51gfpRLI9JYanrC4D4qAdGcopV/0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb\
    1juUO1ZdiYoFaFQT5Tw8bGUl/x/jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR/RQyGWSeWjnczT0QU91p1DhOVRuOopznQKBgQDgHMQQ\
    60imZV1URk0KpLttoLhyt3SmqdEf/kgHePDdtzEafpAu+cS191R2JiuoF2yzWXnwFDcqGigp5BNr0AHQfD8/Lk8l1Mk09jxxCfui5nYooNya\
    c8YFjm3vItzVCVDnEd3BbVWG8qf6deqElMGAg+C2V0L4oNXnP7LZcPAZRwKBgQC5A8R+CZW2MvRTLLHzwZkUXV866cff7tx6kqa0finGG0Kg\
    eqlaZPxgCZnFp7AeAcCMtiynVlJ7vMVgePsLq6XtON4tB5kP9jAPrq3rbAOal78eUH5OcED6eNuCV8ixEu1eWcPNCS/l1OW1EnXUEoEHKl54\
    Xrrz2uNwkgMTP1FZ1wKBgAcCn1dwJKufzBWQxWQp1vsM5fggqPN1qGb5y0MAk3g7/Ls5bkUp5u9SN0Ai3Ya6hNnvWJMb7sXQX6U/zyO2M/hT\
    ip7tUeh7CXgwo59dkpN75gJLVds29+DAncu3KXU4f2Fa+7bLNrur53k8KwPOq2bbuTG69QtV7Jr5MR0AHWKNAoGBAIf/evpitUf+4JYbLpvN\
    XWcY052Mpz22aR84mY3nh3F2LF2mjMJDpTg7FmuyPcVw6EcGyoAe9fa65iNqCq+jdw6PVNGo2hxfjSiZ8IIzHdsPXI89//pMjZcQK9r+CCoR\
    jaZjOYiIDktVWZzmevJuv6WywUqd57LE3Zar3dLSIkx1AoGAIYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd+DlcxyVuuM9sQLdgjVk2oy26\
    F0EmpScGLq2MowX7fhd/QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp/gh6A5603k2+ZQwVK0JKSHuLFku\
    Q3U=";
/// A certificate for it.
const RFC_CERTIFICATE: &str = "\
    MIICpDCCAYygAwIBAgICMDkwDQYJKoZIhvcNAQELBQAwFDESMBAGA1UEAwwJdmVzdGlidWxlMCAXDTI2MDEwMTAwMDAwMFoYDzIxMjYwMTAx\
    MDAwMDAwWjAUMRIwEAYDVQQDDAl2ZXN0aWJ1bGUwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQCh+BYK4uPJtGXOjS1lYmM2K5J9\
    vinh8CR3/BYlzJChNuOL2TSXxbbqY913EeZ8dCn5VrD7io8ImtxLaYk8wTM/U+3QGbh3hCUv7JFP5IV3aVlL6kKA0ywPVb9ilE8TA5a8bpvf\
    br3SvaNnjuygxmj3AbONv/s4yDQs4v5tJ/reSlpIdJed1LnPmt7Ex1sFhSwsD174pcF1A5L5ROjtZMEQxrZHYJqkeDrrnGya11UxMFBji4Nm\
    XG9veoKjlnAqH2QbgtPr8jkiGUkftoaHLFcW9Qr4NY2ai50Xw0Byj3+H2JoY2PyrZ62EWQwuz3WTOTY8BwNNb2BvniHgVFbK5emhAgMBAAEw\
    DQYJKoZIhvcNAQELBQADggEBAHhprzPRLY+pLO3QYCrAG7lmZ8az4IY4UPa4oJaoA/t5ZGY23PXvELfXSwL9ztOjnnEl+AidLES7c8JXv6SH\
    lmJEVGdiqJHTlEkYR635isZ85PfoHt5M8/uI6KD/KTcKMsQxpKSo/cbJiVPSqCViK7eiIreLmov3aJ1fMghf53ZupaG3TyJXkGW8AK0uaq0L\
    erdcmOndNOQtNX6jUxjzBx6hUXnh+P8PLevelc0bcVdNy9y7ccz7GpclRfsF+9MgeKwHGx3CTxGghQ/87wkIHT+QcHWlyJoF/bVSFHb5AdOy\
    53VZ3iFgfdNF5N843yfDgntH3+cVDdKUQHktGDU/s4g=";
/// The claims `{"iss":"joe","exp":1300819380}`, signed by it under the kid `key_rfc7515`.
const RFC_TOKEN: &str = "\
    eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6ImtleV9yZmM3NTE1In0.eyJpc3MiOiJqb2UiLCJleHAiOjEzMDA4MTkzODB9.XA2\
    lK8Z9991qxtANGkzcdFKKv3OesZxySgxP43r_USCeoYINrRcEgNn7oqpQbmAClu277mVWn9Eu0SQX2sy4ffJJOG7teDmfl3GlxS22poVJvti\
    3UrsMZGB1jNvU5O_NUPfeIH0lWqbQJgSjxp92683SwbExZ6PrF2YpAvB9OKiXT13kPwMf2rT0vXXEitdoGVNykx13G7z-BOfCwQJISbsxRnw\
    lv8e3hw3-yMTtv6JrfpTPDryIyZCP4v43jMLQr2zFPPuhfEquwg65bSg_22DyBvekq26gj5JcsrKjD05pTMHiEBgMwYOWu9kSuAWGHzDCOcO\
    pPmhA3xNWAoAUDQ";

fn now() -> DateTime<Utc> {
    "2026-02-28T23:59:59Z".parse().unwrap()
}

fn new_key(kid: &str) -> SigningKey {
    SigningKey::generate(&Random::new(), kid.to_owned(), now()).unwrap()
}

fn rfc_key() -> SigningKey {
    let [pkcs8, certificate] = [RFC_KEY, RFC_CERTIFICATE].map(|text| STANDARD.decode(text).unwrap());
    SigningKey::from_parts("key_rfc7515".to_owned(), Secret::new(pkcs8), certificate).unwrap()
}

/// Verifies by what a client downloads: the key set as JSON.
fn verify(token: &str, keys: &[Jwk]) -> Result<Value, jsonwebtoken::errors::Error> {
    let set: JwkSet = serde_json::from_value(json!({ "keys": keys })).unwrap();
    let kid = jsonwebtoken::decode_header(token)?.kid.unwrap();
    let key = DecodingKey::from_jwk(set.find(&kid).unwrap())?;
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    Ok(jsonwebtoken::decode::<Value>(token, &key, &validation)?.claims)
}

#[test]
fn a_token_is_what_another_implementation_makes_of_the_same_key_and_claims() {
    #[derive(serde::Serialize)]
    struct Claims {
        iss: &'static str,
        exp: u64,
    }
    let token = rfc_key().sign(&Claims { iss: "joe", exp: 1_300_819_380 }).unwrap();
    assert_eq!(token, RFC_TOKEN);
}

#[test]
fn the_key_set_entry_is_that_of_the_rfc_with_all_that_sdks_demand() {
    let n = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZ\
             S-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2\
             R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcD\
             TW9gb54h4FRWyuXpoQ";
    let expected = json!({
        "alg": "RS256", "kty": "RSA", "use": "sig", "kid": "key_rfc7515", "n": n, "e": "AQAB",
        "x5c": [RFC_CERTIFICATE],
        "x5t#S256": "JkplTcBJykZKN2wXSvD7X0y1OQYJZ3ZTzodGM3VyvT0",
    });
    assert_eq!(serde_json::to_value(rfc_key().jwk()).unwrap(), expected);
}

#[test]
fn a_new_key_signs_what_clients_verify_by_its_key_set_entry() {
    let key = new_key("key_01");
    let claims = json!({ "sub": "user_01", "permissions": ["a:b"], "name": "Zoë" });
    let token = key.sign(&claims).unwrap();
    assert_eq!(verify(&token, &[new_key("key_02").jwk(), key.jwk()]).unwrap(), claims);
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    assert_eq!(header, json!({ "alg": "RS256", "typ": "JWT", "kid": "key_01" }));
}

#[test]
fn neither_a_changed_claim_nor_another_key_passes() {
    let key = new_key("key_01");
    let token = key.sign(&json!({ "sub": "user_01" })).unwrap();
    let parts: Vec<&str> = token.split('.').collect();
    let claims = URL_SAFE_NO_PAD.encode(r#"{"sub":"user_02"}"#);
    assert!(verify(&[parts[0], &claims, parts[2]].join("."), &[key.jwk()]).is_err());
    assert!(verify(&token, &[new_key("key_01").jwk()]).is_err());
}

#[test]
fn the_certificate_holds_the_same_key_and_the_thumbprint_is_its_own() {
    let key = new_key("key_01");
    let jwk = key.jwk();
    let der = STANDARD.decode(&jwk.x5c[0]).unwrap();
    assert_eq!(der, key.certificate());
    assert_eq!(jwk.x5t_s256, URL_SAFE_NO_PAD.encode(sha256(&der)));
    let der = der.into();
    let certificate = EndEntityCert::try_from(&der).unwrap();
    let token = key.sign(&json!({ "sub": "user_01" })).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let algorithm = webpki::aws_lc_rs::RSA_PKCS1_2048_8192_SHA256;
    certificate.verify_signature(algorithm, message.as_bytes(), &signature).unwrap();
    let info = certificate.subject_public_key_info();
    let modulus = URL_SAFE_NO_PAD.decode(&jwk.n).unwrap();
    assert_eq!(modulus.len(), 256);
    assert!(info.as_ref().windows(256).any(|window| window == modulus));
}

#[test]
fn a_key_survives_being_stored_with_its_certificate() {
    let key = new_key("key_01");
    let loaded = SigningKey::from_parts("key_01".to_owned(), key.pkcs8().clone(), key.certificate().to_vec()).unwrap();
    assert_eq!(loaded.jwk(), key.jwk());
    let claims = json!({ "sub": "user_01" });
    assert_eq!(loaded.sign(&claims).unwrap(), key.sign(&claims).unwrap());
}

#[test]
fn two_keys_have_nothing_in_common() {
    let (one, two) = (new_key("key_01").jwk(), new_key("key_01").jwk());
    assert_ne!(one.n, two.n);
    assert_ne!(one.x5t_s256, two.x5t_s256);
}

#[test]
fn stored_parts_that_are_damaged_or_of_two_keys_are_refused_by_name() {
    let (one, two) = (new_key("key_01"), new_key("key_02"));
    let mixed = SigningKey::from_parts("key_01".to_owned(), one.pkcs8().clone(), two.certificate().to_vec());
    assert!(matches!(&mixed, Err(Error::Mismatch { kid }) if kid == "key_01"));
    let half = one.pkcs8().expose()[..600].to_vec();
    let error = SigningKey::from_parts("key_01".to_owned(), half.into(), one.certificate().to_vec()).unwrap_err();
    assert!(error.to_string().starts_with("signing key key_01 "), "{error}");
}

#[test]
fn a_signing_key_is_not_printed() {
    assert_eq!(format!("{:?}", rfc_key()), r#"SigningKey { kid: "key_rfc7515", .. }"#);
}
