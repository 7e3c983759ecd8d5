//! Waitlists.

use std::collections::BTreeMap;

use super::invitations::sender;
use crate::body;
use crate::domain;
use crate::http::extract::{Json, Path, Query};
use crate::http::{Created, NoContent, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults, normal_email};
use crate::kernel::id::{WaitlistEntryId, WaitlistEntryKind};
use crate::kernel::page::{List, Page};
use crate::model::waitlists::{State, Waitlist, WaitlistEntry};
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("waitlists")
        .get("/user_management/waitlists", list)
        .get("/user_management/waitlists/{id}", find)
        .get("/user_management/waitlists/{id}/entries", list_entries)
        .post("/user_management/waitlists/{id}/entries", create_entry)
        .post("/user_management/waitlist_entries/{id}/approve", approve)
        .post("/user_management/waitlist_entries/{id}/deny", deny)
        .delete("/user_management/waitlist_entries/{id}", delete_entry)
}

body! {
    struct ListQuery {
        state: Option<State>,
        email: Option<String>;
        page: Page<WaitlistEntryKind>
    }
}

impl Check for ListQuery {}

body! {
    struct CreateBody {
        email: String,
        additional_fields: Option<BTreeMap<String, String>>,
        send_confirmation_email: Option<bool>,
    }
}

impl Check for CreateBody {
    fn check(&self, faults: &mut Faults) {
        faults.email("email", &self.email);
        let fields = self.additional_fields.iter().flatten();
        faults.most("additional_fields", fields.clone().count(), 50);
        for (name, value) in fields {
            let field = format!("additional_fields.{name}");
            if name.is_empty() || name.chars().count() > 40 || name.contains('\0') {
                faults.add(
                    "additional_fields",
                    "invalid_key",
                    "A key of additional_fields must be 1 to 40 characters.",
                );
            }
            faults.max(&field, value, 600);
        }
    }
}

async fn list(scope: Scope) -> Result<Json<List<Waitlist>>> {
    store::waitlists::list(&mut scope.read().await?).await.map(List::whole).map(Json)
}

async fn find(scope: Scope, Path(id): Path<String>) -> Result<Json<Waitlist>> {
    store::waitlists::get(&mut scope.read().await?, &id).await.map(Json)
}

async fn list_entries(
    scope: Scope,
    Path(id): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Json<List<WaitlistEntry>>> {
    let mut db = scope.read().await?;
    let waitlist = store::waitlists::get(&mut db, &id).await?;
    let filter = store::waitlists::Filter { state: query.state, email: query.email.as_deref().map(normal_email) };
    store::waitlists::list_entries(&mut db, &waitlist.id, &filter, &query.page).await.map(Json)
}

async fn create_entry(
    scope: Scope,
    Path(id): Path<String>,
    Json(body): Json<CreateBody>,
) -> Result<Created<WaitlistEntry>> {
    let input = domain::waitlists::Join {
        email: body.email,
        additional_fields: body.additional_fields.unwrap_or_default(),
        is_confirmed: body.send_confirmation_email == Some(true)
            && scope.environment.settings.waitlist_confirmation_mail,
    };
    let keyring = scope.app().keyring();
    scope.write(async |tx| domain::waitlists::join(tx, keyring, &id, input).await).await.map(Created)
}

/// The approval stands, whatever becomes of the invitation: a client that tries again would only hear that it does.
async fn approve(scope: Scope, Path(id): Path<WaitlistEntryId>) -> Result<Json<WaitlistEntry>> {
    let entry = scope.write(async |tx| domain::waitlists::approve(tx, &id).await).await?;
    let input = domain::invitations::Create { email: entry.email.clone(), ..Default::default() };
    let invited = scope.write(async |tx| domain::invitations::create(tx, &sender(&scope), input).await).await;
    if let Err(error) = invited {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(%id, error, "waitlist entry {id} is approved, but no invitation was made");
    }
    Ok(Json(entry))
}

async fn deny(scope: Scope, Path(id): Path<WaitlistEntryId>) -> Result<Json<WaitlistEntry>> {
    scope.write(async |tx| domain::waitlists::deny(tx, &id).await).await.map(Json)
}

async fn delete_entry(scope: Scope, Path(id): Path<WaitlistEntryId>) -> Result<NoContent> {
    scope.write(async |tx| domain::waitlists::delete(tx, &id).await).await.map(|()| NoContent)
}
