//! What the operator may set in an environment.

use crate::body;
use crate::domain;
use crate::http::extract::{Json, Path};
use crate::http::{Operator, Routes};
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::EnvironmentId;
use crate::kernel::patch::Patch;
use crate::kernel::{Error, Result};
use crate::model::environments::Settings;
use crate::protocol::web_address;
use crate::store;

/// The routes of settings.
pub fn routes() -> Routes {
    super::family()
        .get("/admin/v1/environments/{id}/settings", find)
        .patch("/admin/v1/environments/{id}/settings", update)
}

body! {
    struct UpdateBody {
        multiple_roles: Option<bool>,
        access_token_seconds: Option<i64>,
        session_seconds: Option<i64>,
        session_idle_seconds: Patch<i64>,
        invitation_url: Patch<String>,
        invitation_days: Option<i64>,
        waitlist_confirmation_mail: Option<bool>,
    }
}

impl Check for UpdateBody {
    fn check(&self, faults: &mut Faults) {
        for (field, value, bounds) in [
            ("access_token_seconds", self.access_token_seconds, Settings::ACCESS_TOKEN_SECONDS),
            ("session_seconds", self.session_seconds, Settings::SESSION_SECONDS),
            ("session_idle_seconds", self.session_idle_seconds.as_value().copied(), Settings::SESSION_SECONDS),
            ("invitation_days", self.invitation_days, Settings::INVITATION_DAYS),
        ] {
            if let Some(value) = value {
                faults.between(field, value, &bounds);
            }
        }
    }
}

/// Seconds, or days, that have been held against their bounds.
fn bounded(value: i64) -> Result<i32> {
    i32::try_from(value).map_err(Error::internal)
}

async fn find(operator: Operator, Path(id): Path<EnvironmentId>) -> Result<Json<Settings>> {
    let environment = store::system::environments::get(&mut operator.system().await?, &id).await?;
    Ok(Json(environment.settings))
}

async fn update(
    operator: Operator,
    Path(id): Path<EnvironmentId>,
    Json(body): Json<UpdateBody>,
) -> Result<Json<Settings>> {
    if let Some(url) = body.invitation_url.as_value() {
        web_address::page(url, operator.app().plain_http())
            .map_err(|problem| Error::field("invitation_url", "invalid_url", format!("invitation_url {problem}.")))?;
    }
    let input = domain::environments::Update {
        name: None,
        multiple_roles: body.multiple_roles,
        access_token_seconds: body.access_token_seconds.map(bounded).transpose()?,
        session_seconds: body.session_seconds.map(bounded).transpose()?,
        session_idle_seconds: match body.session_idle_seconds {
            Patch::Absent => Patch::Absent,
            Patch::Null => Patch::Null,
            Patch::Value(value) => Patch::Value(bounded(value)?),
        },
        invitation_url: body.invitation_url,
        invitation_days: body.invitation_days.map(bounded).transpose()?,
        waitlist_confirmation_mail: body.waitlist_confirmation_mail,
    };
    let change = async |system: &mut _| domain::environments::update(system, &id, input).await;
    operator.database().write_system(change).await.map(|environment| Json(environment.settings))
}
