//! Sessions.

use crate::body;
use crate::domain;
use crate::http::extract::{Json, Path, Query};
use crate::http::respond::Done;
use crate::http::{Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::Check;
use crate::kernel::id::{SessionId, SessionKind, UserId};
use crate::kernel::page::{List, Page};
use crate::model::sessions::Session;
use crate::store;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("sessions")
        .get("/user_management/users/{id}/sessions", list)
        .post("/user_management/sessions/revoke", revoke)
}

body! {
    struct ListQuery {
        ;
        page: Page<SessionKind>
    }
}

impl Check for ListQuery {}

body! {
    struct RevokeBody {
        session_id: SessionId,
    }
}

impl Check for RevokeBody {}

/// The active sessions of a user.
async fn list(scope: Scope, Path(id): Path<UserId>, Query(query): Query<ListQuery>) -> Result<Json<List<Session>>> {
    let now = scope.app().database().clock.now();
    let mut db = scope.read().await?;
    store::users::get(&mut db, &id).await?;
    let sessions = store::sessions::list_active(&mut db, &id, now, &query.page).await?;
    Ok(Json(sessions.map(|session| session.at(now))))
}

async fn revoke(scope: Scope, Json(body): Json<RevokeBody>) -> Result<Done> {
    scope.write(async |tx| domain::sessions::revoke(tx, &body.session_id).await).await.map(|()| Done)
}
