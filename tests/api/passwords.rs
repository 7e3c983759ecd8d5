//! Password hashing, its queue, and the refusal of weak passwords.

use std::num::NonZeroUsize;
use std::time::Duration;

use tokio::task::JoinSet;
use vestibule::kernel::crypto::Random;
use vestibule::kernel::secret::Secret;
use vestibule::protocol::password::{
    Error, Hasher, ImportError, Limits, PhcError, Scheme, Verdict, import, strength, watch,
};

const MIB: usize = 1024 * 1024;
/// `password` with the salt `somesalt`, by the reference implementation (Python's argon2-cffi), with our parameters.
const OURS: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$PL01amPyeUuxG7H0vIr5X+qHkZvWnHmGBGXFYvh8z2E";
/// Likewise with the parameters of others: little memory, the defaults of argon2-cffi, and Argon2i of before 1.3.
const OTHERS: [&str; 3] = [
    "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
    "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$Zh/vvW8pvLyPRkarwyqdekZFu1wFlTf4pVh/Ma2+zM0",
    "$argon2i$v=16$m=1024,t=2,p=2$c29tZXNhbHQ$iAeovVfZmrobVV/4EYQhdHgBYirQTw8+EpqTfoghCVc",
];

fn hasher(threads: usize, queue: usize, keep_memory: Duration) -> Hasher {
    let [threads, queue] = [threads, queue].map(|number| NonZeroUsize::new(number).unwrap());
    Hasher::start(Random::new(), Limits { threads, queue, keep_memory, ..Limits::default() }).unwrap()
}

/// Two threads, one of which stands still for so long after others were served.
fn polite(make_way: Duration) -> Hasher {
    let [threads, queue] = [2, 100].map(|number| NonZeroUsize::new(number).unwrap());
    Hasher::start(Random::new(), Limits { threads, queue, make_way, ..Limits::default() }).unwrap()
}

/// Keeps the threads of a hasher busy until this is dropped.
fn keep_busy(hasher: &Hasher) -> JoinSet<()> {
    let mut senders = JoinSet::new();
    for _ in 0..4 {
        let hasher = hasher.clone();
        senders.spawn(async move {
            loop {
                hasher.verify(secret("password"), OTHERS[1].to_owned()).await.unwrap();
            }
        });
    }
    senders
}

fn small() -> Hasher {
    hasher(1, 100, Duration::from_secs(3600))
}

fn secret(text: &str) -> Secret<String> {
    text.into()
}

/// Waits until `hasher` is in the state that `wanted` describes.
async fn until(hasher: &Hasher, wanted: impl Fn(vestibule::protocol::password::Load) -> bool) {
    let reached = async {
        while !wanted(hasher.load()) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), reached).await.expect("the hasher reaches the state");
}

fn codes(password: &str, inputs: &[&str]) -> Vec<&'static str> {
    strength(password, inputs).err().into_iter().flatten().map(|weakness| weakness.code).collect()
}

#[tokio::test]
async fn a_hash_is_argon2id_at_the_recommended_cost_and_fits_its_password_alone() {
    let hasher = small();
    let stored = hasher.hash(secret("correct horse")).await.unwrap();
    assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
    let verify = async |password: &str| hasher.verify(secret(password), stored.clone()).await.unwrap();
    assert_eq!(verify("correct horse").await, Verdict::Right { rehash: false });
    for wrong in ["", "correct hors", "correct horse ", "Correct horse"] {
        assert_eq!(verify(wrong).await, Verdict::Wrong);
    }
}

#[tokio::test]
async fn the_same_password_never_hashes_to_the_same_string() {
    let hasher = small();
    assert_ne!(hasher.hash(secret("same")).await.unwrap(), hasher.hash(secret("same")).await.unwrap());
}

#[tokio::test]
async fn hashes_of_the_reference_implementation_are_verified_and_foreign_parameters_ask_for_a_new_hash() {
    let hasher = small();
    let ours = hasher.verify(secret("password"), OURS.to_owned()).await.unwrap();
    assert_eq!(ours, Verdict::Right { rehash: false });
    for other in OTHERS {
        let right = hasher.verify(secret("password"), other.to_owned()).await.unwrap();
        assert_eq!(right, Verdict::Right { rehash: true }, "{other}");
        assert_eq!(hasher.verify(secret("Password"), other.to_owned()).await.unwrap(), Verdict::Wrong);
    }
}

#[tokio::test]
async fn a_long_password_is_hashed_to_its_last_byte() {
    let hasher = small();
    let long = "x".repeat(1023);
    let stored = hasher.hash(secret(&format!("{long}a"))).await.unwrap();
    assert_eq!(hasher.verify(secret(&format!("{long}b")), stored.clone()).await.unwrap(), Verdict::Wrong);
    assert_eq!(hasher.verify(secret(&long), stored).await.unwrap(), Verdict::Wrong);
}

#[tokio::test]
async fn a_hostile_hash_costs_nothing() {
    let hasher = small();
    for hostile in ["m=4194304,t=1,p=1", "m=19456,t=4294967295,p=1", "m=262144,t=6,p=1", "m=19456,t=2,p=17"] {
        let text = format!("$argon2id$v=19${hostile}$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4");
        let refused = import(Scheme::Argon2, &text, None);
        assert!(matches!(refused, Err(ImportError::Argon2(PhcError::TooExpensive { .. }))), "{hostile}");
        let error = hasher.verify(secret("password"), text).await.unwrap_err();
        assert!(matches!(error, Error::Stored(PhcError::TooExpensive { .. })));
    }
    until(&hasher, |load| load.running == 0).await;
    assert_eq!(hasher.load().memory, 0);
}

#[test]
fn what_is_not_an_argon2_hash_is_refused_before_it_is_stored() {
    let malformed = [
        String::new(),
        "password".to_owned(),
        "$2b$12$R9h/cIPz0gi.URNNX3kh2OPST9/PgBkqquzi.Ss7KIUgO2t0jWMUW".to_owned(),
        OURS.replace("argon2id", "scrypt"),
        OURS.replace("v=19", "v=20"),
        OURS.replace("m=19456", "m=7"),
        OURS.replace("$c29tZXNhbHQ$PL01amPyeUuxG7H0vIr5X+qHkZvWnHmGBGXFYvh8z2E", "$c29tZXNhbHQ"),
        // 10 bytes of hash: found by trying 2^80 passwords, any of them.
        OURS.replace("PL01amPyeUuxG7H0vIr5X+qHkZvWnHmGBGXFYvh8z2E", "PL01amPyeUuxG7"),
        format!("{OURS}{}", "$".repeat(1000)),
    ];
    for text in malformed {
        assert!(import(Scheme::Argon2, &text, None).is_err(), "{text}");
    }
    let keyed = OURS.replace("p=1$", "p=1,keyid=Hj5+dsK0$");
    assert_eq!(import(Scheme::Argon2, &keyed, None), Err(ImportError::Argon2(PhcError::Keyed)));
}

#[tokio::test]
async fn an_unknown_user_costs_the_same_work_and_is_always_wrong() {
    let hasher = small();
    assert_eq!(hasher.load().memory, 0, "nothing is taken before the first password");
    assert_eq!(hasher.verify_unknown(secret("password")).await.unwrap(), Verdict::Wrong);
    until(&hasher, |load| load.running == 0).await;
    assert_eq!(hasher.load().memory, 19 * MIB);
}

#[tokio::test]
async fn memory_is_flat_under_load_and_given_back_afterwards() {
    let hasher = hasher(2, 100, Duration::from_millis(1));
    let mut work = JoinSet::new();
    for _ in 0..6 {
        let hasher = hasher.clone();
        work.spawn(async move { hasher.verify(secret("password"), OURS.to_owned()).await });
    }
    while let Some(verdict) = work.join_next().await {
        assert_eq!(verdict.unwrap().unwrap(), Verdict::Right { rehash: false });
        assert!(hasher.load().memory <= 38 * MIB);
    }
    until(&hasher, |load| load.memory == 0).await;
}

#[tokio::test]
async fn a_flood_is_refused_beyond_the_queue_and_passes() {
    let hasher = hasher(1, 1, Duration::from_secs(3600));
    let mut flood = JoinSet::new();
    for _ in 0..20 {
        let hasher = hasher.clone();
        flood.spawn(async move { hasher.verify(secret("password"), OURS.to_owned()).await });
    }
    let answers = flood.join_all().await;
    let refused = answers.iter().filter(|answer| matches!(answer, Err(Error::Busy { .. }))).count();
    let verified = answers.iter().filter(|answer| matches!(answer, Ok(Verdict::Right { .. }))).count();
    assert_eq!(refused + verified, 20);
    assert!(refused > 0 && verified > 0, "{refused} refused, {verified} verified");
    hasher.hash(secret("afterwards")).await.unwrap();
}

#[test]
fn one_core_is_left_to_others_for_as_long_as_they_are_here() {
    let limits = |threads: usize| Limits {
        threads: NonZeroUsize::new(threads).unwrap(),
        make_way: Duration::from_millis(200),
        ..Limits::default()
    };
    let [here, away] = [199, 200].map(|passed| Some(Duration::from_millis(passed)));
    for (threads, beside, alone) in [(1, 1, 1), (2, 1, 2), (8, 7, 8)] {
        assert_eq!(limits(threads).at_once(here), beside);
        assert_eq!(limits(threads).at_once(away), alone);
        assert_eq!(limits(threads).at_once(None), alone, "nobody was ever here");
    }
}

#[tokio::test]
async fn a_thread_stands_still_while_others_are_served() {
    let hasher = polite(Duration::from_hours(1));
    let _busy = keep_busy(&hasher);
    until(&hasher, |load| load.running == 2).await;
    hasher.others_served();
    assert_eq!(hasher.load().at_once, 1);
    // What was begun before is finished.
    until(&hasher, |load| load.running == 1).await;
    for _ in 0..4 {
        hasher.verify(secret("password"), OURS.to_owned()).await.unwrap();
        until(&hasher, |load| load.queued > 1).await;
        assert!(hasher.load().running <= 1);
    }
}

#[tokio::test]
async fn a_thread_that_stood_still_works_again_when_nobody_else_is_there() {
    let hasher = polite(Duration::from_millis(50));
    for _ in 0..3 {
        let busy = keep_busy(&hasher);
        hasher.others_served();
        until(&hasher, |load| load.running == 2).await;
        drop(busy);
        until(&hasher, |load| load.running + load.queued == 0).await;
    }
}

#[tokio::test]
async fn it_is_told_whether_a_request_asked_for_a_hash() {
    let hasher = hasher(1, 1, Duration::from_hours(1));
    assert_eq!(watch(async { 7 }).await, (7, false));
    assert!(watch(hasher.hash(secret("password"))).await.1);
    assert!(watch(async { hasher.admit() }).await.1, "one that may be refused has asked");
    hasher.hash(secret("password")).await.unwrap();
    assert!(!watch(async {}).await.1, "what nobody watched says nothing of those who are");
}

#[test]
fn operators_see_the_queue() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        let hasher = hasher(1, 1, Duration::ZERO);
        runtime.block_on(hasher.verify_unknown(secret("password"))).unwrap();
    });
    let page = handle.render();
    assert!(page.contains("\nvestibule_password_hash_queue 1\n"), "{page}");
    assert!(page.contains("\nvestibule_password_hash_running 0\n"), "{page}");
    assert!(page.contains("\nvestibule_password_hash_at_once 1\n"), "{page}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn hashing_threads_give_way_to_all_others() {
    /// proc(5): the 19th field, of which the first two end with the parenthesis around the name.
    fn nice(stat: &str) -> i32 {
        stat.rsplit_once(')').unwrap().1.split_whitespace().nth(16).unwrap().parse().unwrap()
    }
    let hasher = small();
    hasher.hash(secret("password")).await.unwrap();
    let own = nice(&std::fs::read_to_string("/proc/thread-self/stat").unwrap());
    let stats = std::fs::read_dir("/proc/self/task").unwrap();
    let stats = stats.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("stat")).ok());
    let hashing: Vec<i32> = stats.filter(|stat| stat.contains("(password-")).map(|stat| nice(&stat)).collect();
    assert!(hashing.contains(&(own + 10).min(19)), "{own}, {hashing:?}");
}

#[test]
fn good_passwords_of_every_kind_pass() {
    let sentence = "the quick red panda jumps over eleven lazy firewalls ".repeat(19);
    for password in ["correct horse battery staple", "tR7!kq2#Vz", "näytä minulle kirkkovene", &sentence] {
        assert_eq!(codes(password, &["jane.doe@example.com"]), Vec::<&str>::new(), "{password}");
    }
}

#[test]
fn short_common_and_guessable_passwords_are_refused_with_their_reasons() {
    assert_eq!(codes("", &[]), ["password_too_short", "password_too_weak"]);
    assert_eq!(codes("k7#Qz!w", &[]), ["password_too_short", "password_too_weak"]);
    for weak in ["password", "12345678", "qwertyuiop", "Password123!", "aaaaaaaaaaaaaaaaaaaa"] {
        assert_eq!(codes(weak, &[]), ["password_too_weak"], "{weak}");
    }
    let weak = strength("password", &[]).unwrap_err();
    let expected = serde_json::json!([{
        "code": "password_too_weak",
        "message": "Password is too easy to guess. This is a top-10 common password. Add another word or two. \
                    Uncommon words are better.",
    }]);
    assert_eq!(serde_json::to_value(weak).unwrap(), expected);
}

#[test]
fn length_is_counted_in_characters_for_the_least_and_in_bytes_for_the_most() {
    assert!(!codes("žluťoučk", &[]).contains(&"password_too_short"));
    assert!(codes("žluťouč", &[]).contains(&"password_too_short"));
    let long = "Vx9 kqP2 ".repeat(200);
    assert_eq!(codes(&long[..1024], &[]), Vec::<&str>::new());
    assert_eq!(codes(&long[..1025], &[]), ["password_too_long"]);
}

#[test]
fn what_is_known_about_the_user_does_not_make_a_password_strong() {
    let inputs = ["wolfgang.schlueter@hochtieffbau.example", "Wolfgang", "Schlüter"];
    assert_eq!(codes("wolfgang.schlueter", &[]), Vec::<&str>::new());
    assert_eq!(codes("wolfgang.schlueter", &inputs), ["password_too_weak"]);
    assert_eq!(codes("hochtieffbau7", &inputs), ["password_too_weak"]);
}
