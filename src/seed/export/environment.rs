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
    settings: Settings,
}

#[derive(Serialize)]
struct Settings {
    multiple_roles: bool,
    access_token_seconds: i32,
    session_seconds: i32,
    session_idle_seconds: Option<i32>,
}

pub(super) fn write(environment: &environments::Environment, out: &mut Writer<impl Write>) -> Result<()> {
    let environments::Settings {
        multiple_roles,
        access_token_seconds,
        session_seconds,
        session_idle_seconds,
        invitation_url: _,
        invitation_days: _,
        waitlist_confirmation_mail: _,
    } = environment.settings;
    let entry = Environment {
        id: &environment.id,
        name: &environment.name,
        client_id: &environment.client_id,
        settings: Settings { multiple_roles, access_token_seconds, session_seconds, session_idle_seconds },
    };
    out.mapping("environment", &entry)
}
