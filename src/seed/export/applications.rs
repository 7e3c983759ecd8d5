//! Redirect URIs, CORS origins, OAuth resources and the template of tokens.

use std::io::Write;

use serde::Serialize;

use super::each_page;
use super::writer::Writer;
use crate::db::Db;
use crate::kernel::Result;
use crate::model::{cors_origins, oauth_resources, redirect_uris};
use crate::store;

#[derive(Serialize)]
struct Address<'a> {
    id: &'a str,
    uri: &'a str,
    default: bool,
}

#[derive(Serialize)]
struct Origin<'o> {
    id: &'o str,
    origin: &'o str,
}

#[derive(Serialize)]
struct Template<'t> {
    content: &'t str,
}

pub(super) async fn write(db: &mut Db, out: &mut Writer<impl Write>) -> Result<()> {
    each_page(db, store::redirect_uris::list, async |_, redirects: Vec<redirect_uris::RedirectUri>| {
        redirects.iter().try_for_each(|redirect| {
            let entry = Address { id: redirect.id.as_str(), uri: &redirect.uri, default: redirect.is_default };
            out.entry("redirectUris", &entry)
        })
    })
    .await?;
    each_page(db, store::cors_origins::list, async |_, origins: Vec<cors_origins::CorsOrigin>| {
        origins
            .iter()
            .try_for_each(|origin| out.entry("corsOrigins", &Origin { id: origin.id.as_str(), origin: &origin.origin }))
    })
    .await?;
    each_page(db, store::oauth_resources::list, async |_, resources: Vec<oauth_resources::OauthResource>| {
        resources.iter().try_for_each(|resource| {
            let entry = Address { id: resource.id.as_str(), uri: &resource.uri, default: resource.is_default };
            out.entry("oauthResources", &entry)
        })
    })
    .await?;
    match store::jwt_templates::find(db).await? {
        Some(template) => out.mapping("jwtTemplate", &Template { content: &template.content }),
        None => Ok(()),
    }
}
