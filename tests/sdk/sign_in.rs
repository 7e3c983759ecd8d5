//! Sign-in by password, what the tokens say to the SDK's own helpers, and sessions.

use futures_util::TryStreamExt as _;
use serde_json::{Value, json};
use workos::enums::{AuthenticateResponseAuthenticationMethod, UserSessionsAuthMethod, UserSessionsStatus};
use workos::helpers::session::{SessionRefreshOptions, SessionState, seal_session_from_auth_response};
use workos::models::AuthenticateResponse;
use workos::user_management::{
    AuthenticateWithOrganizationSelectionParams, AuthenticateWithPasswordParams, AuthenticateWithRefreshTokenParams,
    CreateUserParams, ListSessionsParams, RevokeSessionParams,
};

use crate::harness::{PASSWORD, Test};
use crate::sdk::{Sdk, body, story};

const EMAIL: &str = "ann@example.com";
/// What the application seals its cookies with.
const COOKIE_PASSWORD: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

fn id(object: &Value) -> String {
    object["id"].as_str().unwrap().to_owned()
}

/// A user with a password, by id.
async fn user(sdk: &Sdk) -> String {
    let fields = json!({ "email": EMAIL, "password": PASSWORD, "email_verified": true });
    sdk.ok(sdk.client.user_management().create_user(CreateUserParams::new(body(fields))).await).id
}

/// An organization that the user takes part in as an editor, by id.
async fn organization(t: &Test, user: &str, name: &str) -> String {
    let organization = id(&t.organization(name).await);
    let fields = json!({ "user_id": user, "organization_id": organization, "role_slug": "editor" });
    t.post("/user_management/organization_memberships", fields).await.created();
    organization
}

/// The role of an editor, who may write posts.
async fn editor(t: &Test) {
    t.post("/authorization/permissions", json!({ "slug": "posts:write", "name": "Write" })).await.created();
    t.post("/authorization/roles", json!({ "slug": "editor", "name": "Editor" })).await.created();
    t.put("/authorization/roles/editor/permissions", json!({ "permissions": ["posts:write"] })).await.ok();
}

fn by_password(password: &str) -> AuthenticateWithPasswordParams {
    AuthenticateWithPasswordParams::new(EMAIL, password)
}

fn by_refresh(token: &str) -> AuthenticateWithRefreshTokenParams {
    AuthenticateWithRefreshTokenParams::new(token)
}

/// The cookie that an application keeps of a sign-in.
fn sealed(answer: &AuthenticateResponse) -> String {
    let (access, refresh) = (answer.access_token.clone(), answer.refresh_token.clone());
    seal_session_from_auth_response(access, refresh, Some(answer.user.clone()), None, COOKIE_PASSWORD).unwrap()
}

/// What the SDK makes of the tokens, verified with the key set that it fetches itself.
async fn verified(sdk: &Sdk, answer: &AuthenticateResponse) -> SessionState {
    sdk.client.session(sealed(answer), COOKIE_PASSWORD).authenticate().await
}

#[test]
fn somebody_signs_in_with_a_password() {
    story(async |t, sdk| {
        editor(t).await;
        let user = user(sdk).await;
        let organization = organization(t, &user, "Acme").await;
        let api = sdk.client.user_management();
        let mut params = by_password(PASSWORD);
        params.ip_address = Some("203.0.113.4".to_owned());
        params.user_agent = Some("Browser".to_owned());
        let answer = sdk.ok(api.authenticate_with_password(params).await);
        assert_eq!((&answer.user.id, answer.organization_id.as_ref()), (&user, Some(&organization)));
        assert_eq!(answer.authentication_method, Some(AuthenticateResponseAuthenticationMethod::Password));
        assert!(answer.user.last_sign_in_at.is_some() && answer.impersonator.is_none());

        let state = verified(sdk, &answer).await;
        assert_eq!((state.authenticated, state.reason.as_str()), (true, ""));
        assert_eq!((&state.organization_id, state.role.as_str()), (&organization, "editor"));
        assert_eq!((state.permissions, state.user.unwrap().id), (vec!["posts:write".to_owned()], user.clone()));

        let sessions: Vec<_> =
            api.list_sessions_auto_paging(user, ListSessionsParams::default()).try_collect().await.unwrap();
        assert_eq!((sessions.len(), &sessions[0].id), (1, &state.session_id));
        assert_eq!(sessions[0].ip_address.as_deref(), Some("203.0.113.4"));
        assert_eq!(sessions[0].organization_id.as_ref(), Some(&organization));
    });
}

#[test]
fn who_takes_part_in_several_organizations_chooses_one() {
    story(async |t, sdk| {
        editor(t).await;
        let user = user(sdk).await;
        let organizations = [organization(t, &user, "Acme").await, organization(t, &user, "Globex").await];
        let api = sdk.client.user_management();
        let held = api.authenticate_with_password(by_password(PASSWORD)).await;
        let held = sdk.fails(held, 403, "organization_selection_required");
        let told: Value = serde_json::from_slice(&held.raw_body).unwrap();
        let offered: Vec<_> = told["organizations"].as_array().unwrap().iter().map(id).collect();
        assert_eq!(offered, organizations);
        assert_eq!(id(&told["user"]), user);

        let token = told["pending_authentication_token"].as_str().unwrap();
        let choice = AuthenticateWithOrganizationSelectionParams::new(token, organizations[1].as_str());
        let answer = sdk.ok(api.authenticate_with_organization_selection(choice.clone()).await);
        assert_eq!(answer.organization_id.as_ref(), Some(&organizations[1]));
        assert_eq!(verified(sdk, &answer).await.organization_id, organizations[1]);
        let again = api.authenticate_with_organization_selection(choice).await;
        sdk.fails(again, 400, "invalid_pending_authentication_token");
    });
}

#[test]
fn a_session_goes_on_by_its_refresh_token() {
    story(async |t, sdk| {
        editor(t).await;
        let user = user(sdk).await;
        let acme = organization(t, &user, "Acme").await;
        let api = sdk.client.user_management();
        let first = sdk.ok(api.authenticate_with_password(by_password(PASSWORD)).await);
        let second = sdk.ok(api.authenticate_with_refresh_token(by_refresh(first.refresh_token.expose())).await);
        assert_ne!(second.refresh_token, first.refresh_token);
        let session = verified(sdk, &first).await.session_id;
        assert_eq!(verified(sdk, &second).await.session_id, session);

        // The helper refreshes the cookie, and takes it to another organization of the user.
        let globex = organization(t, &user, "Globex").await;
        let cookie = sdk.client.session(sealed(&second), COOKIE_PASSWORD);
        let options = SessionRefreshOptions { organization_id: Some(globex.clone()) };
        let third = cookie.refresh(options).await.unwrap();
        assert!(third.authenticated, "{}", third.reason);
        let cookie = sdk.client.session(third.sealed_session, COOKIE_PASSWORD);
        let state = cookie.authenticate().await;
        assert_eq!((&state.session_id, &state.organization_id), (&session, &globex));
        let fourth = cookie.refresh(SessionRefreshOptions::default()).await.unwrap();
        let state = sdk.client.session(fourth.sealed_session, COOKIE_PASSWORD).authenticate().await;
        assert_eq!(state.organization_id, globex);
        assert_ne!(acme, globex);
    });
}

#[test]
fn a_revoked_session_is_over() {
    story(async |_, sdk| {
        let user = user(sdk).await;
        let api = sdk.client.user_management();
        let answer = sdk.ok(api.authenticate_with_password(by_password(PASSWORD)).await);
        assert_eq!(answer.organization_id, None);
        let page = sdk.ok(api.list_sessions(&user, ListSessionsParams::default()).await);
        let session = &page.data[0];
        assert_eq!((session.object.as_str(), &session.user_id), ("session", &user));
        assert_eq!(
            (&session.auth_method, &session.status),
            (&UserSessionsAuthMethod::Password, &UserSessionsStatus::Active)
        );

        let revoke = || RevokeSessionParams::new(body(json!({ "session_id": session.id })));
        sdk.ok(api.revoke_session(revoke()).await);
        assert!(sdk.ok(api.list_sessions(&user, ListSessionsParams::default()).await).data.is_empty());
        let refused = api.authenticate_with_refresh_token(by_refresh(answer.refresh_token.expose())).await;
        sdk.fails(refused, 400, "invalid_grant");
        let stranger = RevokeSessionParams::new(body(json!({ "session_id": "session_nobody" })));
        sdk.missing(api.revoke_session(stranger).await);
        sdk.missing(api.list_sessions("user_nobody", ListSessionsParams::default()).await);
    });
}

#[test]
fn refusals_have_their_codes() {
    story(async |t, sdk| {
        user(sdk).await;
        let api = sdk.client.user_management();
        sdk.fails(api.authenticate_with_password(by_password("wrong horse")).await, 400, "invalid_credentials");
        let nobody = AuthenticateWithPasswordParams::new("nobody@example.com", PASSWORD);
        sdk.fails(api.authenticate_with_password(nobody).await, 400, "invalid_credentials");
        sdk.fails(api.authenticate_with_refresh_token(by_refresh("nothing")).await, 400, "invalid_grant");
        let choice = AuthenticateWithOrganizationSelectionParams::new("nothing", "org_nobody");
        let refused = api.authenticate_with_organization_selection(choice).await;
        sdk.fails(refused, 400, "invalid_pending_authentication_token");
        let thief = Sdk::of(&t.with_key("sk_wrong"));
        let refused = thief.client.user_management().authenticate_with_password(by_password(PASSWORD)).await;
        thief.fails(refused, 400, "invalid_client");
    });
}

#[test]
fn the_keys_are_public_and_of_one_environment() {
    story(async |t, sdk| {
        user(sdk).await;
        let api = sdk.client.user_management();
        let keys = sdk.ok(api.get_jwks(sdk.client.client_id()).await).keys;
        assert_eq!((keys[0].kty.as_str(), keys[0].alg.as_str(), keys[0].use_.as_str()), ("RSA", "RS256", "sig"));
        // The helper sends no key.
        let fetched = sdk.client.jwks().fetch().await.unwrap();
        assert_eq!(fetched.keys.len(), keys.len());
        assert_eq!(fetched.keys[0].kid.as_ref(), Some(&keys[0].kid));
        sdk.missing(api.get_jwks("client_nobody").await);

        let answer = sdk.ok(api.authenticate_with_password(by_password(PASSWORD)).await);
        let neighbour = Sdk::of(&t.neighbour().await);
        let state = verified(&neighbour, &answer).await;
        assert_eq!((state.authenticated, state.reason.as_str()), (false, "invalid_jwt"));
        let refused = neighbour.client.user_management();
        let refused = refused.authenticate_with_refresh_token(by_refresh(answer.refresh_token.expose())).await;
        neighbour.fails(refused, 400, "invalid_grant");
    });
}
