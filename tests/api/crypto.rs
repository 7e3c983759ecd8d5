//! Randomness, secrets, and sealing under the master key.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vestibule::kernel::crypto::{Keyring, MasterKey, OpenError, Random, sha256};
use vestibule::kernel::secret::Secret;
use zeroize::Zeroize;

/// The bytes 0 to 31.
const KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// `attack at dawn`, sealed under that key for `signing_key:key_01` by another implementation (Python cryptography),
/// from nothing but the description of the format.
const SEALED: &str = "\
    01630dcd29a0a1a2a3a4a5a6a7a8a9aaabc66f6469bf28e14cdc882268cebf2219777a056424edfe6233f727a991b3";

fn ring(text: &str) -> Keyring {
    Keyring::new(key(text), Vec::new(), Random::new())
}

fn key(text: &str) -> MasterKey {
    MasterKey::from_text(&text.into()).unwrap()
}

fn sealed() -> Vec<u8> {
    hex::decode(SEALED).unwrap()
}

#[test]
fn sha256_is_that_of_fips_180() {
    let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    assert_eq!(hex::encode(sha256(b"abc")), abc);
}

#[test]
fn the_stored_format_is_the_documented_one() {
    let plain = ring(KEY).open("signing_key:key_01", &sealed()).unwrap();
    assert_eq!(plain.expose(), b"attack at dawn");
}

#[test]
fn what_is_sealed_opens_again_whatever_its_length() {
    let ring = ring(KEY);
    for length in [0, 1, 15, 16, 17, 1000, 100_000] {
        let plain = vec![7; length];
        let sealed = ring.seal("totp:factor_1", &plain);
        assert_eq!(sealed.len(), length + 33);
        assert_eq!(ring.open("totp:factor_1", &sealed).unwrap().expose(), &plain);
    }
}

#[test]
fn the_same_value_never_seals_to_the_same_bytes() {
    let ring = ring(KEY);
    let sealed: HashSet<Vec<u8>> = (0..100).map(|_| ring.seal("webhook:we_1", b"secret")).collect();
    assert_eq!(sealed.len(), 100);
}

#[test]
fn every_flipped_bit_is_noticed() {
    let ring = ring(KEY);
    for bit in 0..sealed().len() * 8 {
        let mut altered = sealed();
        altered[bit / 8] ^= 1 << (bit % 8);
        let error = ring.open("signing_key:key_01", &altered).unwrap_err();
        match bit / 8 {
            0 => assert!(matches!(error, OpenError::UnknownVersion { .. }), "{error}"),
            1..=4 => assert!(matches!(error, OpenError::UnknownKey { .. }), "{error}"),
            _ => assert!(matches!(error, OpenError::Altered { .. }), "{error}"),
        }
    }
}

#[test]
fn a_value_moved_to_another_row_does_not_open_there() {
    let error = ring(KEY).open("signing_key:key_02", &sealed()).unwrap_err();
    assert!(matches!(error, OpenError::Altered { .. }));
    assert!(error.to_string().starts_with("signing_key:key_02: "));
}

#[test]
fn a_value_cut_short_says_so() {
    for length in 0..33 {
        let error = ring(KEY).open("signing_key:key_01", &sealed()[..length]).unwrap_err();
        assert!(matches!(error, OpenError::CutShort { length: found, .. } if found == length));
    }
}

#[test]
fn a_wrong_master_key_names_the_one_that_is_wanted_and_those_that_are_here() {
    let (other, former) = (MasterKey::generate(&Random::new()), MasterKey::generate(&Random::new()));
    let names = [other.id().to_string(), former.id().to_string()];
    let ring = Keyring::new(other, vec![former], Random::new());
    let message = ring.open("signing_key:key_01", &sealed()).unwrap_err().to_string();
    let wanted = key(KEY).id().to_string();
    assert_eq!(wanted, "630dcd29");
    for name in [&wanted, &names[0], &names[1]] {
        assert!(message.contains(name), "{message}");
    }
}

#[test]
fn after_a_rotation_old_values_open_and_new_ones_are_sealed_under_the_new_key() {
    let new = MasterKey::generate(&Random::new());
    let ring = Keyring::new(new, vec![key(KEY)], Random::new());
    assert!(!ring.is_current(&sealed()));
    let plain = ring.open("signing_key:key_01", &sealed()).unwrap();
    let again = ring.seal("signing_key:key_01", plain.expose());
    assert!(ring.is_current(&again));
    assert_eq!(ring.open("signing_key:key_01", &again).unwrap().expose(), b"attack at dawn");
}

#[test]
fn a_master_key_is_read_in_every_usual_spelling() {
    let spellings = [
        KEY.to_owned(),
        format!("  {}\n", KEY.to_uppercase()),
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=".to_owned(),
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n".to_owned(),
    ];
    for text in spellings {
        assert_eq!(key(&text).to_text().expose(), KEY);
    }
    let both_alphabets =
        ["//////////////////////////////////////////8=", "__________________________________________8"];
    assert_eq!(both_alphabets.map(|text| key(text).to_text().expose().clone()), ["ff".repeat(32), "ff".repeat(32)]);
}

#[test]
fn what_is_not_a_master_key_is_refused_without_repeating_it() {
    let short = &KEY[2..];
    let long = format!("{KEY}00");
    let not_hex = KEY.replace('0', "x");
    for text in ["", "hunter2", short, &long, &not_hex, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg=="] {
        let message = MasterKey::from_text(&text.into()).unwrap_err().to_string();
        assert!(message.contains("64 hexadecimal digits") && message.contains("base64"), "{message}");
        assert!(text.is_empty() || !message.contains(text));
    }
}

#[test]
fn generated_master_keys_differ_and_survive_being_written_down() {
    let random = Random::new();
    let (one, two) = (MasterKey::generate(&random), MasterKey::generate(&random));
    assert_ne!(one.id(), two.id());
    let read = MasterKey::from_text(&one.to_text()).unwrap();
    assert_eq!(read.id(), one.id());
    assert_eq!(format!("{one:?}"), format!("MasterKey({})", one.id()));
}

#[test]
fn random_letters_are_of_the_62_and_none_is_favoured() {
    let random = Random::new();
    assert_eq!([0, 1, 63, 64, 65].map(|length| random.alphanumeric(length).len()), [0, 1, 63, 64, 65]);
    let mut counts = std::collections::BTreeMap::new();
    for letter in random.alphanumeric(62 * 2000).chars() {
        assert!(letter.is_ascii_alphanumeric());
        *counts.entry(letter).or_insert(0_u32) += 1;
    }
    assert_eq!(counts.len(), 62);
    // 2000 each, standard deviation 44: eight of them, so that chance does not fail the test once in a lifetime. The
    // modulo of a byte would give the first eight letters 2422.
    assert!(counts.values().all(|count| (1648..=2352).contains(count)), "{counts:?}");
}

#[test]
fn random_values_have_the_length_asked_for_and_differ() {
    let random = Random::new();
    assert_eq!(random.base64url(32).len(), 43);
    assert_ne!(random.base64url(32), random.base64url(32));
    assert_ne!(random.bytes::<16>(), random.bytes::<16>());
    assert!(random.base64url(300).bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)));
}

#[test]
fn a_secret_is_not_printed_and_compares_as_a_whole() {
    #[derive(Debug, serde::Deserialize)]
    struct Body {
        password: Secret<String>,
    }
    let body: Body = serde_json::from_str(r#"{"password":"hunter2"}"#).unwrap();
    assert_eq!(format!("{body:?}"), "Body { password: Secret(..) }");
    assert!(body.password.matches("hunter2"));
    assert!(!body.password.matches("hunter3") && !body.password.matches("hunter") && !body.password.matches(""));
}

#[test]
fn a_secret_is_wiped_when_it_is_dropped() {
    struct Probe(Arc<AtomicBool>);
    impl Zeroize for Probe {
        fn zeroize(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let wiped = Arc::new(AtomicBool::new(false));
    drop(Secret::new(Probe(Arc::clone(&wiped))));
    assert!(wiped.load(Ordering::Relaxed));
}
