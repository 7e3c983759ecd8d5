//! Passwords of a seed: themselves, and as hashes of other systems.

use vestibule::protocol::password::Verdict;
use vestibule::store;

use super::{apply, faults, read};
use crate::harness::{Test, story};

async fn stored_password(t: &Test, email: &str) -> String {
    let mut db = t.app.database().read(t.environment.key).await.unwrap();
    let found = store::users::find_credentials(&mut db, email).await.unwrap().unwrap();
    found.password.unwrap().expose().clone()
}

#[test]
fn a_password_may_be_weak_and_is_hashed_again_only_when_it_is_another() {
    story(async |t| {
        apply(&t, "users: [{ email: ann@acme.test, password: test123 }]").await;
        let first = stored_password(&t, "ann@acme.test").await;
        let verify = async |password: &str, stored: &str| {
            t.app.hasher().verify(password.into(), stored.to_owned()).await.unwrap() != Verdict::Wrong
        };
        assert!(verify("test123", &first).await);
        assert_eq!(apply(&t, "users: [{ email: ann@acme.test, password: test123 }]").await, [""; 0]);
        assert_eq!(stored_password(&t, "ann@acme.test").await, first);
        let changed = apply(&t, "users: [{ email: ann@acme.test, password: other }]").await;
        assert_eq!(changed, ["update user 'ann@acme.test'"]);
        let second = stored_password(&t, "ann@acme.test").await;
        assert!(verify("other", &second).await && !verify("test123", &second).await);
        assert_eq!(apply(&t, "users: [{ email: ann@acme.test }]").await, [""; 0]);
        assert_eq!(stored_password(&t, "ann@acme.test").await, second);
        t.assert_events(&["user.created", "user.updated"]).await;
    });
}

#[test]
fn a_hash_of_another_system_is_for_a_user_without_a_password() {
    const HASH: &str = "$2b$05$J8UTIw2y9NY.eo7RL563Y.rMJRv7FDV7eZvYU8oqtvU/h9jpqVQb2";
    story(async |t| {
        t.user("ben@acme.test").await;
        let line = |name: &str| {
            format!("  - {{ email: {name}@acme.test, password_hash: {HASH}, password_hash_type: bcrypt }}\n")
        };
        let text = format!("users:\n{}{}", line("ann"), line("ben"));
        let done = apply(&t, &text).await;
        assert_eq!(done, ["create user 'ann@acme.test'", "update user 'ben@acme.test'"]);
        assert_eq!(stored_password(&t, "ben@acme.test").await, HASH);
        assert_eq!(apply(&t, &text).await, [""; 0]);
        t.sign_in("ann@acme.test").await;
        let ours = stored_password(&t, "ann@acme.test").await;
        assert_ne!(ours, HASH);
        assert_eq!(apply(&t, &text).await, [""; 0], "the file does not bring it back");
        assert_eq!(stored_password(&t, "ann@acme.test").await, ours);
    });
}

#[test]
fn what_is_wrong_with_an_imported_hash_is_named_with_its_place() {
    story(async |t| {
        let text = "
            users:
              - { email: a@acme.test, password: x, password_hash: y, password_hash_type: bcrypt }
              - { email: b@acme.test, password_hash: y }
              - { email: c@acme.test, password_hash_type: ssha }
              - { email: d@acme.test, password_hash: hidden, password_hash_type: bcrypt, password_salt_position: prefix }";
        let found = faults(read(&t, text));
        let places: Vec<_> = found.iter().map(|fault| fault.split([' ', ':']).next().unwrap()).collect();
        assert_eq!(
            places,
            [
                "users[0].password_hash",
                "users[1].password_hash_type",
                "users[2].password_hash",
                "users[3].password_hash",
                "users[3].password_salt_position",
            ]
        );
        assert!(!found.iter().any(|fault| fault.contains("hidden")), "{found:?}");
    });
}

#[test]
fn many_passwords_are_hashed_for_the_right_users() {
    story(async |t| {
        let line = |i: usize| format!("  - {{ email: u{i}@acme.test, password: password-{i} }}\n");
        let text = format!("users:\n{}", (0..19).map(line).collect::<String>());
        assert_eq!(apply(&t, &text).await.len(), 19);
        for i in [0, 7, 8, 18] {
            let stored = stored_password(&t, &format!("u{i}@acme.test")).await;
            let verdict = t.app.hasher().verify(format!("password-{i}").as_str().into(), stored).await.unwrap();
            assert_ne!(verdict, Verdict::Wrong, "{i}");
        }
        assert_eq!(apply(&t, &text).await, [""; 0]);
    });
}
