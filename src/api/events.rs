//! The event log.

use crate::body;
use crate::db::Db;
use crate::http::{Json, Query, Routes, Scope};
use crate::kernel::Result;
use crate::kernel::check::{Check, Faults};
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{EventId, EventKind, OrganizationId};
use crate::kernel::page::{List, Order, Page};
use crate::model::events::{LoggedEvent, RETENTION_DAYS};
use crate::store;
use crate::store::events::{Filter, Position};

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("events").get("/events", list)
}

body! {
    struct ListQuery {
        events: Vec<String>,
        organization_id: Option<OrganizationId>,
        range_start: Option<String>,
        range_end: Option<String>;
        page: Page<EventKind>
    }
}

/// More names than there are events in the catalogue; each is searched for by itself.
const MOST_NAMES: usize = 256;

impl Check for ListQuery {
    fn check(&self, faults: &mut Faults) {
        if self.events.is_empty() {
            faults.add("events", "required", "events must name at least one event.");
        }
        if self.events.len() > MOST_NAMES {
            faults.add("events", "invalid_value", format!("events must name at most {MOST_NAMES} events."));
        }
        for (field, text) in [("range_start", &self.range_start), ("range_end", &self.range_end)] {
            if text.as_deref().is_some_and(|text| moment(text).is_none()) {
                faults.add(
                    field,
                    "invalid_format",
                    format!("{field} must be an ISO 8601 date-time in UTC, ending in Z."),
                );
            }
        }
    }
}

/// Only UTC written with `Z` is taken here, as the SDKs promise.
fn moment(text: &str) -> Option<Timestamp> {
    text.ends_with('Z').then(|| Timestamp::parse(text)).flatten()
}

impl ListQuery {
    /// What may be shown at this moment. An event that is too old is gone, even before its partition is.
    fn filter(&self, now: Timestamp) -> Filter {
        let bound = |text: &Option<String>| text.as_deref().and_then(moment);
        let oldest = now.plus_seconds(-RETENTION_DAYS * 86_400);
        Filter {
            names: self.events.clone(),
            organization: self.organization_id.clone(),
            from: bound(&self.range_start).map_or(oldest, |start| start.max(oldest)),
            to: bound(&self.range_end).unwrap_or(Timestamp::from_millis(i64::MAX)),
        }
    }
}

/// Oldest first unless another order is named: the log is read by going on from a cursor.
async fn list(scope: Scope, Query(query): Query<ListQuery>) -> Result<Json<List<LoggedEvent>>> {
    let filter = query.filter(scope.app().database().clock.now());
    let page = query.page.or_order(Order::Asc);
    let mut db = scope.read().await?;
    let scan = page.scan();
    let (above, below) = page.bounds();
    let above = place(&mut db, above, Position::start()).await?;
    let below = place(&mut db, below, Position::end()).await?;
    let rows = store::events::list_between(&mut db, &filter, (&above, &below), scan.ascending, scan.rows).await?;
    Ok(Json(page.list(rows, |event| event.id.as_str())))
}

/// Where the event of a cursor stands. One that retention has removed stood before everything that is left.
async fn place(db: &mut Db, cursor: Option<&EventId>, open: Position) -> Result<Position> {
    match cursor {
        None => Ok(open),
        Some(id) => Ok(store::events::find_position(db, id).await?.unwrap_or_else(Position::start)),
    }
}
