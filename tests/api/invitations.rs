//! Invitations.

use serde_json::{Value, json};

use crate::harness::{Answer, Test, story};

const ALL: &str = "/user_management/invitations";
const DAY: i64 = 86_400;

async fn invite(t: &Test, body: Value) -> Value {
    t.post(ALL, body).await.created()
}

async fn act(t: &Test, invitation: &Value, what: &str) -> Answer {
    t.post(format!("{ALL}/{}/{what}", invitation["id"].as_str().unwrap()), json!({})).await
}

async fn find(t: &Test, invitation: &Value) -> Value {
    t.get(format!("{ALL}/{}", invitation["id"].as_str().unwrap())).await.ok()
}

/// The memberships in an organization, whatever their status.
async fn memberships(t: &Test, organization: &Value) -> Vec<Value> {
    let id = organization["id"].as_str().unwrap();
    let all = "/user_management/organization_memberships";
    t.pages(&format!("{all}?organization_id={id}&statuses=active,inactive,pending")).await
}

#[test]
fn somebody_is_invited_to_sign_up() {
    story(async |t| {
        let made = invite(&t, json!({ "email": " Ann@Example.test " })).await;
        assert!(made["id"].as_str().unwrap().starts_with("invitation_"));
        assert_eq!((&made["object"], &made["state"]), (&json!("invitation"), &json!("pending")));
        assert_eq!(made["email"], "Ann@Example.test");
        for key in ["accepted_at", "revoked_at", "organization_id", "inviter_user_id", "accepted_user_id", "role_slug"]
        {
            assert_eq!(made[key], Value::Null, "{key}");
        }
        let token = made["token"].as_str().unwrap();
        assert_eq!(token.len(), 25);
        assert_eq!(made["accept_invitation_url"], format!("http://vestibule.test/invite?invitation_token={token}"));
        assert_eq!(find(&t, &made).await, made);
        assert_eq!(t.get(format!("{ALL}/by_token/{token}")).await.ok(), made);
        t.get(format!("{ALL}/by_token/nothing")).await.missing();
        t.neighbour().await.get(format!("{ALL}/by_token/{token}")).await.missing();

        let mail = t.mail().await;
        assert_eq!((mail.len(), &mail[0]["to"]), (1, &json!("Ann@Example.test")));
        assert!(mail[0]["text"].as_str().unwrap().contains(made["accept_invitation_url"].as_str().unwrap()));
        // Until they sign up there is no user.
        assert_eq!(t.pages("/user_management/users").await.len(), 0);
        t.assert_events(&["invitation.created"]).await;
        let event = t.events(&["invitation.created"]).await.remove(0);
        let mut told = made.clone();
        for secret in ["token", "accept_invitation_url"] {
            told.as_object_mut().unwrap().remove(secret);
        }
        assert_eq!(event["data"], told);
    });
}

#[test]
fn an_invitation_to_an_organization_has_a_pending_membership() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        t.post("/authorization/roles", json!({ "slug": "editor", "name": "Editor" })).await.created();
        let boss = t.user("boss@example.test").await;
        let body = json!({ "email": "ann@example.test", "organization_id": organization["id"], "role_slug": "editor",
            "inviter_user_id": boss["id"] });
        let made = invite(&t, body).await;
        assert_eq!((&made["role_slug"], &made["inviter_user_id"]), (&json!("editor"), &boss["id"]));
        let waiting = memberships(&t, &organization).await.remove(0);
        assert_eq!((&waiting["status"], &waiting["role"]["slug"]), (&json!("pending"), &json!("editor")));
        assert_eq!(
            (&waiting["user"]["email"], &waiting["user"]["email_verified"]),
            (&json!("ann@example.test"), &json!(false))
        );
        let mail = t.mail().await.remove(0);
        assert_eq!(mail["subject"], "You have been invited to join Acme");
        assert!(mail["text"].as_str().unwrap().starts_with("boss@example.test has invited you to join Acme."));

        // The role may be changed until then, and the invitation says so.
        let path = format!("/user_management/organization_memberships/{}", waiting["id"].as_str().unwrap());
        t.put(path, json!({ "role_slug": "member" })).await.ok();
        assert_eq!(find(&t, &made).await["role_slug"], "member");

        let accepted = act(&t, &made, "accept").await.ok();
        assert_eq!((&accepted["state"], &accepted["accepted_user_id"]), (&json!("accepted"), &waiting["user_id"]));
        assert!(accepted["accepted_at"].is_string());
        let now = memberships(&t, &organization).await;
        assert_eq!((now.len(), &now[0]["status"], &now[0]["role"]["slug"]), (1, &json!("active"), &json!("member")));
        t.assert_events(&[
            "role.created",
            "user.created",
            "user.created",
            "organization_membership.created",
            "invitation.created",
            "organization_membership.updated",
            "organization_membership.updated",
            "invitation.accepted",
        ])
        .await;
    });
}

#[test]
fn who_cannot_be_invited() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let to = |email: &str| json!({ "email": email, "organization_id": organization["id"] });
        let member = t.user("member@example.test").await;
        t.membership(&member, &organization).await;
        t.post(ALL, json!({ "email": "MEMBER@example.test" })).await.fails(400, "user_already_exists");
        t.post(ALL, to("member@example.test")).await.fails(400, "user_already_organization_member");

        invite(&t, json!({ "email": "ann@example.test" })).await;
        t.post(ALL, json!({ "email": "Ann@example.test" })).await.fails(400, "email_already_invited");
        invite(&t, to("ben@example.test")).await;
        t.post(ALL, to("Ben@example.test")).await.fails(400, "email_already_invited_to_organization");
        // To another organization they can.
        let other = t.organization("Other").await;
        invite(&t, json!({ "email": "ben@example.test", "organization_id": other["id"] })).await;
        invite(&t.neighbour().await, json!({ "email": "ann@example.test" })).await;

        t.post(ALL, json!({ "email": "x@y.test", "organization_id": "org_nowhere" })).await.missing();
        t.post(ALL, json!({ "email": "x@y.test", "inviter_user_id": "user_nowhere" })).await.missing();
        let days = |days: i64| json!({ "email": "x@y.test", "expires_in_days": days });
        t.post(ALL, days(0)).await.fails(400, "expires_in_days_too_short");
        t.post(ALL, days(31)).await.fails(400, "expires_in_days_too_long");
        let role = json!({ "email": "x@y.test", "organization_id": organization["id"], "role_slug": "nothing" });
        t.post(ALL, role).await.fails(400, "invalid_role");
        t.post(ALL, json!({ "email": "x@y.test", "role_slug": "member" })).await.invalid(&["role_slug"]);
        t.post(ALL, json!({ "email": "nobody", "locale": "tlh" })).await.invalid(&["email", "locale"]);
        // Nothing of all that has left a trace.
        assert_eq!(t.get("/user_management/users?email=x@y.test").await.ok()["data"], json!([]));
        assert_eq!(t.mail().await.len(), 3);
    });
}

#[test]
fn an_invitation_expires_by_the_clock() {
    story(async |t| {
        let made = invite(&t, json!({ "email": "ann@example.test" })).await;
        let short = invite(&t, json!({ "email": "ben@example.test", "expires_in_days": 1 })).await;
        t.advance(DAY + 1);
        assert_eq!(find(&t, &short).await["state"], "expired");
        act(&t, &short, "accept").await.fails(400, "invite_not_pending");
        act(&t, &short, "revoke").await.fails(400, "invite_not_pending");
        act(&t, &short, "resend").await.fails(400, "invite_expired");
        t.advance(5 * DAY);
        assert_eq!(find(&t, &made).await["state"], "pending");
        t.advance(DAY);
        assert_eq!(find(&t, &made).await["state"], "expired");
        // Another may take its place, and it stays what it is.
        let next = invite(&t, json!({ "email": "ann@example.test" })).await;
        assert_eq!((&find(&t, &made).await["state"], &next["state"]), (&json!("expired"), &json!("pending")));
    });
}

#[test]
fn an_invitation_to_an_organization_that_expired_can_be_made_anew_with_another_role() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        t.post("/authorization/roles", json!({ "slug": "editor", "name": "Editor" })).await.created();
        let body = |role: &str| json!({ "email": "ann@example.test", "organization_id": organization["id"], "role_slug": role });
        let first = invite(&t, body("member")).await;
        t.advance(8 * DAY);
        let second = invite(&t, body("editor")).await;
        assert_eq!((&second["role_slug"], memberships(&t, &organization).await.len()), (&json!("editor"), 1));
        act(&t, &first, "accept").await.fails(400, "invite_not_pending");
        act(&t, &second, "accept").await.ok();
        let membership = memberships(&t, &organization).await.remove(0);
        assert_eq!((&membership["status"], &membership["role"]["slug"]), (&json!("active"), &json!("editor")));
    });
}

#[test]
fn revoking_takes_the_pending_membership_with_it() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let made = invite(&t, json!({ "email": "ann@example.test", "organization_id": organization["id"] })).await;
        let revoked = act(&t, &made, "revoke").await.ok();
        assert_eq!(revoked["state"], "revoked");
        assert!(revoked["revoked_at"].is_string());
        assert_eq!(memberships(&t, &organization).await.len(), 0);
        act(&t, &made, "revoke").await.fails(400, "invite_not_pending");
        act(&t, &made, "accept").await.fails(400, "invite_not_pending");
        act(&t, &made, "resend").await.fails(400, "invite_revoked");
        invite(&t, json!({ "email": "ann@example.test", "organization_id": organization["id"] })).await;
        t.assert_events(&[
            "user.created",
            "organization_membership.created",
            "invitation.created",
            "invitation.revoked",
            "organization_membership.deleted",
            "organization_membership.created",
            "invitation.created",
        ])
        .await;
    });
}

#[test]
fn whoever_takes_away_the_pending_membership_takes_the_invitation_back() {
    story(async |t| {
        let organizations = [t.organization("One").await, t.organization("Two").await, t.organization("Three").await];
        let mut made = Vec::new();
        for organization in &organizations {
            made.push(invite(&t, json!({ "email": "ann@example.test", "organization_id": organization["id"] })).await);
        }
        let membership = memberships(&t, &organizations[0]).await.remove(0);
        let path = format!("/user_management/organization_memberships/{}", membership["id"].as_str().unwrap());
        t.delete(path).await.done();
        assert_eq!(find(&t, &made[0]).await["state"], "revoked");
        act(&t, &made[0], "accept").await.fails(400, "invite_not_pending");

        t.delete(format!("/organizations/{}", organizations[1]["id"].as_str().unwrap())).await.accepted();
        t.get(format!("{ALL}/{}", made[1]["id"].as_str().unwrap())).await.missing();

        t.delete(format!("/user_management/users/{}", membership["user_id"].as_str().unwrap())).await.done();
        assert_eq!(find(&t, &made[2]).await["state"], "revoked");
        assert_eq!(t.events(&["invitation.revoked"]).await.len(), 3);
    });
}

#[test]
fn sending_again_makes_the_old_link_useless_and_the_days_begin_anew() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let body = json!({ "email": "ann@example.test", "organization_id": organization["id"], "expires_in_days": 3 });
        let made = invite(&t, body).await;
        t.advance(2 * DAY);
        let resent = act(&t, &made, "resend").await.ok();
        assert_ne!(resent["token"], made["token"]);
        t.get(format!("{ALL}/by_token/{}", made["token"].as_str().unwrap())).await.missing();
        t.get(format!("{ALL}/by_token/{}", resent["token"].as_str().unwrap())).await.ok();
        t.advance(2 * DAY);
        assert_eq!(find(&t, &made).await["state"], "pending");
        let mail = t.mail().await;
        assert_eq!((mail.len(), &mail[0]["subject"]), (2, &json!("You have been invited to join Acme")));
        assert!(mail[0]["text"].as_str().unwrap().contains(resent["token"].as_str().unwrap()));
        act(&t, &made, "accept").await.ok();
        act(&t, &made, "resend").await.fails(400, "invite_accepted");
        t.assert_events(&[
            "user.created",
            "organization_membership.created",
            "invitation.created",
            "invitation.resent",
            "organization_membership.updated",
            "invitation.accepted",
        ])
        .await;
    });
}

#[test]
fn an_invitation_to_no_organization_is_accepted_by_whoever_has_signed_up() {
    story(async |t| {
        let made = invite(&t, json!({ "email": "ann@example.test" })).await;
        act(&t, &made, "accept").await.fails(400, "invalid_invite");
        let user = t.user("ANN@example.test").await;
        assert_eq!(act(&t, &made, "accept").await.ok()["accepted_user_id"], user["id"]);
        act(&t, &made, "accept").await.fails(400, "invite_not_pending");
        act(&t, &json!({ "id": "invitation_nowhere" }), "accept").await.missing();
    });
}

#[test]
fn a_member_who_was_deactivated_can_be_invited_back() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let user = t.user("ann@example.test").await;
        let membership = t.membership(&user, &organization).await;
        let path = format!("/user_management/organization_memberships/{}", membership["id"].as_str().unwrap());
        t.put(format!("{path}/deactivate"), json!({})).await.ok();
        let made = invite(&t, json!({ "email": "ann@example.test", "organization_id": organization["id"] })).await;
        assert_eq!(t.get(&path).await.ok()["status"], "pending");
        act(&t, &made, "accept").await.ok();
        assert_eq!(t.get(&path).await.ok()["status"], "active");
    });
}

#[test]
fn invitations_are_found_by_address_and_organization() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        invite(&t, json!({ "email": "ann@example.test" })).await;
        invite(&t, json!({ "email": "ann@example.test", "organization_id": organization["id"] })).await;
        invite(&t, json!({ "email": "ben@example.test", "organization_id": organization["id"] })).await;
        let count = async |query: &str| t.pages(&format!("{ALL}?{query}")).await.len();
        assert_eq!(count("email=ANN@example.test").await, 2);
        assert_eq!(count(&format!("organization_id={}", organization["id"].as_str().unwrap())).await, 2);
        assert_eq!(count("email=ann@example.test&organization_id=org_nowhere").await, 0);
        assert_eq!(count("limit=1").await, 3);
    });
}

#[test]
fn the_link_leads_where_the_environment_says() {
    story(async |t| {
        t.settings(json!({ "invitation_url": "https://app.example.com/join?from=mail", "invitation_days": 2 })).await;
        let made = invite(&t, json!({ "email": "ann@example.test" })).await;
        let token = made["token"].as_str().unwrap();
        let url = format!("https://app.example.com/join?from=mail&invitation_token={token}");
        assert_eq!(made["accept_invitation_url"], url);
        t.advance(2 * DAY + 1);
        assert_eq!(find(&t, &made).await["state"], "expired");
        t.settings(json!({ "invitation_url": null })).await;
        let url = find(&t, &made).await["accept_invitation_url"].clone();
        assert!(url.as_str().unwrap().starts_with("http://vestibule.test/invite?"));
    });
}

#[test]
fn of_many_who_accept_or_revoke_at_once_one_does() {
    story(async |t| {
        for round in 0..5 {
            let organization = t.organization("Acme").await;
            let body = json!({ "email": format!("u{round}@example.test"), "organization_id": organization["id"] });
            let made = invite(&t, body).await;
            let what = ["accept", "revoke", "accept", "revoke", "accept", "accept"];
            let answers = futures_util::future::join_all(what.map(|what| act(&t, &made, what))).await;
            let won: Vec<_> = what
                .iter()
                .zip(&answers)
                .filter(|(_, answer)| answer.status.as_u16() == 200)
                .map(|(what, _)| *what)
                .collect();
            assert_eq!(won.len(), 1, "{won:?}");
            for answer in answers.into_iter().filter(|answer| answer.status.as_u16() != 200) {
                answer.fails(400, "invite_not_pending");
            }
            let expected = if won[0] == "accept" { vec![json!("active")] } else { Vec::new() };
            let statuses: Vec<_> =
                memberships(&t, &organization).await.iter().map(|membership| membership["status"].clone()).collect();
            assert_eq!(statuses, expected);
        }
    });
}

#[test]
fn of_many_invitations_of_one_address_at_once_one_is_made() {
    story(async |t| {
        let organization = t.organization("Acme").await;
        let body = || json!({ "email": "ann@example.test", "organization_id": organization["id"] });
        let answers = futures_util::future::join_all((0..6).map(|_| t.post(ALL, body()))).await;
        let made = answers.iter().filter(|answer| answer.status.as_u16() == 201).count();
        assert_eq!(made, 1);
        for answer in answers.into_iter().filter(|answer| answer.status.as_u16() != 201) {
            answer.fails(400, "email_already_invited_to_organization");
        }
        // One user too, when it is two organizations that invite somebody new.
        let other = t.organization("Other").await;
        let to = |organization: &Value| json!({ "email": "ben@example.test", "organization_id": organization["id"] });
        let (one, two) = tokio::join!(t.post(ALL, to(&organization)), t.post(ALL, to(&other)));
        one.created();
        two.created();
        assert_eq!(t.pages("/user_management/users?email=ben@example.test").await.len(), 1);
    });
}
