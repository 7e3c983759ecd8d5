//! Keys of customers in a seed.

use super::Report;
use super::fault::At as _;
use super::permissions::differs;
use super::shape;
use crate::db::Tx;
use crate::domain::api_keys::{self, Create, Stored};
use crate::kernel::id::OrganizationId;
use crate::kernel::{Error, Result};
use crate::model::api_keys::Owner;
use crate::store;

/// Makes the keys that are not there. What is there stays as it is: a key is known by its value, and the rest of it is
/// whoever's business who manages it.
pub(super) async fn settle(tx: &mut Tx, entries: &[shape::ApiKey], report: &mut Report) -> Result<()> {
    for entry in entries {
        let Some(stored) = stored(entry)? else {
            let what = "has neither a value nor a hash and was left out: nobody would know its value";
            report.warn(entry.at.as_str(), what);
            continue;
        };
        if let Some(current) = store::api_keys::find_id_by_hash(tx, &stored.hash).await? {
            differs(entry.id.as_ref(), &current, false).within(entry.at.as_str())?;
            continue;
        }
        let input = Create {
            id: entry.id.clone(),
            owner: owner(tx, entry).await?,
            name: entry.name.clone(),
            permissions: entry.permissions.clone().unwrap_or_default(),
            expires_at: entry.expires_at,
            value: None,
        };
        let made = api_keys::import(tx, input, stored).await.within(entry.at.as_str())?;
        report.created("key of a customer", made.obfuscated_value);
    }
    Ok(())
}

/// What is kept of the value, which is given itself or by its hash.
fn stored(entry: &shape::ApiKey) -> Result<Option<Stored>> {
    if let Some(value) = &entry.value {
        return Stored::of(value).map(Some).at(&entry.at.field("value"));
    }
    let Some(digits) = &entry.hash else { return Ok(None) };
    let field = entry.at.field("hash");
    let hash = hex::decode(digits.expose()).ok().and_then(|bytes| bytes.try_into().ok());
    let hash = hash.ok_or_else(|| {
        Error::field(field.clone(), "invalid_format", format!("{field} must be 64 hexadecimal digits."))
    })?;
    let obfuscated_value = entry.obfuscated_value.clone().unwrap_or_else(|| "sk_...".to_owned());
    Ok(Some(Stored { hash, obfuscated_value }))
}

async fn owner(tx: &mut Tx, entry: &shape::ApiKey) -> Result<Owner> {
    let organization_id = organization(tx, entry).await?;
    Ok(match &entry.user_id {
        Some(id) => Owner::User { id: id.clone(), organization_id },
        None => Owner::Organization { id: organization_id },
    })
}

async fn organization(tx: &mut Tx, entry: &shape::ApiKey) -> Result<OrganizationId> {
    if let Some(id) = &entry.organization_id {
        return Ok(id.clone());
    }
    let field = entry.at.field("organization");
    let Some(name) = &entry.organization else {
        return Err(Error::field(field.clone(), "required", format!("{field} is required.")));
    };
    let mut named = store::organizations::list_by_name(tx, name.trim()).await?;
    match (named.pop(), named.pop()) {
        (Some(organization), None) => Ok(organization.id),
        (None, _) => Err(Error::field(field, "entity_not_found", format!("there is no organization '{name}'."))),
        (Some(_), Some(_)) => {
            let message = format!("several organizations are called '{name}': give the organization_id.");
            Err(Error::field(field, "ambiguous", message))
        }
    }
}
