//! Finds the text of each setting in the layers: default, settings file, environment, flag.
//!
//! Here is decided which names exist and which layer wins; what the text means is for [`super::kind`].

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::fault::{Fault, nearest};
use super::{Fallback, SETTINGS, Setting, Shape};
use crate::kernel::secret::Secret;

/// The variable that names the settings file, like the flag `--config`.
pub const CONFIG_VARIABLE: &str = "VESTIBULE_CONFIG";

const PREFIX: &str = "VESTIBULE_";

/// What the command line says about settings.
#[derive(Debug, Default)]
pub struct Flags {
    /// The settings file, from `--config`.
    pub file: Option<PathBuf>,
    /// Each setting's flag as it is spelled (`--public-url`), and its value.
    pub given: Vec<(String, String)>,
}

/// Where a value can come from, each overriding the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// The settings file.
    File,
    /// The environment.
    Environment,
    /// The command line.
    Flag,
}

/// A setting, or the path of the file that holds it (`indirect`, for secrets only).
#[derive(Debug, Clone, Copy)]
pub struct Key<'a> {
    /// The setting.
    pub setting: &'a Setting,
    /// Whether the value is the path of a file.
    pub indirect: bool,
}

/// Every name under which a setting can be given in any layer.
pub fn keys() -> impl Iterator<Item = Key<'static>> {
    let direct = SETTINGS.iter().map(|setting| Key { setting, indirect: false });
    let indirect = SETTINGS.iter().filter(|setting| setting.secret).map(|setting| Key { setting, indirect: true });
    direct.chain(indirect)
}

impl Layer {
    /// How a key is written in this layer.
    #[must_use]
    pub fn spell(self, key: Key<'_>) -> String {
        let name = format!("{}{}", key.setting.name, if key.indirect { "_file" } else { "" });
        match self {
            Self::File => name,
            Self::Environment if key.setting.name == "database_url" => name.to_ascii_uppercase(),
            Self::Environment => format!("{PREFIX}{}", name.to_ascii_uppercase()),
            Self::Flag => format!("--{}", name.replace('_', "-")),
        }
    }

    /// The key that is spelled so, or what is wrong with the name.
    fn identify(self, given: &str) -> Result<Key<'static>, String> {
        if let Some(key) = keys().find(|key| self.spell(*key) == given) {
            return Ok(key);
        }
        let plain = given.trim_start_matches(PREFIX).to_ascii_lowercase();
        if let Some(setting) = SETTINGS.iter().find(|setting| plain.strip_suffix("_file") == Some(setting.name))
            && !setting.secret
        {
            let spelled = self.spell(Key { setting, indirect: false });
            return Err(format!("only secrets can be read from a file; set {spelled} itself"));
        }
        let mut names: BTreeMap<String, String> = keys().map(|key| (Self::File.spell(key), self.spell(key))).collect();
        if self == Self::Environment {
            names.insert("config".to_owned(), CONFIG_VARIABLE.to_owned());
        }
        let meant = nearest(&plain, names.keys().map(String::as_str)).and_then(|name| names.get(name));
        Err(meant.map_or_else(
            || "there is no such setting".to_owned(),
            |meant| format!("there is no such setting; did you mean {meant}?"),
        ))
    }
}

/// A value as a layer gives it.
struct Given {
    key: Key<'static>,
    layer: Layer,
    text: Secret<String>,
    /// How a fault in it is named.
    place: String,
}

/// The value that is in force.
#[derive(Debug)]
pub(super) struct Effective {
    /// `None` where it could not be read, which is already a fault.
    pub(super) text: Option<Secret<String>>,
    pub(super) place: String,
    pub(super) secret: bool,
}

/// Looks through all layers, and answers with what is in force and with the faults in names and files.
pub(super) fn resolve(
    environment: Vec<(OsString, OsString)>,
    flags: Flags,
) -> (BTreeMap<&'static str, Effective>, Vec<Fault>) {
    let mut faults = Vec::new();
    let (file, variables) = from_environment(environment, &mut faults);
    let path = flags.file.map(|path| ("--config", path)).or(file.map(|path| (CONFIG_VARIABLE, path)));
    let mut given = path.map(|(place, path)| from_file(place, &path, &mut faults)).unwrap_or_default();
    given.extend(variables);
    given.extend(from_flags(flags.given, &mut faults));
    (merge(given, &mut faults), faults)
}

/// Lets later layers win, and refuses a secret that one layer gives both ways.
fn merge(given: Vec<Given>, faults: &mut Vec<Fault>) -> BTreeMap<&'static str, Effective> {
    let mut winners: BTreeMap<&'static str, Given> = BTreeMap::new();
    for next in given {
        let name = next.key.setting.name;
        if let Some(before) = winners.get(name)
            && before.layer == next.layer
        {
            let problem = format!("is set together with {}; set one of them", before.place);
            faults.push(Fault::new(&next.place, problem));
        }
        winners.insert(name, next);
    }
    let mut effective = defaults();
    effective.extend(winners.into_iter().map(|(name, winner)| (name, read(winner, faults))));
    effective
}

fn defaults() -> BTreeMap<&'static str, Effective> {
    let default = |setting: &'static Setting| match setting.fallback {
        Fallback::Default(text) => {
            let text = Some(Secret::new(text.to_owned()));
            Some((setting.name, Effective { text, place: "default".to_owned(), secret: setting.secret }))
        }
        Fallback::Absent(_) => None,
    };
    SETTINGS.iter().filter_map(default).collect()
}

/// Fetches the value of a secret that is given as the path of a file. The newline that editors and `echo` leave at the
/// end is not part of it.
fn read(given: Given, faults: &mut Vec<Fault>) -> Effective {
    let Given { key, text, place, .. } = given;
    let secret = key.setting.secret;
    if !key.indirect {
        return Effective { text: Some(text), place, secret };
    }
    let path = text.expose();
    match std::fs::read_to_string(path) {
        Ok(content) => {
            let content = Secret::new(content.trim_end_matches(['\r', '\n']).to_owned());
            Effective { text: Some(content), place: format!("{place} ({path})"), secret }
        }
        Err(error) => {
            faults.push(Fault::new(&place, format!("cannot read {path}: {error}")));
            Effective { text: None, place, secret }
        }
    }
}

/// The settings file that the environment names, and the settings in it.
fn from_environment(environment: Vec<(OsString, OsString)>, faults: &mut Vec<Fault>) -> (Option<PathBuf>, Vec<Given>) {
    let in_kubernetes = environment.iter().any(|(name, _)| name == "KUBERNETES_SERVICE_HOST");
    let (mut file, mut given) = (None, Vec::new());
    for (name, value) in environment {
        // A name that is not text cannot be one of ours. An empty variable counts as unset: that is how compose files
        // and shells pass on a variable that nobody gave.
        let Ok(name) = name.into_string() else { continue };
        let ours = name.starts_with(PREFIX) || name == "DATABASE_URL" || name == "DATABASE_URL_FILE";
        if !ours || value.is_empty() {
            continue;
        }
        if name == CONFIG_VARIABLE {
            file = Some(PathBuf::from(value));
            continue;
        }
        let Ok(text) = value.into_string() else {
            faults.push(Fault::new(name, "must be text in UTF-8"));
            continue;
        };
        if in_kubernetes && is_service_link(&name, &text) {
            continue;
        }
        match Layer::Environment.identify(&name) {
            Ok(key) => {
                given.push(Given { key, layer: Layer::Environment, text: Secret::new(text), place: name });
            }
            Err(problem) => faults.push(Fault::new(name, problem)),
        }
    }
    (file, given)
}

/// Whether Kubernetes made the variable. It gives every container the addresses of the services in its namespace, as
/// `<SERVICE>_SERVICE_HOST`, `<SERVICE>_PORT` and so on: a service named vestibule must not stop the server.
fn is_service_link(name: &str, value: &str) -> bool {
    let numbered = ["_TCP", "_UDP", "_SCTP"].iter().any(|protocol| name.contains(protocol)) && name.contains("_PORT_");
    let port = name.ends_with("_PORT") && value.contains("://");
    name.ends_with("_SERVICE_HOST") || name.contains("_SERVICE_PORT") || numbered || port
}

fn from_flags(flags: Vec<(String, String)>, faults: &mut Vec<Fault>) -> Vec<Given> {
    let mut given = Vec::new();
    for (name, text) in flags {
        match Layer::Flag.identify(&name) {
            Ok(key) => given.push(Given { key, layer: Layer::Flag, text: Secret::new(text), place: name }),
            Err(problem) => faults.push(Fault::new(name, problem)),
        }
    }
    given
}

fn from_file(place: &str, path: &Path, faults: &mut Vec<Fault>) -> Vec<Given> {
    let table = match read_table(path) {
        Ok(table) => table,
        Err(problem) => {
            faults.push(Fault::new(place, problem));
            return Vec::new();
        }
    };
    let mut given = Vec::new();
    for (name, value) in table {
        let place = format!("{name} in {}", path.display());
        let read = Layer::File.identify(&name).and_then(|key| Ok((key, plain(key, value)?)));
        match read {
            Ok((key, text)) => given.push(Given { key, layer: Layer::File, text: Secret::new(text), place }),
            Err(problem) => faults.push(Fault::new(place, problem)),
        }
    }
    given
}

/// Reads a settings file. The parser's own report quotes the line at fault, which may hold a secret, so only its
/// message and the number of the line are passed on.
fn read_table(path: &Path) -> Result<toml::Table, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    text.parse::<toml::Table>().map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        format!("{} is not TOML: line {line}: {}", path.display(), error.message())
    })
}

/// The value as a variable would write it, so that every layer is read by the same code.
fn plain(key: Key<'_>, value: toml::Value) -> Result<String, String> {
    let many = key.setting.shape == Shape::List && !key.indirect;
    match value {
        toml::Value::String(text) => Ok(text),
        toml::Value::Integer(number) => Ok(number.to_string()),
        toml::Value::Boolean(value) => Ok(value.to_string()),
        toml::Value::Array(items) if many => {
            let texts = items.into_iter().map(|item| plain(key, item)).collect::<Result<Vec<_>, _>>()?;
            Ok(texts.join(","))
        }
        toml::Value::Array(_) | toml::Value::Float(_) | toml::Value::Datetime(_) | toml::Value::Table(_) => {
            Err(format!("must be {}", key.setting.expects))
        }
    }
}
