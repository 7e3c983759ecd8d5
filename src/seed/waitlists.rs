//! The waitlist of a seed, and those who stand on it. Nobody is written to, neither who is put on it nor who is let in.

use super::Report;
use super::fault::At as _;
use super::permissions::differs;
use super::shape::{self, Waitlist};
use crate::db::Tx;
use crate::domain::waitlists::{self, Import};
use crate::kernel::Result;
use crate::kernel::check::normal_email;
use crate::kernel::id::WaitlistId;
use crate::model::waitlists::{State, WaitlistEntry};
use crate::store;
use crate::store::waitlists::DEFAULT;

/// Makes the waitlist and puts on it who is not there.
pub(super) async fn settle(tx: &mut Tx, lists: &[Waitlist], report: &mut Report) -> Result<()> {
    for list in lists {
        let id = match store::waitlists::find(tx, DEFAULT).await? {
            Some(current) => {
                differs(list.id.as_ref(), &current.id, false).within(list.at.as_str())?;
                current.id
            }
            None => {
                let made = waitlists::make_default(tx, list.id.as_ref()).await.within(list.at.as_str())?;
                report.created("waitlist", DEFAULT);
                made.id
            }
        };
        for entry in list.entries.as_deref().unwrap_or_default() {
            one(tx, &id, entry, report).await.within(entry.at.as_str())?;
        }
    }
    Ok(())
}

async fn one(tx: &mut Tx, list: &WaitlistId, entry: &shape::WaitlistEntry, report: &mut Report) -> Result<()> {
    match store::waitlists::find_entry(tx, &normal_email(&entry.email)).await? {
        Some(current) => {
            differs(entry.id.as_ref(), &current.id, false)?;
            let changed = decide(tx, entry, &current).await?;
            report.updated(changed, "waitlist entry", current.email);
        }
        None => {
            let input = Import {
                id: entry.id.clone(),
                email: entry.email.clone(),
                additional_fields: entry.additional_fields.clone().unwrap_or_default(),
            };
            let made = waitlists::import(tx, list, input).await?;
            decide(tx, entry, &made).await?;
            report.created("waitlist entry", made.email);
        }
    }
    Ok(())
}

/// Decides of an entry what the file says; whether that changed anything. As through the API, who was let in stays so, and
/// what was decided is not undecided.
async fn decide(tx: &mut Tx, entry: &shape::WaitlistEntry, current: &WaitlistEntry) -> Result<bool> {
    match (entry.state.unwrap_or(State::Pending), current.state) {
        (State::Approved, State::Pending | State::Denied) => {
            let moment = entry.approved_at.unwrap_or_else(|| tx.now());
            waitlists::approve_at(tx, &current.id, moment).await?;
            Ok(true)
        }
        (State::Denied, State::Pending) => {
            waitlists::deny(tx, &current.id).await?;
            Ok(true)
        }
        (State::Pending, _) | (State::Denied, State::Approved | State::Denied) | (State::Approved, State::Approved) => {
            Ok(false)
        }
    }
}
