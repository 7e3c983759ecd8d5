//! Invitations.

use serde_json::{Value, json};
use workos::enums::{InvitationState, UserInviteState};
use workos::models::UserInvite;
use workos::user_management::{ListInvitationsParams, ResendInvitationParams, SendInvitationParams};

use crate::sdk::{Sdk, body, story};

async fn invite(sdk: &Sdk, fields: Value) -> UserInvite {
    sdk.ok(sdk.client.user_management().send_invitation(SendInvitationParams::new(body(fields))).await)
}

#[test]
fn an_invitation_is_sent_found_sent_again_and_accepted() {
    story(async |t, sdk| {
        let api = sdk.client.user_management();
        let organization = t.organization("Acme").await;
        let inviter = t.user("boss@example.com").await;
        let fields = json!({
            "email": "ann@example.com", "organization_id": organization["id"], "role_slug": "member",
            "inviter_user_id": inviter["id"], "expires_in_days": 3, "locale": "de-DE",
        });
        let made = invite(sdk, fields).await;
        assert_eq!(
            (made.object.as_str(), made.state, made.role_slug.as_deref()),
            ("invitation", UserInviteState::Pending, Some("member"))
        );
        assert!(made.accept_invitation_url.expose().ends_with(&format!("?invitation_token={}", made.token.expose())));
        assert_eq!(sdk.ok(api.get_invitation(&made.id).await).id, made.id);
        assert_eq!(sdk.ok(api.find_invitation_by_token(made.token.expose()).await).id, made.id);

        let resent = sdk.ok(api.resend_invitation(&made.id, ResendInvitationParams::new(body(json!({})))).await);
        assert_ne!(resent.token, made.token);
        sdk.missing(api.find_invitation_by_token(made.token.expose()).await);
        let accepted = sdk.ok(api.accept_invitation(&made.id).await);
        assert_eq!(accepted.state, InvitationState::Accepted);
        assert!(accepted.accepted_user_id.is_some() && accepted.accepted_at.is_some());
        sdk.fails(api.accept_invitation(&made.id).await, 400, "invite_not_pending");
    });
}

#[test]
fn an_invitation_is_revoked() {
    story(async |_, sdk| {
        let api = sdk.client.user_management();
        let made = invite(sdk, json!({ "email": "ann@example.com" })).await;
        let again = SendInvitationParams::new(body(json!({ "email": "ann@example.com" })));
        sdk.fails(api.send_invitation(again).await, 400, "email_already_invited");
        let revoked = sdk.ok(api.revoke_invitation(&made.id).await);
        assert_eq!(revoked.state, InvitationState::Revoked);
        let again = api.resend_invitation(&made.id, ResendInvitationParams::new(body(json!({})))).await;
        sdk.fails(again, 400, "invite_revoked");
        invite(sdk, json!({ "email": "ann@example.com" })).await;
        let email = Some("ann@example.com".to_owned());
        let page = sdk.ok(api.list_invitations(ListInvitationsParams { email, ..Default::default() }).await);
        assert_eq!(page.data.len(), 2);
    });
}
