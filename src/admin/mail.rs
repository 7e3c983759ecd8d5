//! The outbox: what was written to whom, and what became of it. Without a server for mail this is where it is read.

use crate::body;
use crate::http::extract::{Json, Query};
use crate::http::{Operator, Routes};
use crate::kernel::Result;
use crate::kernel::check::Check;
use crate::kernel::id::{EnvironmentId, MailKind};
use crate::kernel::page::{List, Page};
use crate::model::mail::Mail;
use crate::store;
use crate::store::system::mail::Filter;

/// The routes of mail.
pub fn routes() -> Routes {
    super::family().get("/admin/v1/mail", list)
}

body! {
    struct ListQuery {
        to: Option<String>,
        environment: Option<EnvironmentId>;
        page: Page<MailKind>
    }
}

impl Check for ListQuery {}

/// Newest first, as every list is.
async fn list(operator: Operator, Query(query): Query<ListQuery>) -> Result<Json<List<Mail>>> {
    let filter = Filter { to: query.to, environment: query.environment };
    let page = store::system::mail::list(&mut operator.system().await?, &filter, &query.page).await?;
    page.try_map(|mail| mail.open(operator.app().keyring())).map(Json)
}
