//! Choosing an organization, for who is a member of several.

use futures_util::future::join_all;
use serde_json::{Value, json};
use vestibule::domain::authentication::{self, Entry};
use vestibule::domain::passwords::Proof;
use vestibule::http::Scope;
use vestibule::kernel::id::UserId;
use vestibule::kernel::secret::Secret;
use vestibule::model::events::Actor;

use super::{issuer, keys, stored_hash};
use crate::harness::{Answer, SELECTION, Test, story, story_apart, until};

/// A user who is a member of two organizations.
async fn member_of_two(t: &Test) -> (Value, Value, Value) {
    let user = t.person("ann@example.com").await;
    let (first, second) = (t.organization("First").await, t.organization("Second").await);
    t.membership(&user, &first).await;
    t.membership(&user, &second).await;
    (user, first, second)
}

async fn select(t: &Test, token: &Value, organization: &Value) -> Answer {
    t.grant(SELECTION, json!({ "pending_authentication_token": token, "organization_id": organization })).await
}

/// The token of a sign-in that waits for the choice of an organization.
async fn pending(t: &Test) -> Value {
    t.try_sign_in("ann@example.com").await.fails(403, "organization_selection_required")["pending_authentication_token"]
        .clone()
}

#[test]
fn a_member_of_several_organizations_chooses_one_of_them() {
    story(async |t| {
        let (user, first, second) = member_of_two(&t).await;
        let held = t.try_sign_in("ann@example.com").await;
        assert_eq!(held.headers["cache-control"], "no-store");
        let held = held.fails(403, "organization_selection_required");
        assert_eq!(keys(&held), ["code", "message", "organizations", "pending_authentication_token", "user"]);
        assert_eq!(held["message"], "The user must choose an organization to finish their authentication.");
        assert_eq!(
            held["organizations"],
            json!([{ "id": first["id"], "name": "First" }, { "id": second["id"], "name": "Second" }])
        );
        assert_eq!((&held["user"]["id"], &held["user"]["last_sign_in_at"]), (&user["id"], &json!(null)));
        t.assert_events(&["authentication.password_succeeded"]).await;
        assert_eq!(t.events(&["session.created"]).await.len(), 0);

        t.advance(599);
        let token = &held["pending_authentication_token"];
        let answer = select(&t, token, &second["id"]).await.ok();
        assert_eq!((&answer["organization_id"], &answer["authentication_method"]), (&second["id"], &json!("Password")));
        let claims = t.claims(&answer["access_token"]).await;
        assert_eq!((&claims["org_id"], &claims["role"]), (&second["id"], &json!("member")));
        // The user proved who they are with the password, not with the choice.
        assert!((599..=600).contains(&(claims["iat"].as_i64().unwrap() - claims["auth_time"].as_i64().unwrap())));
        assert_eq!(t.events(&["session.created"]).await.len(), 1);
        select(&t, token, &second["id"]).await.fails(400, "invalid_pending_authentication_token");
    });
}

#[test]
fn a_choice_that_is_refused_can_be_made_again() {
    story(async |t| {
        let (_, first, second) = member_of_two(&t).await;
        let other = t.organization("Other").await;
        let token = pending(&t).await;
        let refused = select(&t, &token, &json!("org_unknown")).await.fails(400, "organization_not_found");
        assert_eq!(keys(&refused), ["error", "error_description"]);
        select(&t, &token, &other["id"]).await.fails(400, "organization_membership_not_found");
        let members = t.get(format!(
            "/user_management/organization_memberships?organization_id={}",
            second["id"].as_str().unwrap()
        ));
        let membership = members.await.ok()["data"][0]["id"].as_str().unwrap().to_owned();
        t.put(format!("/user_management/organization_memberships/{membership}/deactivate"), json!({})).await.ok();
        select(&t, &token, &second["id"]).await.fails(400, "organization_membership_not_found");
        select(&t, &token, &first["id"]).await.ok();
        // One active membership is left, so there is nothing to choose.
        assert_eq!(t.sign_in("ann@example.com").await["organization_id"], first["id"]);
    });
}

#[test]
fn a_pending_sign_in_is_for_one_client_and_ten_minutes() {
    story(async |t| {
        let (_, first, _) = member_of_two(&t).await;
        let token = pending(&t).await;
        let neighbour = t.neighbour().await;
        let code = "invalid_pending_authentication_token";
        let body = select(&neighbour, &token, &first["id"]).await.fails(400, code);
        assert_eq!(keys(&body), ["code", "message"]);
        select(&t, &json!("unknown"), &first["id"]).await.fails(400, code);
        t.advance(600);
        select(&t, &token, &first["id"]).await.fails(400, code);
    });
}

#[test]
fn of_many_choices_with_one_token_one_begins_a_session() {
    story(async |t| {
        let (_, first, second) = member_of_two(&t).await;
        let token = pending(&t).await;
        let attempts = (0..16).map(|i| {
            let (t, token) = (t.clone(), token.clone());
            let organization = if i % 2 == 0 { first["id"].clone() } else { second["id"].clone() };
            tokio::spawn(async move { select(&t, &token, &organization).await })
        });
        let answers: Vec<_> = join_all(attempts).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        for answer in answers.into_iter().filter(|answer| answer.status != 200) {
            answer.fails(400, "invalid_pending_authentication_token");
        }
        assert_eq!(t.events(&["session.created"]).await.len(), 1);
    });
}

#[test]
fn a_pending_sign_in_ends_when_the_password_changes() {
    story(async |t| {
        let (user, first, _) = member_of_two(&t).await;
        let token = pending(&t).await;
        let path = format!("/user_management/users/{}", user["id"].as_str().unwrap());
        t.put(path, json!({ "password": "another long and good one" })).await.ok();
        select(&t, &token, &first["id"]).await.fails(400, "invalid_pending_authentication_token");
    });
}

#[test]
fn a_membership_that_is_taken_away_during_a_sign_in_takes_the_session_with_it() {
    story_apart(async |t| {
        let (user, organization) = (t.person("ann@example.com").await, t.organization("Acme").await);
        let membership = t.membership(&user, &organization).await;
        let path = format!("/user_management/organization_memberships/{}", membership["id"].as_str().unwrap());
        let proof = Proof::Right {
            user: UserId::verbatim(user["id"].as_str().unwrap()),
            hash: Secret::new(stored_hash(&t, &user).await.unwrap()),
            renewed: None,
        };
        let scope = Scope::of(t.app.clone(), t.environment.clone(), Actor::operator());
        let key = scope.signing_key().await.unwrap();
        let issuer = issuer(&scope, &key);
        let deletion = scope.write(async |tx| {
            let origin = authentication::Origin::default();
            let entry = authentication::by_password(tx, &issuer, "ann@example.com", origin, proof).await?;
            assert!(matches!(entry, Some(Entry::Admitted(_))));
            // The membership is deleted before the session is there to be seen.
            let clone = t.clone();
            let deletion = tokio::spawn(async move { clone.delete(path).await.done() });
            until("the deletion waits", async || {
                let waits = "select exists (select from pg_locks where not granted)";
                sqlx::query_scalar(waits).fetch_one(t.app.database().pool()).await.unwrap()
            })
            .await;
            Ok(deletion)
        });
        deletion.await.unwrap().await.unwrap();
        t.assert_events(&["session.created", "session.revoked"]).await;
        let sessions = format!("/user_management/users/{}/sessions", user["id"].as_str().unwrap());
        assert_eq!(t.pages(&sessions).await, [json!(null); 0]);
    });
}
