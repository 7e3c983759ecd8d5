//! The waitlist, and those who stand on it.

use std::collections::BTreeMap;
use std::io::Write;

use serde::Serialize;

use super::each_page;
use super::writer::Writer;
use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{WaitlistEntryId, WaitlistId};
use crate::model::waitlists::{self, State};
use crate::store;
use crate::store::waitlists::Filter;

#[derive(Serialize)]
struct Waitlist<'w> {
    id: &'w WaitlistId,
}

#[derive(Serialize)]
struct WaitlistEntry<'e> {
    id: &'e WaitlistEntryId,
    email: &'e str,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    approved_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    additional_fields: &'e BTreeMap<String, String>,
}

pub(super) async fn write(db: &mut Db, out: &mut Writer<impl Write>) -> Result<()> {
    for list in &store::waitlists::list(db).await? {
        out.entry("waitlists", &Waitlist { id: &list.id })?;
        entries(db, &list.id, out).await?;
    }
    Ok(())
}

async fn entries(db: &mut Db, list: &WaitlistId, out: &mut Writer<impl Write>) -> Result<()> {
    let filter = Filter::default();
    let page = async |db: &mut Db, page: &_| store::waitlists::list_entries(db, list, &filter, page).await;
    let mut first = true;
    each_page(db, page, async |_, entries: Vec<waitlists::WaitlistEntry>| {
        for entry in &entries {
            let shown = WaitlistEntry {
                id: &entry.id,
                email: &entry.email,
                state: entry.state,
                approved_at: entry.approved_at,
                additional_fields: &entry.additional_fields,
            };
            out.nested("entries", std::mem::take(&mut first), &shown)?;
        }
        Ok(())
    })
    .await
}
