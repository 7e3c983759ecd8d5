//! The keys that sign tokens, and where verifiers find them.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{Test, story};

fn kids(set: &Value) -> Vec<String> {
    set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

/// What an operator's rotation does to the key that signs.
async fn retire(t: &Test) {
    sqlx::query("update signing_keys set state = 'retired' where environment = $1")
        .bind(t.environment.key)
        .execute(t.app.database().pool())
        .await
        .unwrap();
}

#[test]
fn the_key_set_is_public_and_has_what_the_strictest_verifier_wants() {
    story(async |t| {
        let set = t.keys().await;
        let keys = set["keys"].as_array().unwrap();
        assert_eq!(keys.len(), 1);
        let members: Vec<_> = keys[0].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use", "x5c", "x5t#S256"]);
        assert_eq!(
            (&keys[0]["alg"], &keys[0]["kty"], &keys[0]["use"]),
            (&json!("RS256"), &json!("RSA"), &json!("sig"))
        );
        assert_eq!(t.keys().await, set, "the set changes by itself");
        assert_ne!(kids(&t.neighbour().await.keys().await), kids(&set));
        t.with_key("").get("/sso/jwks/client_unknown").await.missing();
    });
}

#[test]
fn the_issuer_says_where_its_keys_are() {
    story(async |t| {
        let id = &t.environment.client_id;
        let path = format!("/user_management/{id}/.well-known/openid-configuration");
        let document = t.with_key("").get(path).await.ok();
        assert_eq!(document["issuer"], format!("http://vestibule.test/user_management/{id}"));
        assert_eq!(document["jwks_uri"], format!("http://vestibule.test/sso/jwks/{id}"));
        assert_eq!(document["token_endpoint"], "http://vestibule.test/user_management/authenticate");
        assert_eq!(document["id_token_signing_alg_values_supported"], json!(["RS256"]));
        t.with_key("").get("/user_management/client_unknown/.well-known/openid-configuration").await.missing();
    });
}

#[test]
fn two_servers_that_need_the_first_key_at_once_agree_on_one() {
    story(async |_| {
        let first = Test::server("a").await;
        let second = Test::server("a").await.joined(&first);
        let calls = (0..8).map(|i| {
            let t = if i % 2 == 0 { first.clone() } else { second.clone() };
            tokio::spawn(async move { t.keys().await })
        });
        let sets: Vec<_> = join_all(calls).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(kids(&sets[0]).len(), 1);
        assert!(sets.iter().all(|set| set == &sets[0]), "{sets:?}");
        // Each of them signs with it, and what one has signed the other's key set verifies.
        first.person("ann@example.com").await;
        for (signer, verifier) in [(&first, &second), (&second, &first)] {
            let answer = signer.sign_in("ann@example.com").await;
            verifier.claims(&answer["access_token"]).await;
        }
    });
}

#[test]
fn a_server_notices_within_a_minute_that_another_key_signs_now() {
    story(async |t| {
        t.person("ann@example.com").await;
        let old = t.sign_in("ann@example.com").await;
        retire(&t).await;
        t.advance(59);
        assert_eq!(kids(&t.keys().await).len(), 1, "a key that is in use is trusted for a minute");
        t.advance(1);
        let new = t.sign_in("ann@example.com").await;
        let kid = |answer: &Value| {
            jsonwebtoken::decode_header(answer["access_token"].as_str().unwrap()).unwrap().kid.unwrap()
        };
        assert_ne!(kid(&new), kid(&old));
        // The newest first; what the retired key has signed is still verified.
        assert_eq!(kids(&t.keys().await), [kid(&new), kid(&old)]);
        t.claims(&old["access_token"]).await;
        t.claims(&new["access_token"]).await;
    });
}

#[test]
fn a_private_key_is_of_no_use_without_the_master_key_and_in_another_row() {
    story(async |_| {
        let t = Test::server("a").await;
        t.person("ann@example.com").await;
        t.sign_in("ann@example.com").await;
        let sealed: Vec<u8> = sqlx::query_scalar("select sealed from signing_keys where environment = $1")
            .bind(t.environment.key)
            .fetch_one(t.app.database().pool())
            .await
            .unwrap();
        // An RSA key in PKCS #8 names its algorithm by this object identifier.
        let rsa = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
        assert!(!sealed.windows(rsa.len()).any(|window| window == rsa));
        let thief = Test::server("b").await.joined(&t);
        thief.try_sign_in("ann@example.com").await.fails(500, "internal_server_error");

        // Copied over the key of a neighbour, it does not sign for them either.
        let neighbour = t.neighbour().await;
        neighbour.person("bob@example.com").await;
        neighbour.sign_in("bob@example.com").await;
        sqlx::query("update signing_keys set sealed = $2 where environment = $1")
            .bind(neighbour.environment.key)
            .bind(&sealed)
            .execute(t.app.database().pool())
            .await
            .unwrap();
        t.advance(60);
        neighbour.try_sign_in("bob@example.com").await.fails(500, "internal_server_error");
    });
}
