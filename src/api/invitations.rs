//! Invitations.

use crate::body;
use crate::domain;
use crate::domain::invitations::Sender;
use crate::http::extract::{Json, Path, Query};
use crate::http::{Created, Routes, Scope};
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::{InvitationId, InvitationKind, OrganizationId, UserId};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::invitations::{Invitation, Stored, Token};
use crate::model::locales;
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("invitations")
        .get("/user_management/invitations", list)
        .post("/user_management/invitations", create)
        .get("/user_management/invitations/by_token/{token}", find_by_token)
        .get("/user_management/invitations/{id}", find)
        .post("/user_management/invitations/{id}/accept", accept)
        .post("/user_management/invitations/{id}/resend", resend)
        .post("/user_management/invitations/{id}/revoke", revoke)
}

body! {
    struct ListQuery {
        email: Option<String>,
        organization_id: Option<OrganizationId>;
        page: Page<InvitationKind>
    }
}

impl Check for ListQuery {}

body! {
    struct CreateBody {
        email: String,
        organization_id: Option<OrganizationId>,
        role_slug: Option<String>,
        expires_in_days: Option<i64>,
        inviter_user_id: Option<UserId>,
        locale: Option<String>,
    }
}

impl Check for CreateBody {
    fn check(&self, faults: &mut Faults) {
        faults.email("email", &self.email);
        check_locale(faults, self.locale.as_deref());
    }
}

body! {
    struct ResendBody {
        locale: Option<String>,
    }
}

impl Check for ResendBody {
    fn check(&self, faults: &mut Faults) {
        check_locale(faults, self.locale.as_deref());
    }
}

/// Mail is in English, whatever is asked for; but what is asked for must be a language.
fn check_locale(faults: &mut Faults, locale: Option<&str>) {
    if let Some(tag) = locale.filter(|tag| locales::canonical(tag).is_none()) {
        faults.add("locale", "invalid_locale", format!("'{tag}' is not a supported locale."));
    }
}

/// What sending and showing invitations of this scope takes.
pub(super) fn sender(scope: &Scope) -> Sender<'_> {
    Sender {
        keyring: scope.app().keyring(),
        public_url: scope.app().public_url(),
        settings: &scope.environment.settings,
    }
}

fn show(scope: &Scope, invitation: &Stored) -> Result<Invitation> {
    sender(scope).show(invitation, scope.app().database().clock.now())
}

async fn list(scope: Scope, Query(query): Query<ListQuery>) -> Result<Json<List<Invitation>>> {
    let filter = store::invitations::Filter { email: query.email, organization: query.organization_id };
    let page = store::invitations::list(&mut scope.read().await?, &filter, &query.page).await?;
    page.try_map(|invitation| show(&scope, &invitation)).map(Json)
}

async fn create(scope: Scope, Json(body): Json<CreateBody>) -> Result<Created<Invitation>> {
    let input = domain::invitations::Create {
        id: None,
        email: body.email,
        organization_id: body.organization_id,
        role_slug: body.role_slug,
        expires_in_days: body.expires_in_days,
        inviter_user_id: body.inviter_user_id,
    };
    let invitation = scope.write(async |tx| domain::invitations::create(tx, &sender(&scope), input).await).await?;
    show(&scope, &invitation).map(Created)
}

async fn find(scope: Scope, Path(id): Path<InvitationId>) -> Result<Json<Invitation>> {
    show(&scope, &store::invitations::get(&mut scope.read().await?, &id).await?).map(Json)
}

async fn find_by_token(scope: Scope, Path(token): Path<String>) -> Result<Json<Invitation>> {
    let hash = Token::new(token.clone()).hash();
    let found = store::invitations::find_by_token(&mut scope.read().await?, &hash).await?;
    let found = found.ok_or_else(|| Error::missing_named("Invitation", &token))?;
    show(&scope, &found).map(Json)
}

async fn accept(scope: Scope, Path(id): Path<InvitationId>) -> Result<Json<Invitation>> {
    let invitation = scope.write(async |tx| domain::invitations::accept(tx, &id).await).await?;
    show(&scope, &invitation).map(Json)
}

async fn resend(scope: Scope, Path(id): Path<InvitationId>, Json(_): Json<ResendBody>) -> Result<Json<Invitation>> {
    let invitation = scope.write(async |tx| domain::invitations::resend(tx, &sender(&scope), &id).await).await?;
    show(&scope, &invitation).map(Json)
}

async fn revoke(scope: Scope, Path(id): Path<InvitationId>) -> Result<Json<Invitation>> {
    let invitation = scope.write(async |tx| domain::invitations::revoke(tx, &id).await).await?;
    show(&scope, &invitation).map(Json)
}
