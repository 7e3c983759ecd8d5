//! How applications reach an environment: redirect URIs, origins, resources and the template of tokens of a seed.

use super::Report;
use super::fault::At as _;
use super::permissions::differs;
use super::shape::{CorsOrigin, Families, JwtTemplate, OauthResource, RedirectUri};
use crate::db::Tx;
use crate::domain::{cors_origins, jwt_templates, oauth_resources, redirect_uris};
use crate::kernel::Result;
use crate::protocol::web_address::{self, Plain};
use crate::store;

/// Makes what the file names and the environment does not have. What it has stays.
pub(super) async fn settle(tx: &mut Tx, families: &Families, plain: Plain, report: &mut Report) -> Result<()> {
    redirects(tx, families.redirect_uris.as_deref().unwrap_or_default(), plain, report).await?;
    origins(tx, families.cors_origins.as_deref().unwrap_or_default(), plain, report).await?;
    resources(tx, families.oauth_resources.as_deref().unwrap_or_default(), plain, report).await?;
    match &families.jwt_template {
        Some(entry) => template(tx, entry, report).await,
        None => Ok(()),
    }
}

async fn redirects(tx: &mut Tx, entries: &[RedirectUri], plain: Plain, report: &mut Report) -> Result<()> {
    for entry in entries {
        match store::redirect_uris::find_by_uri(tx, &entry.uri).await? {
            Some(current) => {
                differs(entry.id.as_ref(), &current.id, false).within(entry.at.as_str())?;
                if entry.is_default == Some(true) && !current.is_default {
                    redirect_uris::set_default(tx, &current.id).await.within(entry.at.as_str())?;
                    report.updated(true, "redirect URI", &entry.uri);
                }
            }
            None => {
                let (id, uri, is_default) = (entry.id.clone(), entry.uri.clone(), entry.is_default);
                let input = redirect_uris::Create { id, uri, is_default, plain };
                let made = redirect_uris::create(tx, input).await.within(entry.at.as_str())?;
                report.created("redirect URI", made.uri);
            }
        }
    }
    Ok(())
}

async fn origins(tx: &mut Tx, entries: &[CorsOrigin], plain: Plain, report: &mut Report) -> Result<()> {
    for entry in entries {
        let normal = web_address::origin(&entry.origin, plain).unwrap_or_else(|_| entry.origin.clone());
        match store::cors_origins::find_by_origin(tx, &normal).await? {
            Some(current) => {
                differs(entry.id.as_ref(), &current.id, false).within(entry.at.as_str())?;
            }
            None => {
                let input = cors_origins::Create { id: entry.id.clone(), origin: entry.origin.clone(), plain };
                let made = cors_origins::create(tx, input).await.at(&entry.at.field("origin"))?;
                report.created("CORS origin", made.origin);
            }
        }
    }
    Ok(())
}

async fn resources(tx: &mut Tx, entries: &[OauthResource], plain: Plain, report: &mut Report) -> Result<()> {
    for entry in entries {
        match store::oauth_resources::find_by_uri(tx, &entry.uri).await? {
            Some(current) => {
                differs(entry.id.as_ref(), &current.id, false).within(entry.at.as_str())?;
                if entry.is_default == Some(true) && !current.is_default {
                    oauth_resources::set_default(tx, &current.id).await.within(entry.at.as_str())?;
                    report.updated(true, "OAuth resource", &entry.uri);
                }
            }
            None => {
                let (id, uri, is_default) = (entry.id.clone(), entry.uri.clone(), entry.is_default.unwrap_or(false));
                let input = oauth_resources::Create { id, uri, is_default, plain };
                let made = oauth_resources::create(tx, input).await.within(entry.at.as_str())?;
                report.created("OAuth resource", made.uri);
            }
        }
    }
    Ok(())
}

async fn template(tx: &mut Tx, entry: &JwtTemplate, report: &mut Report) -> Result<()> {
    let current = store::jwt_templates::find(tx).await?;
    if current.as_ref().is_some_and(|current| current.content == entry.content) {
        return Ok(());
    }
    jwt_templates::set(tx, &entry.content).await.within(entry.at.as_str())?;
    match current {
        None => report.created("JWT template", "default"),
        Some(_) => report.updated(true, "JWT template", "default"),
    }
    Ok(())
}
