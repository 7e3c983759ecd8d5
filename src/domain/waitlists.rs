//! Waitlists: who waits to be let in, and what is decided of them.
//!
//! An approval does not depend on the invitation that follows it: whoever approves makes it afterwards, in a
//! transaction of its own ([`super::invitations`]).

use std::collections::BTreeMap;

use super::mail::{self, Letter};
use crate::db::Tx;
use crate::kernel::check::{is_email, normal_email};
use crate::kernel::crypto::Keyring;
use crate::kernel::id::WaitlistEntryId;
use crate::kernel::{Error, Result};
use crate::model::waitlists::{State, Waitlist, WaitlistEntry};
use crate::store;
use crate::store::waitlists::DEFAULT;

/// For how long it is worth telling somebody that they are on the list, in seconds.
const CONFIRMATION_SECONDS: i64 = 3 * 86_400;

/// What a new entry is made of.
#[derive(Debug)]
pub struct Join {
    /// Who wants to be let in.
    pub email: String,
    /// What they say about themselves.
    pub additional_fields: BTreeMap<String, String>,
    /// Whether they are told by mail that they are on the list.
    pub is_confirmed: bool,
}

/// Puts somebody on a waitlist. Who is on one already stays where they are, and is told nothing again.
pub async fn join(tx: &mut Tx, keyring: &Keyring, waitlist: &str, input: Join) -> Result<WaitlistEntry> {
    let Join { email, additional_fields, is_confirmed } = input;
    let email = normal_email(&email);
    if !is_email(&email) {
        return Err(Error::field("email", "invalid_email", "email must be an email address."));
    }
    let waitlist = find_or_make(tx, waitlist).await?;
    if store::users::find_by_email(tx, &email).await?.is_some() {
        return Err(Error::unprocessable("user_already_exists", "A user with this email already exists."));
    }
    let now = tx.now();
    let entry = WaitlistEntry {
        id: tx.mint(),
        email,
        state: State::Pending,
        approved_at: None,
        additional_fields,
        waitlist_id: waitlist.id,
        created_at: now,
        updated_at: now,
    };
    if !store::waitlists::insert_entry(tx, &entry).await? {
        // It was there a moment ago. If it has gone since, the same request succeeds when it is sent again.
        let current = store::waitlists::find_entry(tx, &entry.email).await?;
        return current.ok_or_else(|| Error::unavailable("the entry was deleted while it was created again"));
    }
    tx.emit(entry.created())?;
    if is_confirmed {
        confirm(tx, keyring, &entry).await?;
    }
    Ok(entry)
}

/// The waitlist; the default one is made when it is first needed.
async fn find_or_make(tx: &mut Tx, waitlist: &str) -> Result<Waitlist> {
    if waitlist == DEFAULT {
        let (id, now) = (tx.mint(), tx.now());
        store::waitlists::insert_default(tx, &id, now).await?;
    }
    store::waitlists::get(tx, waitlist).await
}

async fn confirm(tx: &mut Tx, keyring: &Keyring, entry: &WaitlistEntry) -> Result<()> {
    let letter = Letter {
        subject: "You are on the waitlist".to_owned(),
        opening: "Your address is on the waitlist. You will get an invitation when it is your turn.".to_owned(),
        action: None,
        closing: "If you did not ask for this, you can leave it unanswered.",
    };
    let expires_at = tx.now().plus_seconds(CONFIRMATION_SECONDS);
    mail::post(tx, keyring, &entry.email, &letter, expires_at).await.map(drop)
}

/// Lets somebody in, also somebody who was denied before.
pub async fn approve(tx: &mut Tx, id: &WaitlistEntryId) -> Result<WaitlistEntry> {
    let mut entry = store::waitlists::lock_entry(tx, id).await?;
    if entry.state == State::Approved {
        return Err(invalid_state("The entry was approved already."));
    }
    let now = tx.now();
    entry.state = State::Approved;
    (entry.approved_at, entry.updated_at) = (Some(now), now);
    store::waitlists::update_entry(tx, &entry).await?;
    tx.emit(entry.approved())?;
    Ok(entry)
}

/// Does not let somebody in.
pub async fn deny(tx: &mut Tx, id: &WaitlistEntryId) -> Result<WaitlistEntry> {
    let mut entry = store::waitlists::lock_entry(tx, id).await?;
    if entry.state != State::Pending {
        return Err(invalid_state("Only a pending entry can be denied."));
    }
    entry.state = State::Denied;
    entry.updated_at = tx.now();
    store::waitlists::update_entry(tx, &entry).await?;
    tx.emit(entry.denied())?;
    Ok(entry)
}

fn invalid_state(message: &'static str) -> Error {
    Error::unprocessable("invalid_state", message)
}

/// Takes somebody off the list. An invitation that they have stays good.
pub async fn delete(tx: &mut Tx, id: &WaitlistEntryId) -> Result<()> {
    if store::waitlists::delete_entry(tx, id).await? { Ok(()) } else { Err(Error::missing(id)) }
}
