//! The settings: one table, and everything else about settings derived from it.
//!
//! [`settings!`](SETTINGS) at the end of this file lists each setting once. From that list come the fields of
//! [`Config`], the environment variables, the keys of the settings file, the flags of the command line, their help, and
//! the table in `docs/operations.md`. To add a setting, add an entry there and, if
//! its values are of a new kind, a [`kind`].
//!
//! Layers rise: default, settings file, environment, flag. Every secret can be read from a file as well
//! (`<VARIABLE>_FILE`, `<key>_file`, `--<flag>-file`). A start with any fault is refused, and all faults are named
//! together, so that an operator mends them in one go.
//!
//! This module does not act on settings and does not look at the machine: the environment and the flags are
//! parameters, which keeps every test of it pure. [`environment`] is the one place that asks the process.
//!
//! Next: [`layers`] finds the values, [`kind`] reads them, [`fault`] words what is wrong.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::kernel::secret::Secret;

pub mod fault;
pub mod kind;
pub mod layers;
mod origin;
pub mod telemetry;

pub use fault::{Fault, Faults};
pub use kind::LogFormat;
pub use layers::{CONFIG_VARIABLE, Flags, Layer};
pub use origin::Origin;
pub use telemetry::Telemetry;

use kind::{Kind, Shape};
use layers::{Effective, Key};

/// One line of the table of settings: what an operator needs to know to use it.
#[derive(Debug)]
pub struct Setting {
    /// Its name: the key in the settings file. The variable and the flag follow from it.
    pub name: &'static str,
    /// What it does, in a sentence or two of Markdown.
    pub help: &'static str,
    /// Whether the value must never be shown. Secrets can be read from files and have no flag that takes the value.
    pub secret: bool,
    /// What a value must be, worded to follow "must be".
    pub expects: &'static str,
    /// How many values there are.
    pub shape: Shape,
    /// What holds when nobody gives a value.
    pub fallback: Fallback,
}

/// What holds for a setting that nobody gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// This value, read as if it had been written by the operator.
    Default(&'static str),
    /// No value; the text says what the server does then.
    Absent(&'static str),
}

impl Setting {
    /// The environment variable: `VESTIBULE_` and the name in capitals, but plain `DATABASE_URL`, which hosting
    /// platforms and tools already set under that name.
    #[must_use]
    pub fn variable(&self) -> String {
        Layer::Environment.spell(Key { setting: self, indirect: false })
    }

    /// The flag, with its dashes. A secret's flag takes the path of a file, because a value on the command line is
    /// shown to every user of the machine by `ps`.
    #[must_use]
    pub fn flag(&self) -> String {
        Layer::Flag.spell(Key { setting: self, indirect: self.secret })
    }
}

/// Makes [`Config`] and [`SETTINGS`] from one list, so that neither can hold a setting that the other lacks.
macro_rules! settings {
    (@secret open) => { false };
    (@secret secret) => { true };
    (@fallback default $text:literal) => { Fallback::Default($text) };
    (@fallback absent $text:literal) => { Fallback::Absent($text) };
    ($($(#[doc = $help:literal])+ $class:ident $name:ident: $type:ty = $kind:expr, $fallback:ident $text:literal;)+) => {
        /// The settings of one process, each checked and typed.
        #[derive(Debug)]
        pub struct Config {
            $($(#[doc = $help])+ pub $name: $type,)+
            /// What the variables of OpenTelemetry say.
            pub telemetry: Telemetry,
            /// The text and the source of each value that was given, for [`Config::redacted`].
            effective: BTreeMap<&'static str, Effective>,
        }

        /// Every setting, in the order in which help and documentation show them.
        pub static SETTINGS: &[Setting] = &[$(Setting {
            name: stringify!($name),
            help: concat!($($help),+).trim_ascii(),
            secret: settings!(@secret $class),
            expects: $kind.expects,
            shape: $kind.shape,
            fallback: settings!(@fallback $fallback $text),
        }),+];

        /// A configuration being read: `None` where a value has a fault, so that the others are still looked at.
        struct Draft {
            $($name: Option<$type>,)+
        }

        impl Draft {
            fn read(values: &mut Values) -> Self {
                Self { $($name: values.$fallback(stringify!($name), &$kind),)+ }
            }

            fn finish(self, telemetry: Telemetry, effective: BTreeMap<&'static str, Effective>) -> Option<Config> {
                Some(Config { $($name: self.$name?,)+ telemetry, effective })
            }
        }
    };
}

/// What the layers gave, and the faults found so far.
struct Values {
    effective: BTreeMap<&'static str, Effective>,
    faults: Vec<Fault>,
}

impl Values {
    /// Reads a setting that has a default. `None` is a fault that has been noted.
    fn default<T>(&mut self, name: &'static str, kind: &Kind<T>) -> Option<T> {
        self.absent(name, kind).flatten()
    }

    /// Reads a setting that may stay unset. `None` is a fault that has been noted.
    #[expect(clippy::option_option, reason = "outside: was it readable; inside: was it given")]
    fn absent<T>(&mut self, name: &'static str, kind: &Kind<T>) -> Option<Option<T>> {
        let Some(given) = self.effective.get(name) else { return Some(None) };
        let text = given.text.as_ref()?;
        let value = (kind.parse)(text.expose());
        if value.is_none() {
            let shown = if given.secret { String::new() } else { format!(", not {:?}", text.expose()) };
            self.faults.push(Fault::new(&given.place, format!("must be {}{shown}", kind.expects)));
        }
        value.map(Some)
    }

    fn place(&self, name: &'static str) -> String {
        self.effective.get(name).map_or_else(|| name.to_owned(), |given| given.place.clone())
    }
}

impl Config {
    /// Reads the settings from the environment (pairs as the process has them) and the command line.
    ///
    /// # Errors
    ///
    /// [`Faults`] with every fault of every layer: unknown names with the nearest known one, unreadable files,
    /// values that are not of their kind, and settings that contradict one another.
    pub fn load<K, V>(environment: impl IntoIterator<Item = (K, V)>, flags: Flags) -> Result<Self, Faults>
    where
        K: Into<OsString>,
        V: Into<OsString>,
    {
        let environment: Vec<_> = environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let mut others = Vec::new();
        let telemetry = telemetry::read(&environment, &mut others);
        let (effective, mut faults) = layers::resolve(environment, flags);
        faults.append(&mut others);
        let mut values = Values { effective, faults };
        let draft = Draft::read(&mut values);
        draft.check_together(&mut values);
        let Values { effective, faults } = values;
        match draft.finish(telemetry, effective) {
            Some(config) if faults.is_empty() => Ok(config),
            Some(_) | None => Err(Faults::new(faults)),
        }
    }

    /// The origin under which clients reach the server: the public URL, or else the address that it listens on.
    ///
    /// `bound` is the address of the listening socket, which differs from the setting where that leaves the port to
    /// the system (port 0).
    #[must_use]
    pub fn origin(&self, bound: SocketAddr) -> Origin {
        self.public_url.clone().unwrap_or_else(|| Origin::of(bound))
    }

    /// The settings in force and where each comes from, a line each, with secrets as "set" or "not set".
    #[must_use]
    pub fn redacted(&self) -> String {
        let mut text = String::new();
        for setting in SETTINGS {
            let given = self.effective.get(setting.name);
            let value = match (given.and_then(|given| given.text.as_ref()), setting.fallback) {
                (Some(_), _) if setting.secret => "(set)".to_owned(),
                (Some(value), _) if value.expose().is_empty() => "(none)".to_owned(),
                (Some(value), _) => value.expose().clone(),
                (None, Fallback::Absent(meaning) | Fallback::Default(meaning)) => format!("(not set: {meaning})"),
            };
            let place = given.map_or("default", |given| given.place.as_str());
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{:<22}{value}  # {place}", setting.name);
        }
        text
    }
}

impl Draft {
    /// Faults that no single value has.
    fn check_together(&self, values: &mut Values) {
        if let (Some(true), Some(Some(url))) = (self.dev, &self.public_url)
            && url.is_https()
            && !url.is_local()
        {
            let problem = format!(
                "the development mode lets anybody with the admin token move the clock and allows plain-http \
                 redirects, so it is refused with the public URL {url}; unset one of the two"
            );
            values.faults.push(Fault::new(values.place("dev"), problem));
        }
        for (given, missing, name) in [
            (self.smtp_url.as_ref().map(Option::is_some), self.mail_from.as_ref().map(Option::is_none), "smtp_url"),
            (self.mail_from.as_ref().map(Option::is_some), self.smtp_url.as_ref().map(Option::is_none), "mail_from"),
        ] {
            if (given, missing) == (Some(true), Some(true)) {
                let problem = "VESTIBULE_SMTP_URL and VESTIBULE_MAIL_FROM go together: set both, or neither";
                values.faults.push(Fault::new(values.place(name), problem));
            }
        }
        if let (Some(listen), Some(Some(metrics))) = (self.listen, self.metrics_listen)
            && listen == metrics
            && listen.port() != 0
        {
            let problem = format!("must differ from the address of the API, {listen}");
            values.faults.push(Fault::new(values.place("metrics_listen"), problem));
        }
    }
}

/// The variables of this process. Called once, by `main`; everything below takes them as a parameter.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment for settings")]
pub fn environment() -> Vec<(OsString, OsString)> {
    std::env::vars_os().collect()
}

settings! {
    /// Address and port of the API.
    open listen: SocketAddr = kind::ADDRESS, default "127.0.0.1:4100";
    /// Origin under which clients reach the server: it stands in links, token issuers and redirects. No path: the SDKs
    /// cannot carry one.
    open public_url: Option<Origin> = kind::ORIGIN, absent "the listen address, as plain http";
    /// Folder for everything that the server keeps outside of PostgreSQL: the private cluster and the secrets made at
    /// the first start.
    open data_dir: PathBuf = kind::PATH, default "./data";
    /// PostgreSQL 14 or newer, for example `postgres://user:password@host/vestibule?sslmode=verify-full`.
    secret database_url: Option<Secret<String>> = kind::DATABASE_URL, absent "a private cluster in the data directory";
    /// Most connections to PostgreSQL that this process uses at once; it holds one more, to watch over the database.
    open database_connections: u32 = kind::CONNECTIONS, default "16";
    /// Master key that seals what the server must be able to read back: the keys that sign tokens, webhook secrets, tokens
    /// of invitations, what mail says.
    secret secret_key: Option<Secret<String>> = kind::SECRET_KEY, absent "made in the data directory at the first start";
    /// API key of the first environment. Added at the start if it is not there yet.
    secret api_key: Option<Secret<String>> = kind::API_KEY, absent "made and printed once";
    /// Client id of the first environment. It stands in tokens, so it cannot be changed later: another one ends the start.
    open client_id: Option<String> = kind::CLIENT_ID, absent "made and printed once";
    /// Operator's token for the admin API.
    secret admin_token: Option<Secret<String>> = kind::ADMIN_TOKEN, absent "made and printed once";
    /// Seed file that is applied at each start, as by `vestibule apply`.
    open seed: Option<PathBuf> = kind::PATH, absent "nothing is applied";
    /// Development mode: the operator may move the clock. Never for real users; refused with an https public URL that is
    /// not local.
    open dev: bool = kind::SWITCH, default "false";
    /// Address and port for Prometheus metrics, on a listener of its own.
    open metrics_listen: Option<SocketAddr> = kind::ADDRESS, absent "no metrics are served";
    /// Name server that is asked for the TXT records by which domains are verified, for networks with one of their own.
    open dns_server: Option<SocketAddr> = kind::ADDRESS, absent "the name servers of the system";
    /// What is logged: a level, or directives such as `info,vestibule=debug`.
    open log: String = kind::LOG, default "info";
    /// Form of the log lines.
    open log_format: LogFormat = kind::LOG_FORMAT, default "text";
    /// Networks that webhooks may reach although they are not public, for example `127.0.0.0/8`. Only there may they go by
    /// plain http.
    open webhook_allow: Vec<IpNet> = kind::NETWORKS, default "";
    /// Server that mail is sent through, for example `smtp://user:password@host:587?tls=required`.
    secret smtp_url: Option<Secret<String>> = kind::SMTP_URL, absent "mail stays in the outbox, where the admin API shows it";
    /// Address that mail comes from. Goes together with `VESTIBULE_SMTP_URL`.
    open mail_from: Option<String> = kind::MAILBOX, absent "no mail is sent";
    /// Requests per minute that one API key may send; 0 for no limit.
    open rate_limit: Option<NonZeroU32> = kind::RATE, default "0";
    /// Attempts to sign in per minute for one address; 0 for no limit.
    open sign_in_rate_limit: Option<NonZeroU32> = kind::RATE, default "0";
    /// For how long the server still answers after it was told to stop, with `/readyz` at 503, so that a load balancer
    /// sends its requests elsewhere before connections are refused.
    open stop_delay: Duration = kind::STOP_DELAY, default "0";
    /// Most connections of clients that are open at once; more of them wait until one is closed.
    open connection_limit: usize = kind::CLIENTS, default "4096";
    /// Largest request body, in bytes or with KiB or MiB.
    open request_body_limit: usize = kind::BODY_SIZE, default "1MiB";
}
