//! Sessions: refreshed, listed, ended.

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::Row as _;

use vestibule::worker::upkeep;

use crate::harness::{PASSWORD, Test, story, story_apart};

fn sessions_of(user: &Value) -> String {
    format!("/user_management/users/{}/sessions", user["id"].as_str().unwrap())
}

async fn revoke(t: &Test, session: &Value) {
    t.post("/user_management/sessions/revoke", json!({ "session_id": session })).await.done();
}

/// Asserts that a refresh token opens nothing, for this reason.
async fn refused(t: &Test, answer: &Value, reason: &str) {
    let body = t.refresh(&answer["refresh_token"]).await.fails(400, "invalid_grant");
    assert_eq!(body, json!({ "error": "invalid_grant", "error_description": reason }));
}

const ENDED: &str = "Session has already ended.";
const EXCHANGED: &str = "Refresh token already exchanged.";

/// A user who is a member of two organizations, and a session in neither.
async fn between_two(t: &Test) -> (Value, Value, Value, Value) {
    let user = t.person("ann@example.com").await;
    let answer = t.sign_in("ann@example.com").await;
    let (first, second) = (t.organization("First").await, t.organization("Second").await);
    t.membership(&user, &first).await;
    t.membership(&user, &second).await;
    (user, first, second, answer)
}

#[test]
fn a_refresh_goes_on_with_the_session_and_with_the_time_of_sign_in() {
    story(async |t| {
        t.person("ann@example.com").await;
        let first = t.sign_in("ann@example.com").await;
        t.advance(200);
        let second = t.refresh(&first["refresh_token"]).await.ok();
        assert_eq!(second["authentication_method"], "Password");
        assert_eq!(second["user"], first["user"]);
        assert_ne!(second["refresh_token"], first["refresh_token"]);
        let (was, is) = (t.claims(&first["access_token"]).await, t.claims(&second["access_token"]).await);
        assert_eq!((&is["sid"], &is["auth_time"]), (&was["sid"], &was["auth_time"]));
        assert_ne!(is["jti"], was["jti"]);
        assert!((200..=201).contains(&(is["iat"].as_i64().unwrap() - was["iat"].as_i64().unwrap())));
        t.assert_events(&["session.created"]).await;
    });
}

#[test]
fn a_refresh_reads_roles_and_permissions_again() {
    story(async |t| {
        let (user, organization) = (t.person("ann@example.com").await, t.organization("Acme").await);
        let membership = t.membership(&user, &organization).await;
        let answer = t.sign_in("ann@example.com").await;
        t.post("/authorization/permissions", json!({ "slug": "read", "name": "Read" })).await.created();
        t.post("/authorization/roles", json!({ "slug": "reader", "name": "Reader" })).await.created();
        t.put("/authorization/roles/reader/permissions", json!({ "permissions": ["read"] })).await.ok();
        let path = format!("/user_management/organization_memberships/{}", membership["id"].as_str().unwrap());
        t.put(path, json!({ "role_slug": "reader" })).await.ok();
        let answer = t.refresh(&answer["refresh_token"]).await.ok();
        assert_eq!(answer["organization_id"], organization["id"]);
        let claims = t.claims(&answer["access_token"]).await;
        assert_eq!((&claims["role"], &claims["permissions"]), (&json!("reader"), &json!(["read"])));
    });
}

#[test]
fn an_exchanged_token_gives_the_same_pair_for_half_a_minute_and_then_nothing() {
    story(async |t| {
        t.person("ann@example.com").await;
        let first = t.sign_in("ann@example.com").await;
        let second = t.refresh(&first["refresh_token"]).await.ok();
        t.advance(29);
        assert_eq!(t.refresh(&first["refresh_token"]).await.ok(), second);
        // Also when the successor was exchanged in its turn.
        let third = t.refresh(&second["refresh_token"]).await.ok();
        assert_eq!(t.refresh(&first["refresh_token"]).await.ok(), second);
        t.advance(1);
        refused(&t, &first, EXCHANGED).await;
        assert_eq!(t.refresh(&second["refresh_token"]).await.ok(), third);
        // However late an old token comes, the session goes on.
        t.advance(86_400);
        let fourth = t.refresh(&third["refresh_token"]).await.ok();
        for old in [&first, &second] {
            refused(&t, old, EXCHANGED).await;
        }
        t.refresh(&fourth["refresh_token"]).await.ok();
    });
}

#[test]
fn of_many_exchanges_of_one_token_on_two_servers_one_makes_a_successor() {
    story(async |_| {
        let t = Test::server("a").await;
        let servers = [t.clone(), Test::server("a").await.joined(&t)];
        t.person("ann@example.com").await;
        let answer = t.sign_in("ann@example.com").await;
        let attempts = (0..64).map(|i| {
            let (t, token) = (servers[i % 2].clone(), answer["refresh_token"].clone());
            tokio::spawn(async move { t.refresh(&token).await.ok() })
        });
        let answers: Vec<_> = join_all(attempts).await.into_iter().map(Result::unwrap).collect();
        assert!(answers.iter().all(|other| other == &answers[0]), "more than one pair of successors");
        let tokens: i64 = sqlx::query_scalar("select count(*) from refresh_tokens where environment = $1")
            .bind(t.environment.key)
            .fetch_one(t.app.database().pool())
            .await
            .unwrap();
        assert_eq!(tokens, 2, "the exchanged one and its successor");
        servers[1].refresh(&answers[0]["refresh_token"]).await.ok();
    });
}

#[test]
fn a_refresh_leads_into_another_organization_of_the_user() {
    story(async |t| {
        let (_, first, second, answer) = between_two(&t).await;
        assert_eq!(answer.get("organization_id"), None);
        let inside = t.refresh_into(&answer["refresh_token"], &first["id"]).await.ok();
        assert_eq!(inside["organization_id"], first["id"]);
        assert_eq!(t.claims(&inside["access_token"]).await["org_id"], first["id"]);
        // It stays there until another one is asked for.
        let same = t.refresh(&inside["refresh_token"]).await.ok();
        assert_eq!(same["organization_id"], first["id"]);
        let other = t.refresh_into(&same["refresh_token"], &second["id"]).await.ok();
        let claims = t.claims(&other["access_token"]).await;
        assert_eq!(
            (&claims["org_id"], &claims["sid"]),
            (&second["id"], &t.claims(&answer["access_token"]).await["sid"])
        );
    });
}

#[test]
fn a_token_that_was_just_exchanged_leads_into_another_organization_too() {
    story(async |t| {
        let (_, first, second, answer) = between_two(&t).await;
        let inside = t.refresh_into(&answer["refresh_token"], &first["id"]).await.ok();
        let switched = t.refresh_into(&answer["refresh_token"], &second["id"]).await.ok();
        assert_eq!(switched["refresh_token"], inside["refresh_token"], "a second successor");
        assert_eq!(switched["organization_id"], second["id"]);
        assert_eq!(t.claims(&switched["access_token"]).await["org_id"], second["id"]);
        assert_eq!(t.refresh(&inside["refresh_token"]).await.ok()["organization_id"], second["id"]);
        // The grace is counted from the first exchange, whatever came in between.
        t.advance(30);
        refused(&t, &answer, EXCHANGED).await;
    });
}

#[test]
fn a_refresh_does_not_lead_where_the_user_is_no_active_member() {
    story(async |t| {
        let (user, first, _, answer) = between_two(&t).await;
        let strange = t.organization("Strange").await;
        let into = async |organization: &Value| t.refresh_into(&answer["refresh_token"], organization).await;
        let body = into(&json!("org_unknown")).await.fails(400, "organization_not_found");
        assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["error", "error_description"]);
        into(&strange["id"]).await.fails(400, "organization_membership_not_found");
        let neighbour = t.neighbour().await.organization("Neighbour").await;
        into(&neighbour["id"]).await.fails(400, "organization_not_found");
        let path = format!("/user_management/organization_memberships?user_id={}", user["id"].as_str().unwrap());
        for membership in t.pages(&path).await {
            let id = membership["id"].as_str().unwrap();
            t.put(format!("/user_management/organization_memberships/{id}/deactivate"), json!({})).await.ok();
        }
        into(&first["id"]).await.fails(400, "organization_membership_not_found");
        // None of this has used the token up.
        t.refresh(&answer["refresh_token"]).await.ok();
    });
}

#[test]
fn a_refresh_token_is_for_its_client_only_and_a_secret_that_is_given_must_be_right() {
    story(async |t| {
        t.person("ann@example.com").await;
        let answer = t.sign_in("ann@example.com").await;
        let neighbour = t.neighbour().await;
        let unknown = "The refresh token is invalid.";
        refused(&neighbour, &answer, unknown).await;
        for token in ["", "x", "é".repeat(40).as_str(), "A".repeat(65).as_str()] {
            t.refresh(&json!(token)).await.fails(400, "invalid_grant");
        }
        // The part that all tokens of the session have in common is not enough.
        let forged = format!("{}{}", &answer["refresh_token"].as_str().unwrap()[..22], "A".repeat(43));
        t.refresh(&json!(forged)).await.fails(400, "invalid_grant");
        let with = async |secret: &str| {
            let grant = json!({ "refresh_token": answer["refresh_token"], "client_secret": secret });
            t.grant("refresh_token", grant).await
        };
        with("sk_wrong").await.fails(400, "invalid_client");
        with(&neighbour.key).await.fails(400, "invalid_client");
        with(&t.key).await.ok();
        with("").await.ok();
    });
}

#[test]
fn sessions_are_listed_while_they_go_on() {
    story(async |t| {
        let user = t.person("ann@example.com").await;
        t.sign_in("ann@example.com").await;
        let body = json!({ "email": "ann@example.com", "password": PASSWORD, "ip_address": "192.0.2.7",
            "user_agent": "Browser" });
        let answer = t.grant("password", body).await.ok();
        let sid = t.claims(&answer["access_token"]).await["sid"].clone();
        let listed = t.pages(&format!("{}?limit=1", sessions_of(&user))).await;
        assert_eq!(listed.len(), 2);
        let session = &listed[0];
        let created = session["created_at"].clone();
        assert_eq!(
            *session,
            json!({ "object": "session", "id": sid, "user_id": user["id"], "ip_address": "192.0.2.7",
                "user_agent": "Browser", "auth_method": "password", "status": "active",
                "expires_at": session["expires_at"], "ended_at": null, "created_at": created, "updated_at": created })
        );
        assert_eq!((&listed[1]["ip_address"], &listed[1]["user_agent"]), (&json!(null), &json!(null)));

        revoke(&t, &sid).await;
        assert_eq!(t.pages(&sessions_of(&user)).await, listed[1..]);
        t.neighbour().await.get(sessions_of(&user)).await.missing();
        t.get("/user_management/users/user_unknown/sessions").await.missing();
        t.get(format!("{}?limit=0", sessions_of(&user))).await.invalid(&["limit"]);
    });
}

#[test]
fn a_session_is_revoked_once() {
    story(async |t| {
        t.person("ann@example.com").await;
        let answer = t.sign_in("ann@example.com").await;
        let sid = t.claims(&answer["access_token"]).await["sid"].clone();
        let next = t.refresh(&answer["refresh_token"]).await.ok();
        let body = json!({ "session_id": sid });
        t.neighbour().await.post("/user_management/sessions/revoke", body).await.missing();
        revoke(&t, &sid).await;
        revoke(&t, &sid).await;
        refused(&t, &next, ENDED).await;
        // Not even within the grace of the exchange.
        refused(&t, &answer, ENDED).await;
        t.assert_events(&["session.created", "session.revoked"]).await;
        let event = &t.events(&["session.revoked"]).await[0]["data"];
        assert_eq!((&event["id"], &event["status"]), (&sid, &json!("revoked")));
        assert_eq!(event["ended_at"], event["updated_at"]);
        t.post("/user_management/sessions/revoke", json!({ "session_id": "session_unknown" })).await.missing();
        t.post("/user_management/sessions/revoke", json!({ "session_id": "x" })).await.invalid(&["session_id"]);
        t.post("/user_management/sessions/revoke", json!({})).await.invalid(&["session_id"]);
    });
}

#[test]
fn a_session_ends_at_its_time_however_often_it_is_refreshed() {
    story(async |t| {
        let user = t.person("ann@example.com").await;
        t.settings(json!({ "session_seconds": 1000, "access_token_seconds": 600 })).await;
        let answer = t.sign_in("ann@example.com").await;
        let claims = t.claims(&answer["access_token"]).await;
        assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
        t.advance(900);
        let answer = t.refresh(&answer["refresh_token"]).await.ok();
        // An access token does not outlive its session.
        let claims = t.claims(&answer["access_token"]).await;
        assert!((99..=100).contains(&(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap())));
        t.advance(100);
        refused(&t, &answer, ENDED).await;
        assert_eq!(t.pages(&sessions_of(&user)).await.len(), 0);
        // Revoking what has ended by itself is no act.
        revoke(&t, &claims["sid"]).await;
        t.assert_events(&["session.created"]).await;
    });
}

#[test]
fn an_idle_session_ends_and_a_refreshed_one_does_not() {
    story(async |t| {
        let user = t.person("ann@example.com").await;
        t.settings(json!({ "session_idle_seconds": 100 })).await;
        let answer = t.sign_in("ann@example.com").await;
        t.advance(99);
        let answer = t.refresh(&answer["refresh_token"]).await.ok();
        t.advance(99);
        let answer = t.refresh(&answer["refresh_token"]).await.ok();
        assert_eq!(t.pages(&sessions_of(&user)).await.len(), 1);
        t.advance(100);
        assert_eq!(t.pages(&sessions_of(&user)).await.len(), 0);
        refused(&t, &answer, ENDED).await;
    });
}

#[test]
fn an_idle_session_that_was_revoked_does_not_come_back_with_another_limit() {
    story(async |t| {
        let user = t.person("ann@example.com").await;
        t.settings(json!({ "session_idle_seconds": 100 })).await;
        let answer = t.sign_in("ann@example.com").await;
        let session = t.pages(&sessions_of(&user)).await[0]["id"].clone();
        t.advance(100);
        t.post("/user_management/sessions/revoke", json!({ "session_id": session })).await.done();
        assert_eq!(t.events(&["session.revoked"]).await.len(), 0, "nobody had it any more");
        t.settings(json!({ "session_idle_seconds": null })).await;
        assert_eq!(t.pages(&sessions_of(&user)).await.len(), 0);
        refused(&t, &answer, ENDED).await;
    });
}

#[test]
fn a_new_password_ends_every_session() {
    story(async |t| {
        let user = t.person("ann@example.com").await;
        let answers = [t.sign_in("ann@example.com").await, t.sign_in("ann@example.com").await];
        let path = format!("/user_management/users/{}", user["id"].as_str().unwrap());
        t.put(&path, json!({ "first_name": "Ann" })).await.ok();
        assert_eq!(t.pages(&sessions_of(&user)).await.len(), 2);
        t.put(&path, json!({ "password": "another long and good one" })).await.ok();
        for answer in &answers {
            refused(&t, answer, ENDED).await;
        }
        t.try_sign_in("ann@example.com").await.fails(400, "invalid_credentials");
        t.assert_events(&[
            "user.created",
            "session.created",
            "session.created",
            "user.updated",
            "user.updated",
            "session.revoked",
            "session.revoked",
        ])
        .await;
    });
}

#[test]
fn a_session_ends_with_the_membership_that_it_speaks_for() {
    story(async |t| {
        let (user, first, second, answer) = between_two(&t).await;
        let enter = async |organization: &Value| {
            let answer = t.grant("password", json!({ "email": "ann@example.com", "password": PASSWORD })).await;
            let token = answer.fails(403, "organization_selection_required")["pending_authentication_token"].clone();
            let choice = json!({ "pending_authentication_token": token, "organization_id": organization["id"] });
            t.grant(crate::harness::SELECTION, choice).await.ok()
        };
        let (in_first, in_second) = (enter(&first).await, enter(&second).await);
        let path =
            format!("/user_management/organization_memberships?user_id={}&order=asc", user["id"].as_str().unwrap());
        let memberships = t.pages(&path).await;
        let path =
            |i: usize| format!("/user_management/organization_memberships/{}", memberships[i]["id"].as_str().unwrap());
        t.put(format!("{}/deactivate", path(0)), json!({})).await.ok();
        refused(&t, &in_first, ENDED).await;
        let in_second = t.refresh(&in_second["refresh_token"]).await.ok();
        t.delete(path(1)).await.done();
        refused(&t, &in_second, ENDED).await;
        // The session that speaks for no organization has lost nothing.
        t.refresh(&answer["refresh_token"]).await.ok();
        let revoked = t.events(&["session.revoked"]).await;
        let organizations: Vec<_> = revoked.iter().map(|event| &event["data"]["organization_id"]).collect();
        assert_eq!(organizations, [&first["id"], &second["id"]]);
    });
}

#[test]
fn sessions_end_with_their_user_and_with_their_organization() {
    story(async |t| {
        let (ann, bob) = (t.person("ann@example.com").await, t.person("bob@example.com").await);
        let organization = t.organization("Acme").await;
        t.membership(&ann, &organization).await;
        let answers = [t.sign_in("ann@example.com").await, t.sign_in("bob@example.com").await];
        t.delete(format!("/organizations/{}", organization["id"].as_str().unwrap())).await.accepted();
        assert_eq!(t.events(&["session.revoked"]).await.len(), 1);
        t.refresh(&answers[0]["refresh_token"]).await.fails(400, "invalid_grant");
        t.delete(format!("/user_management/users/{}", bob["id"].as_str().unwrap())).await.done();
        t.refresh(&answers[1]["refresh_token"]).await.fails(400, "invalid_grant");
        let names = ["session.revoked", "user.deleted"];
        let events = t.events(&names).await;
        let happened: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(happened, ["session.revoked", "session.revoked", "user.deleted"]);
        assert_eq!(events[1]["data"]["user_id"], bob["id"]);
    });
}

/// A copy of the database opens no session: what is in it are hashes, and what is sealed.
#[test]
fn no_token_is_stored_as_it_is() {
    story(async |t| {
        t.person("ann@example.com").await;
        let first = t.sign_in("ann@example.com").await;
        let second = t.refresh(&first["refresh_token"]).await.ok();
        let third = t.refresh(&second["refresh_token"]).await.ok();
        let rows = sqlx::query(
            "select row_to_json(s)::text, convert_to(row_to_json(r)::text, 'UTF8'), r.successor
             from sessions s join refresh_tokens r on r.environment = s.environment where s.environment = $1",
        )
        .bind(t.environment.key)
        .fetch_all(t.app.database().pool())
        .await
        .unwrap();
        assert_eq!(rows.len(), 3);
        let mut text = String::new();
        for row in &rows {
            text.push_str(row.get(0));
            text.push_str(&String::from_utf8_lossy(row.get(1)));
            text.push_str(&String::from_utf8_lossy(row.get::<Option<&[u8]>, _>(2).unwrap_or_default()));
        }
        for answer in [&first, &second, &third] {
            let token = answer["refresh_token"].as_str().unwrap();
            assert!(!text.contains(&token[..22]) && !text.contains(&token[22..]));
            assert!(!text.contains(answer["access_token"].as_str().unwrap()));
        }
    });
}

#[test]
fn a_session_keeps_few_tokens_however_long_it_lasts() {
    story(async |t| {
        t.person("ann@example.com").await;
        let mut answer = t.sign_in("ann@example.com").await;
        for _ in 0..20 {
            t.advance(31);
            answer = t.refresh(&answer["refresh_token"]).await.ok();
        }
        let kept: i64 = sqlx::query_scalar("select count(*) from refresh_tokens where environment = $1")
            .bind(t.environment.key)
            .fetch_one(t.app.database().pool())
            .await
            .unwrap();
        assert_eq!(kept, 2);
    });
}

#[test]
fn what_sign_in_leaves_behind_is_forgotten_in_time() {
    story_apart(async |t| {
        let (user, ..) = between_two(&t).await;
        t.try_sign_in("ann@example.com").await.fails(403, "organization_selection_required");
        let bob = t.person("bob@example.com").await;
        let answers = [t.sign_in("bob@example.com").await, t.sign_in("bob@example.com").await];
        let next = t.refresh(&answers[0]["refresh_token"]).await.ok();
        revoke(&t, &t.claims(&answers[1]["access_token"]).await["sid"]).await;
        let kept = async || {
            let count = "select array[(select count(*) from sessions), (select count(*) from refresh_tokens),
                                      (select count(*) from pending_authentications)]";
            upkeep::round(&t.app).await;
            sqlx::query_scalar::<_, Vec<i64>>(count).fetch_one(t.app.database().pool()).await.unwrap()
        };
        assert_eq!(kept().await, [3, 4, 1]);
        t.advance(31);
        assert_eq!(kept().await, [3, 3, 1], "an exchanged token may not come again");
        t.advance(570);
        assert_eq!(kept().await, [3, 3, 0], "a sign-in was given up");
        let month = 30 * 86_400;
        t.advance(month);
        assert_eq!(kept().await, [2, 2, 0], "a session was revoked a month ago");
        let next = t.refresh(&next["refresh_token"]).await.ok();
        t.advance(365 * 86_400);
        assert_eq!(kept().await, [0, 0, 0], "sessions have lasted their time, a month ago");
        refused(&t, &next, "The refresh token is invalid.").await;
        for user in [&user, &bob] {
            assert_eq!(t.pages(&sessions_of(user)).await.len(), 0);
        }
    });
}
