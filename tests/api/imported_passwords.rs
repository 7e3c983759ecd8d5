//! Password hashes that other systems made.
//!
//! The vectors come of other implementations than ours: Python's `hashlib`, its packages `bcrypt`, `passlib` and
//! `argon2-cffi`, Node's `crypto`, and the example that Firebase publishes with its own scrypt. Unless it is said
//! otherwise the password is [`PASSWORD`].

use std::num::NonZeroUsize;
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use vestibule::kernel::crypto::Random;
use vestibule::kernel::secret::Secret;
use vestibule::protocol::password::{Hasher, Limits, SaltPosition, Scheme, Verdict, import};

use crate::harness::{PASSWORD, Test, story, until};

const MIB: usize = 1024 * 1024;
const BCRYPT: &str = "$2b$05$J8UTIw2y9NY.eo7RL563Y.rMJRv7FDV7eZvYU8oqtvU/h9jpqVQb2";
const SSHA: &str = "{SSHA}d4HxILx08zgzb7OZ9cBVtz6i2phIyTlH";
const SCRYPT: &str = "$scrypt$v=1$n=16384,r=8,p=1,kl=64$c2FsdHNhbHRzYWx0c2FsdA$PJAV4qWLTjSe3lT4xOIAexIMw5uL3hBCiM6HFiXcgraDPdS4dEgIm9saZt/++/egjpnr6vG/8RFFUjRYI70sMQ";
const PBKDF2: &str = "$pbkdf2$i=600000,d=sha256$c2FsdHNhbHRzYWx0c2FsdA$QG6BMwMweVu+fGdGtTGN9gzkHBTCL+1KvyjmzZKiY4E";
const ARGON2I: &str = "$argon2i$v=19$m=8192,t=3,p=2$c2FsdHNhbHRzYWx0c2FsdA$4oxs91tKio1X7VfYsUy+uYXXAklT4qhRbpYDI7dzQHg";
/// `user1password`, the example in the README of github.com/firebase/scrypt.
const FIREBASE: &str = "$firebase-scrypt$r=8,m=14,ss=Bw==,sk=jxspr8Ki0RYycVU8zykbdLGjFQ3McFUH0uiiTvC8pVMXAn210wjLNmdZJzxUECKbm0QsEmYUSDzZvpjeJ9WmXA==$42xEC+ixf3L2lw==$lSrfV15cpx95/sZS2W9c9Kp6i/LVgQNDNC/qzrCnh1SAyZvqmZqAjTdn3aoItz+VHjoZilo78198JAdRuid5lQ==";
const SSHA256_PREFIX: &str = "vOTxe7s6+/ZbBzmipXmbU8942P/ok+hY5sUc4ORTJ6VzYWx0AP8xMg==";
const SSHA256_SUFFIX: &str = "MVfUH5SPlBhjSsrrTs764PAiR4DtNvwBGyJzSGv/UcVzYWx0AP8xMg==";

/// Hashes of [`PASSWORD`], by whom they were made.
const VECTORS: [(Scheme, &str); 15] = [
    // bcrypt
    (Scheme::Bcrypt, BCRYPT),
    (Scheme::Bcrypt, "$2a$05$sHpcl4npZbAVCHDr2t7RI.Ya73jInfe.IUB1myM/Zc50hAXYIftWS"),
    // bcrypt, named as PHP names it
    (Scheme::Bcrypt, "$2y$05$i7bbuHBYYr4BQOcvXsFDDesOovZ079lbXqQ8WJ1wvzZ6a3vXhxicS"),
    // hashlib
    (Scheme::Scrypt, SCRYPT),
    (
        Scheme::Scrypt,
        "$scrypt$v=1$n=2048,r=8,p=4,kl=32$c2FsdHNhbHRzYWx0c2FsdA$nYupEfPlKz5zjAD+mR2VPP/hlQN+gYmUeshyC6Hw+2Y",
    ),
    (Scheme::Pbkdf2, PBKDF2),
    (
        Scheme::Pbkdf2,
        "$pbkdf2$i=210000,d=sha512$c2FsdHNhbHRzYWx0c2FsdA$kjYW9Mj06GEdAPgmWXTx5H5yaQ5HosLr79ny7JdalkYAThGfe/UkrVOs9gqY3PIZ4ucftJdTypgXxSozFWoZnw",
    ),
    // hashlib, with a salt that is no text
    (
        Scheme::Pbkdf2,
        "$pbkdf2$d=sha512,i=210000$AP8B/gD/Af4A/wH+AP8B/g$3REI02s+ansYVyxA1vPCr9AWjDKnn+u9Owob/d0sHG/bzhYXeokP68n/xH2HKlBOnZgjDwrTs/5I9tpcyeDrDg",
    ),
    // Node's crypto
    (
        Scheme::Scrypt,
        "$scrypt$v=1$n=8192,r=8,p=2,kl=32$bm9kZS1zYWx0LTE2Ynl0ZQ$XGvWvs6Iaj71xJ/1QOMX2PeO/iozYMyRhZ98TEa8zNs",
    ),
    (Scheme::Ssha, "{ssha}axj40Ug4CXkcazOETH2WwnBDV3xub2RlLXNhbHQtMTZieXRl"),
    // passlib
    (Scheme::Ssha, SSHA),
    (Scheme::Ssha256, "{SSHA256}kytjgXQQmDKsnspJPUeAAUKJYuSqft6dj0Z//Q/Q8JqYcy5FCOH8vw=="),
    // argon2-cffi
    (
        Scheme::Argon2,
        "$argon2id$v=19$m=8192,t=3,p=2$c2FsdHNhbHRzYWx0c2FsdA$yatF1GmFB0M4qylC4yO5vqjkhEqYG/KNmPV/ze7Bsas",
    ),
    (Scheme::Argon2, ARGON2I),
    (Scheme::Argon2, "$argon2d$v=19$m=8192,t=2,p=2$c2FsdHNhbHRzYWx0c2FsdA$lNWvWiHeX9q/KgBxWbQvJbzLc2yJx0etKzKBu2SenU4"),
];

fn hasher(threads: usize) -> Hasher {
    let limits = Limits {
        threads: NonZeroUsize::new(threads).unwrap(),
        queue: NonZeroUsize::new(100).unwrap(),
        keep_memory: Duration::from_hours(1),
        ..Limits::default()
    };
    Hasher::start(Random::new(), limits).unwrap()
}

/// Whether this is the password of an imported hash.
async fn fits(hasher: &Hasher, (scheme, hash): (Scheme, &str), position: Option<SaltPosition>, password: &str) -> bool {
    let stored = import(scheme, hash, position).unwrap();
    match hasher.verify(Secret::from(password), stored).await.unwrap() {
        Verdict::Wrong => false,
        Verdict::Right { rehash } => {
            assert!(rehash, "{hash}");
            true
        }
    }
}

#[tokio::test]
async fn hashes_of_other_implementations_fit_their_password_alone() {
    let hasher = hasher(2);
    for vector in VECTORS {
        assert!(fits(&hasher, vector, None, PASSWORD).await, "{}", vector.1);
        assert!(!fits(&hasher, vector, None, "correct horse battery stapler").await, "{}", vector.1);
        assert!(!fits(&hasher, vector, None, "").await, "{}", vector.1);
    }
    let firebase = (Scheme::FirebaseScrypt, FIREBASE);
    assert!(fits(&hasher, firebase, None, "user1password").await);
    assert!(!fits(&hasher, firebase, None, PASSWORD).await);
    // The other alphabet, and no padding.
    let url_safe = FIREBASE.replace('+', "-").replace('/', "_").replace("==", "");
    assert!(fits(&hasher, (Scheme::FirebaseScrypt, &url_safe), None, "user1password").await, "{url_safe}");
}

#[tokio::test]
async fn a_salt_stands_before_the_password_or_behind_it() {
    let hasher = hasher(1);
    let (before, behind) = (Some(SaltPosition::Prefix), Some(SaltPosition::Suffix));
    for label in ["", "{SSHA256}", "{ssha256}"] {
        let (prefix, suffix) = (format!("{label}{SSHA256_PREFIX}"), format!("{label}{SSHA256_SUFFIX}"));
        let fits = async |hash: &str, position| fits(&hasher, (Scheme::Ssha256, hash), position, PASSWORD).await;
        assert!(fits(&prefix, before).await && fits(&suffix, behind).await && fits(&suffix, None).await);
        assert!(!fits(&prefix, behind).await && !fits(&suffix, before).await && !fits(&prefix, None).await);
    }
}

#[tokio::test]
async fn bcrypt_reads_seventy_two_bytes_and_no_nul() {
    let hasher = hasher(1);
    let long = "$2b$05$abcdefghijklmnopqrstuujf8SX2ahXLwp9w/B.Y5XdysS6yR576q";
    let fits = async |hash: &str, password: &str| fits(&hasher, (Scheme::Bcrypt, hash), None, password).await;
    assert!(fits(long, &"x".repeat(72)).await && fits(long, &"x".repeat(200)).await);
    assert!(!fits(long, &"x".repeat(71)).await);
    assert!(fits("$2b$04$abcdefghijklmnopqrstuuDOfLQ3MkknFkpTy.cs4ncdlSqPiRVS6", "näytä minulle").await);
    // By the repetition of its key, bcrypt itself would take this for the password.
    assert!(!fits(BCRYPT, &format!("{PASSWORD}\0{PASSWORD}")).await);
    // The last character of the salt has bits that mean nothing, and that some implementations set.
    let odd = BCRYPT.replace("563Y.rMJ", "563Y/rMJ");
    assert_ne!(odd, BCRYPT);
    assert!(fits(&odd, PASSWORD).await);
}

#[test]
fn what_is_malformed_or_would_cost_too_much_is_refused() {
    let scrypt = |values: &str| SCRYPT.replace("n=16384,r=8,p=1,kl=64", values);
    let pbkdf2 = |values: &str| PBKDF2.replace("i=600000,d=sha256", values);
    let firebase = |r: &str, m: &str| FIREBASE.replace("r=8,m=14", &format!("{r},{m}"));
    let argon2 = |values: &str| ARGON2I.replace("m=8192,t=3,p=2", values);
    let cost = |cost: &str| BCRYPT.replace("$05$", &format!("${cost}$"));
    let refused = [
        (Scheme::Bcrypt, cost("03")),
        (Scheme::Bcrypt, cost("15")),
        (Scheme::Bcrypt, cost("31")),
        (Scheme::Bcrypt, cost("99")),
        (Scheme::Bcrypt, cost("5")),
        (Scheme::Bcrypt, cost("+5")),
        (Scheme::Bcrypt, BCRYPT.replace("2b", "2x")),
        (Scheme::Bcrypt, BCRYPT[..59].to_owned()),
        (Scheme::Bcrypt, format!("{BCRYPT}x")),
        (Scheme::Bcrypt, BCRYPT.replace("J8", "é")),
        (Scheme::Bcrypt, String::new()),
        (Scheme::Bcrypt, SCRYPT.to_owned()),
        (Scheme::Scrypt, scrypt("n=4194304,r=8,p=1,kl=64")),
        (Scheme::Scrypt, scrypt("n=262144,r=16,p=1,kl=64")),
        (Scheme::Scrypt, scrypt("n=262144,r=8,p=3,kl=64")),
        (Scheme::Scrypt, scrypt("n=2147483648,r=1,p=1,kl=64")),
        (Scheme::Scrypt, scrypt("n=4294967296,r=8,p=1,kl=64")),
        (Scheme::Scrypt, scrypt("n=16384,r=4294967295,p=4294967295,kl=64")),
        (Scheme::Scrypt, scrypt("n=2,r=8,p=4294967295,kl=64")),
        (Scheme::Scrypt, scrypt("n=16384,r=0,p=1,kl=64")),
        (Scheme::Scrypt, scrypt("n=16384,r=8,p=0,kl=64")),
        (Scheme::Scrypt, scrypt("n=16383,r=8,p=1,kl=64")),
        (Scheme::Scrypt, scrypt("n=1,r=8,p=1,kl=64")),
        (Scheme::Scrypt, scrypt("n=0,r=8,p=1,kl=64")),
        (Scheme::Scrypt, scrypt("n=16384,r=8,p=1,kl=32")),
        (Scheme::Scrypt, scrypt("n=16384,r=8,p=1")),
        (Scheme::Scrypt, scrypt("n=16384,r=8,r=8,kl=64")),
        (Scheme::Scrypt, scrypt("n=16384,r=8,p=1,kl=64,x=1")),
        (Scheme::Scrypt, SCRYPT.replace("v=1", "v=2")),
        (Scheme::Scrypt, format!("{SCRYPT}{}", "A".repeat(2000))),
        (Scheme::Pbkdf2, pbkdf2("i=599999,d=sha256")),
        (Scheme::Pbkdf2, pbkdf2("i=1000001,d=sha256")),
        (Scheme::Pbkdf2, pbkdf2("i=4294967295,d=sha512")),
        (Scheme::Pbkdf2, pbkdf2("i=209999,d=sha512")),
        (Scheme::Pbkdf2, pbkdf2("i=600000,d=sha1")),
        (Scheme::Pbkdf2, pbkdf2("i=-1,d=sha256")),
        (Scheme::Pbkdf2, PBKDF2.rsplit_once('$').unwrap().0.to_owned()),
        (Scheme::Pbkdf2, format!("{PBKDF2}{}", "A".repeat(100))),
        (Scheme::Pbkdf2, PBKDF2.replace("QG6BMwMweVu+fGdGtTGN9gzkHBTCL+1KvyjmzZKiY4E", "QG6BMwMweVs")),
        (Scheme::FirebaseScrypt, firebase("r=8", "m=19")),
        (Scheme::FirebaseScrypt, firebase("r=8", "m=64")),
        (Scheme::FirebaseScrypt, firebase("r=8", "m=0")),
        (Scheme::FirebaseScrypt, firebase("r=33", "m=4")),
        (Scheme::FirebaseScrypt, FIREBASE.replace("sk=jxsp", "sk=")),
        (Scheme::FirebaseScrypt, FIREBASE.replace("ss=Bw==,", "")),
        (Scheme::Ssha, SSHA.replace("{SSHA}", "{SHA}")),
        (Scheme::Ssha, SSHA[..30].to_owned()),
        // The digest without a salt.
        (Scheme::Ssha, "{SSHA}d4HxILx08zgzb7OZ9cBVtz6i2pg=".to_owned()),
        (Scheme::Ssha, format!("{SSHA}{}", "A".repeat(400))),
        (Scheme::Ssha256, format!("{{SSHA}}{SSHA256_SUFFIX}")),
        (Scheme::Ssha256, format!("{{SSHA256-PREFIX}}{SSHA256_SUFFIX}")),
        (Scheme::Ssha256, "not base64!".to_owned()),
        (Scheme::Argon2, argon2("m=4095,t=3,p=2")),
        (Scheme::Argon2, argon2("m=262145,t=3,p=2")),
        (Scheme::Argon2, argon2("m=8192,t=2,p=2")),
        (Scheme::Argon2, argon2("m=8192,t=6,p=2")),
        (Scheme::Argon2, argon2("m=8192,t=3,p=9")),
        (Scheme::Argon2, ARGON2I.replace("v=19", "v=16")),
        (Scheme::Argon2, BCRYPT.to_owned()),
    ];
    for (scheme, text) in refused {
        let refusal = import(scheme, &text, None).expect_err(&text).to_string();
        let secret = text.rsplit('$').next().unwrap_or_default();
        assert!(secret.len() < 8 || !refusal.contains(secret), "{refusal}");
    }
    for (scheme, text) in [
        (Scheme::Argon2, argon2("m=262144,t=5,p=8")),
        (Scheme::Scrypt, scrypt("n=262144,r=8,p=2,kl=64")),
        (Scheme::Pbkdf2, pbkdf2("i=1000000,d=sha512")),
        (Scheme::Bcrypt, cost("14")),
        (Scheme::FirebaseScrypt, firebase("r=8", "m=18")),
    ] {
        assert!(import(scheme, &text, None).is_ok(), "{text}");
    }
}

#[tokio::test]
async fn dear_hashes_share_one_bound_of_memory_and_hold_up_no_cheap_ones() {
    let hasher = hasher(4);
    // 128 MiB each, so two of them at once, for most of a second.
    let dear = SCRYPT.replace("n=16384,r=8,p=1", "n=131072,r=8,p=4");
    let verify = |hash: String| {
        let hasher = hasher.clone();
        tokio::spawn(async move { hasher.verify(Secret::from("x"), hash).await.unwrap() })
    };
    let running: Vec<_> = (0..4).map(|_| verify(dear.clone())).collect();
    until("two of them run", async || hasher.load().running == 2).await;
    assert_eq!(hasher.load().queued, 2);
    assert_eq!(hasher.load().memory, 256 * MIB);
    assert_eq!(verify(SSHA.to_owned()).await.unwrap(), Verdict::Wrong);
    assert!(hasher.load().queued > 0, "a cheap one passed those that wait for memory");
    for verdict in join_all(running).await {
        assert_eq!(verdict.unwrap(), Verdict::Wrong);
        assert!(hasher.load().memory <= 256 * MIB + 4 * 19 * MIB);
    }
    until("all is given back but what the threads keep", async || hasher.load().memory <= 4 * 19 * MIB).await;
}

/// Otherwise the quickest answers would be those for accounts that were imported and never used.
#[tokio::test]
async fn a_wrong_password_takes_the_work_of_one_of_ours_however_cheap_the_hash_is() {
    for vector in [(Scheme::Ssha, SSHA), (Scheme::Bcrypt, BCRYPT)] {
        let hasher = hasher(1);
        assert!(!fits(&hasher, vector, None, "wrong").await);
        until("a hash of ours was computed", async || hasher.load().memory == 19 * MIB).await;
    }
}

async fn stored_hash(t: &Test, user: &Value) -> Option<String> {
    sqlx::query_scalar("select hash from user_passwords where user_id = $1")
        .bind(user["id"].as_str())
        .fetch_optional(t.app.database().pool())
        .await
        .unwrap()
}

async fn sign_in(t: &Test, email: &str, password: &str) -> u16 {
    t.grant("password", json!({ "email": email, "password": password })).await.status.as_u16()
}

#[test]
fn users_bring_their_passwords_along_and_the_first_sign_in_makes_the_hash_ours() {
    story(async |t| {
        let imports = [
            ("bcrypt", BCRYPT, None, PASSWORD),
            ("firebase-scrypt", FIREBASE, None, "user1password"),
            ("ssha", SSHA, None, PASSWORD),
            ("ssha256", SSHA256_PREFIX, Some("prefix"), PASSWORD),
            ("ssha256", SSHA256_SUFFIX, Some("suffix"), PASSWORD),
            ("ssha256", SSHA256_SUFFIX, None, PASSWORD),
            ("scrypt", SCRYPT, None, PASSWORD),
            ("pbkdf2", PBKDF2, None, PASSWORD),
            ("argon2", ARGON2I, None, PASSWORD),
        ];
        for (i, (kind, hash, position, password)) in imports.into_iter().enumerate() {
            let email = format!("user{i}@example.com");
            let user = t
                .post(
                    "/user_management/users",
                    json!({ "email": email, "password_hash": hash, "password_hash_type": kind,
                        "password_salt_position": position }),
                )
                .await
                .created();
            assert!(!user.to_string().contains("password"));
            assert_eq!(sign_in(&t, &email, "wrong").await, 400, "{kind}");
            let imported = stored_hash(&t, &user).await.unwrap();
            assert_eq!(sign_in(&t, &email, password).await, 200, "{kind}");
            let ours = stored_hash(&t, &user).await.unwrap();
            assert_ne!(ours, imported);
            assert!(ours.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{ours}");
            assert_eq!(sign_in(&t, &email, password).await, 200, "{kind}");
            assert_eq!(stored_hash(&t, &user).await.unwrap(), ours);
        }
        let shown = format!("{:?}", t.events(&["user.created"]).await);
        assert!(!shown.contains("hash"), "{shown}");
    });
}

#[test]
fn an_imported_password_is_a_new_password_of_a_user_and_ends_their_sessions() {
    story(async |t| {
        let ann =
            t.post("/user_management/users", json!({ "email": "ann@example.com", "password": "a good one, and long" }));
        let ann = ann.await.created();
        assert_eq!(sign_in(&t, "ann@example.com", "a good one, and long").await, 200);
        let path = format!("/user_management/users/{}", ann["id"].as_str().unwrap());
        let body = json!({ "password_hash": BCRYPT, "password_hash_type": "bcrypt" });
        t.neighbour().await.put(&path, body.clone()).await.missing();
        t.put(&path, body).await.ok();
        assert_eq!(sign_in(&t, "ann@example.com", "a good one, and long").await, 400);
        assert_eq!(t.events(&["session.revoked", "user.updated"]).await.len(), 2);
        let hostile = json!({ "password_hash": BCRYPT.replace("$05$", "$31$"), "password_hash_type": "bcrypt" });
        let refused = t.put(&path, hostile).await.fails(400, "invalid_password_hash");
        assert_eq!(
            refused,
            json!({ "code": "invalid_password_hash", "message": "password_hash must have a cost from 4 to 14" })
        );
        assert_eq!(sign_in(&t, "ann@example.com", PASSWORD).await, 200);
    });
}

#[test]
fn two_first_sign_ins_at_once_both_succeed() {
    story(async |t| {
        let body = json!({ "email": "ann@example.com", "password_hash": BCRYPT, "password_hash_type": "bcrypt" });
        let ann = t.post("/user_management/users", body).await.created();
        let entries = join_all((0..4).map(|_| sign_in(&t, "ann@example.com", PASSWORD))).await;
        assert_eq!(entries, [200; 4]);
        assert!(stored_hash(&t, &ann).await.unwrap().starts_with("$argon2id$"));
    });
}
