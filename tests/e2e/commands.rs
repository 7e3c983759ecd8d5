//! The commands beside a server: API keys and seeds, with and without one running.

use serde_json::json;

use crate::harness::Place;

const KEY: &str = "sk_test_of_the_seed_0123456789";

/// A seed file in the place; its environment is opened by [`KEY`].
fn seed(place: &Place, name: &str) -> String {
    let text = format!(
        "environment: {{ name: Local, clientId: client_local, apiKey: {KEY} }}\n\
         users: [{{ email: ann@heron.example, password: test123, colour: blue }}]\n\
         organizations: [{{ id: org_pinned, name: {name}, memberships: [{{ email: ann@heron.example }}] }}]\n"
    );
    let path = place.path.join("seed.yaml");
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_listed_and_revoked_beside_a_running_server_and_without_one() {
    let place = Place::new();
    let early = place.run(&["keys", "list"], &[]).await;
    assert_eq!(early.code(), Some(1));
    assert!(early.log.contains("there is no environment yet"), "{}", early.log);

    let server = place.server().await;
    let made = place.run(&["keys", "create", "--name", "ci"], &[]).await;
    assert_eq!(made.code(), Some(0), "{}", made.log);
    let key = made.out.strip_suffix('\n').unwrap();
    assert!(key.starts_with("sk_") && !key.contains(char::is_whitespace), "nothing but the key: {key}");
    assert!(!made.log.contains(key));
    server.caller(key).get("/organizations").await.expect(200);

    let listed = place.run(&["keys", "list", "--environment", "Default"], &[]).await;
    let row = listed.out.lines().find(|line| line.contains(" ci ")).unwrap();
    assert!(listed.out.starts_with("ID ") && !listed.out.contains(key), "{}", listed.out);
    let id = row.split_whitespace().next().unwrap();
    assert_eq!(place.run(&["keys", "revoke", id], &[]).await.code(), Some(0));
    server.caller(key).get("/organizations").await.expect(401);
    let again = place.run(&["keys", "revoke", id], &[]).await;
    assert_eq!(again.code(), Some(1));
    assert!(again.log.contains(&format!("API key not found: '{id}'")), "{}", again.log);
    assert_eq!(server.stop().await.code(), Some(0));

    let made = place.run(&["keys", "create", "--name", "offline"], &[]).await;
    assert_eq!(made.code(), Some(0), "{}", made.log);
    let server = place.server().await;
    server.caller(made.out.trim()).get("/organizations").await.expect(200);
    let nowhere = place.run(&["keys", "create", "--name", "x", "--environment", "Nowhere"], &[]).await;
    assert_eq!((nowhere.code(), nowhere.out.as_str()), (Some(1), ""));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seed_is_shown_then_applied_then_nothing_is_left_to_change() {
    let place = Place::new();
    let server = place.server().await;
    let file = seed(&place, "Heron");
    let dry = place.run(&["apply", &file, "--dry-run"], &[]).await;
    assert_eq!(dry.code(), Some(0), "{}", dry.log);
    assert!(dry.out.contains("create organization 'Heron'\n"), "{}", dry.out);
    assert!(dry.out.ends_with("5 changes to be made; nothing was changed\n"), "{}", dry.out);
    server.caller(KEY).get("/organizations").await.expect(401);

    let applied = place.run(&["apply", &file], &[]).await;
    assert_eq!(applied.code(), Some(0), "{}", applied.log);
    assert!(applied.out.ends_with("\n5 changes\n"), "{}", applied.out);
    assert!(applied.log.contains("warning: users[0].colour is unknown"), "{}", applied.log);
    let heron = server.caller(KEY).get("/organizations/org_pinned").await.expect(200);
    assert_eq!(heron["name"], "Heron");
    assert_eq!(place.run(&["apply", &file], &[]).await.out, "nothing to change\n");
    for said in [dry, applied] {
        assert!(!format!("{}{}", said.out, said.log).contains(KEY));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_has_its_seed_before_it_listens_and_does_not_start_on_a_bad_one() {
    let place = Place::new();
    let file = seed(&place, "Heron");
    let settings = [("VESTIBULE_SEED", file.as_str())];
    let server = place.server_with(&settings).await.with_key(KEY);
    assert_eq!(server.get("/organizations/org_pinned").await.expect(200)["name"], "Heron");
    let log = server.process().log.text();
    assert!(!log.contains("ann@heron.example") && !log.contains(KEY), "{log}");
    server.post("/organizations", json!({ "name": "Other" })).await.expect(201);
    assert_eq!(server.stop().await.code(), Some(0));

    seed(&place, "Egret");
    let server = place.server_with(&settings).await.with_key(KEY);
    assert_eq!(server.get("/organizations/org_pinned").await.expect(200)["name"], "Egret");
    assert_eq!(server.pages("/organizations").await.len(), 2);
    assert_eq!(server.stop().await.code(), Some(0));

    std::fs::write(&file, "users: [{ email: nobody }, { email: ann@heron.example, id: me }]\n").unwrap();
    let refused = place.run(&["serve"], &settings).await;
    assert_eq!(refused.code(), Some(1));
    for fault in ["seed.yaml cannot be applied", "users[1].id must be an id that begins with user_."] {
        assert!(refused.log.contains(fault), "{}", refused.log);
    }
}
