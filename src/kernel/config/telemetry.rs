//! Whether traces are sent, by the variables that OpenTelemetry has set for every program.
//!
//! They have no `VESTIBULE_` in their names and are no settings of ours: they are not in the table, have no flag, and one
//! that we do not know is left alone, because a platform may set them for all its programs at once. Only what decides
//! whether and how spans leave the machine is read here; the rest (headers, sampling, batches, attributes of the
//! resource) is read by the exporter itself.

use std::ffi::{OsStr, OsString};

use url::Url;

use super::Fault;

/// What the variables say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Telemetry {
    /// Whether traces are sent.
    pub traces: bool,
    /// Where to, if the variables say so.
    pub endpoint: Option<Url>,
}

const DISABLED: &str = "OTEL_SDK_DISABLED";
const EXPORTER: &str = "OTEL_TRACES_EXPORTER";
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
const PROTOCOLS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"];

/// Reads the variables. Faults are only found where traces would be sent.
pub(super) fn read(environment: &[(OsString, OsString)], faults: &mut Vec<Fault>) -> Telemetry {
    let get = |name: &str| {
        let found = environment.iter().find(|(given, value)| given == OsStr::new(name) && !value.is_empty());
        found.map(|(_, value)| value.to_string_lossy().into_owned())
    };
    if get(DISABLED).is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Telemetry::default();
    }
    let endpoint = ENDPOINTS.iter().find_map(|name| Some((*name, get(name)?)));
    match get(EXPORTER).as_deref() {
        Some("otlp") => {}
        Some("none") => return Telemetry::default(),
        None if endpoint.is_none() => return Telemetry::default(),
        None => {}
        Some(other) => {
            faults.push(Fault::new(EXPORTER, format!("must be otlp or none, not {other:?}")));
            return Telemetry::default();
        }
    }
    let endpoint = endpoint.and_then(|(name, given)| {
        let url = Url::parse(&given).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if url.is_none() {
            // It may carry a token, so it is not shown.
            faults.push(Fault::new(name, "must be an http or https URL, such as http://127.0.0.1:4318"));
        }
        url
    });
    if let Some((name, given)) = PROTOCOLS.iter().find_map(|name| Some((*name, get(name)?)))
        && given != "http/protobuf"
    {
        faults.push(Fault::new(name, format!("must be http/protobuf, the one that is spoken here, not {given:?}")));
    }
    Telemetry { traces: true, endpoint }
}
