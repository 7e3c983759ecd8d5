//! Waitlists, and those who stand on them.

use crate::db::Db;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{WaitlistEntryId, WaitlistEntryKind, WaitlistId};
use crate::kernel::page::{List, Page};
use crate::kernel::{Error, Result};
use crate::model::waitlists::{State, Waitlist, WaitlistEntry};
use crate::{page_sql, sql};

macro_rules! columns {
    () => {
        "w.id, w.created_at, w.updated_at"
    };
}

macro_rules! entry_columns {
    () => {
        "n.id, n.email, n.state, n.approved_at, n.additional_fields, n.waitlist_id, n.created_at, n.updated_at"
    };
}

/// The word by which the list is named that the environment's entries stand on unless another is named.
pub const DEFAULT: &str = "default";

/// Which entries a list shows.
#[derive(Debug, Default)]
pub struct Filter {
    /// Those of this state.
    pub state: Option<State>,
    /// The one of this address, in the form in which addresses are compared.
    pub email: Option<String>,
}

/// The waitlist of this id, or the default one by its word.
pub async fn find(db: &mut Db, id: &str) -> Result<Option<Waitlist>> {
    db.query(sql!(
        "select ",
        columns!(),
        " from waitlists w where w.environment = $1 and (w.id = $2 or ($2 = 'default' and w.is_default))"
    ))
    .bind(id)
    .find()
    .await
}

/// The waitlist that must be there.
pub async fn get(db: &mut Db, id: &str) -> Result<Waitlist> {
    find(db, id).await?.ok_or_else(|| Error::missing(&WaitlistId::verbatim(id)))
}

/// All waitlists, oldest first. They are few.
pub async fn list(db: &mut Db) -> Result<Vec<Waitlist>> {
    db.query(sql!("select ", columns!(), " from waitlists w where w.environment = $1 order by w.id")).all().await
}

/// Writes the default waitlist, unless there is one.
pub async fn insert_default(db: &mut Db, id: &WaitlistId, now: Timestamp) -> Result<()> {
    db.query(sql!(
        "insert into waitlists (environment, id, is_default, created_at, updated_at) values ($1, $2, true, $3, $3)
         on conflict (environment) where is_default do nothing"
    ))
    .bind(id)
    .bind(now)
    .run()
    .await
    .map(drop)
}

/// A page of the entries of a waitlist.
pub async fn list_entries(
    db: &mut Db,
    waitlist: &WaitlistId,
    filter: &Filter,
    page: &Page<WaitlistEntryKind>,
) -> Result<List<WaitlistEntry>> {
    db.page(
        page_sql!(
            "select ",
            entry_columns!(),
            " from waitlist_entries n
             where n.environment = $1 and n.waitlist_id = $5 and ($6::text is null or n.state = $6)
               and ($7::text is null or n.email = $7)";
            "n.id"
        ),
        page,
    )
    .bind(waitlist)
    .bind(filter.state)
    .bind(filter.email.as_deref())
    .list(|entry: &WaitlistEntry| entry.id.as_str())
    .await
}

/// The entry of this address, in the form in which addresses are compared.
pub async fn find_entry(db: &mut Db, email: &str) -> Result<Option<WaitlistEntry>> {
    db.query(sql!("select ", entry_columns!(), " from waitlist_entries n where n.environment = $1 and n.email = $2"))
        .bind(email)
        .find()
        .await
}

/// The entry that must be there, held against other changes until the transaction ends.
pub async fn lock_entry(db: &mut Db, id: &WaitlistEntryId) -> Result<WaitlistEntry> {
    db.query(sql!(
        "select ",
        entry_columns!(),
        " from waitlist_entries n where n.environment = $1 and n.id = $2 for update"
    ))
    .bind(id)
    .find()
    .await?
    .ok_or_else(|| Error::missing(id))
}

/// Writes a new entry; whether its address was not on a list already.
pub async fn insert_entry(db: &mut Db, entry: &WaitlistEntry) -> Result<bool> {
    let rows = db
        .query(sql!(
            "insert into waitlist_entries (environment, id, waitlist_id, email, state, additional_fields, created_at,
                                           updated_at)
             values ($1, $2, $3, $4, $5, $6, $7, $8)
             on conflict on constraint waitlist_entries_email_key do nothing"
        ))
        .bind(&entry.id)
        .bind(&entry.waitlist_id)
        .bind(&entry.email)
        .bind(entry.state)
        .bind(sqlx::types::Json(&entry.additional_fields))
        .bind(entry.created_at)
        .bind(entry.updated_at)
        .run()
        .await?;
    Ok(rows > 0)
}

/// Writes what was decided of an entry.
pub async fn update_entry(db: &mut Db, entry: &WaitlistEntry) -> Result<()> {
    db.query(sql!(
        "update waitlist_entries set state = $3, approved_at = $4, updated_at = $5 where environment = $1 and id = $2"
    ))
    .bind(&entry.id)
    .bind(entry.state)
    .bind(entry.approved_at)
    .bind(entry.updated_at)
    .run()
    .await
    .map(drop)
}

/// Removes an entry; whether it was there.
pub async fn delete_entry(db: &mut Db, id: &WaitlistEntryId) -> Result<bool> {
    Ok(db.query(sql!("delete from waitlist_entries where environment = $1 and id = $2")).bind(id).run().await? > 0)
}
