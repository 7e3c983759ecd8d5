//! Keys of customers, by the hashes of their values: only where secrets are asked for, for without them there is nothing
//! that another server could know a key by.

use std::io::Write;

use serde::Serialize;

use super::writer::Writer;
use super::{Secrets, each_page};
use crate::db::Db;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{ApiKeyId, OrganizationId, UserId};
use crate::store;
use crate::store::api_keys::Hashed;

#[derive(Serialize)]
struct ApiKey<'k> {
    id: &'k ApiKeyId,
    name: &'k str,
    organization_id: &'k OrganizationId,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'k UserId>,
    hash: String,
    obfuscated_value: &'k str,
    permissions: &'k [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
}

pub(super) async fn write(
    db: &mut Db,
    secrets: Secrets<'_>,
    now: Timestamp,
    out: &mut Writer<impl Write>,
) -> Result<()> {
    match secrets {
        Secrets::Hidden => return Ok(()),
        Secrets::Shown(_) => {}
    }
    let list = async |db: &mut Db, page: &_| store::api_keys::list_valid(db, now, page).await;
    each_page(db, list, async |_, keys: Vec<Hashed>| {
        keys.iter().try_for_each(|Hashed { key, hash }| {
            let entry = ApiKey {
                id: &key.id,
                name: &key.name,
                organization_id: key.owner.organization(),
                user_id: key.owner.user(),
                hash: hex::encode(hash),
                obfuscated_value: &key.obfuscated_value,
                permissions: &key.permissions,
                expires_at: key.expires_at,
            };
            out.entry("apiKeys", &entry)
        })
    })
    .await
}
