//! The environment itself, with its settings.

use std::io::Write;

use serde::Serialize;

use super::writer::Writer;
use crate::kernel::Result;
use crate::kernel::id::EnvironmentId;
use crate::model::environments;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Environment<'e> {
    id: &'e EnvironmentId,
    name: &'e str,
    client_id: &'e str,
    settings: Settings<'e>,
}

#[derive(Serialize)]
struct Settings<'s> {
    multiple_roles: bool,
    access_token_seconds: i32,
    session_seconds: i32,
    session_idle_seconds: Option<i32>,
    invitation_url: Option<&'s str>,
    invitation_days: i32,
    waitlist_confirmation_mail: bool,
}

pub(super) fn write(environment: &environments::Environment, out: &mut Writer<impl Write>) -> Result<()> {
    // Whoever adds a setting is reminded here that it is to be exported.
    let environments::Settings {
        multiple_roles,
        access_token_seconds,
        session_seconds,
        session_idle_seconds,
        ref invitation_url,
        invitation_days,
        waitlist_confirmation_mail,
    } = environment.settings;
    let entry = Environment {
        id: &environment.id,
        name: &environment.name,
        client_id: &environment.client_id,
        settings: Settings {
            multiple_roles,
            access_token_seconds,
            session_seconds,
            session_idle_seconds,
            invitation_url: invitation_url.as_deref(),
            invitation_days,
            waitlist_confirmation_mail,
        },
    };
    out.mapping("environment", &entry)
}
