//! The kinds of values that settings have: how each is worded and how it is read.
//!
//! A kind is a constant, so that the table of settings can name it. It answers `None` for a value that is not of its
//! kind and leaves the wording to the loader, which alone knows whether the value may be shown.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use lettre::message::Mailbox;
use tracing_subscriber::EnvFilter;
use url::Url;

use super::Origin;
use crate::kernel::secret::Secret;

/// How values of one kind are worded and read.
pub struct Kind<T> {
    /// What a value must be, to follow "must be".
    pub expects: &'static str,
    /// How many values there are.
    pub shape: Shape,
    /// Reads a value; `None` if it is not of this kind.
    pub parse: fn(&str) -> Option<T>,
}

/// How many values a setting has, which decides what a settings file and a flag may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One value.
    One,
    /// True or false; the flag alone means true.
    Switch,
    /// Any number: a list in the settings file, separated by commas elsewhere.
    List,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

/// A socket address.
pub const ADDRESS: Kind<SocketAddr> = Kind {
    expects: "an IP address and a port, such as 127.0.0.1:4100 or [::]:4100",
    shape: Shape::One,
    parse: |text| text.parse().ok(),
};

/// An origin: see [`Origin`].
pub const ORIGIN: Kind<Origin> = Kind {
    expects: "http:// or https:// with a host and optionally a port, without a path, such as https://id.example.com",
    shape: Shape::One,
    parse: Origin::parse,
};

/// A path of a file or folder, which need not exist yet.
pub const PATH: Kind<PathBuf> =
    Kind { expects: "a path", shape: Shape::One, parse: |text| (!text.is_empty()).then(|| PathBuf::from(text)) };

/// True or false.
pub const SWITCH: Kind<bool> = Kind {
    expects: "true or false",
    shape: Shape::Switch,
    parse: |text| match text {
        "true" | "1" => Some(true),
        "false" | "0" => Some(false),
        _ => None,
    },
};

/// The address of a PostgreSQL database.
pub const DATABASE_URL: Kind<Secret<String>> = Kind {
    expects: "a PostgreSQL address, such as postgres://user:password@host:5432/vestibule",
    shape: Shape::One,
    parse: |text| {
        let url = Url::parse(text).ok()?;
        matches!(url.scheme(), "postgres" | "postgresql").then(|| Secret::new(text.to_owned()))
    },
};

/// The address of a server for mail. A password goes out only encrypted, or over this machine's own loopback.
pub const SMTP_URL: Kind<Secret<String>> = Kind {
    expects: "smtps://user:password@host, smtp://user:password@host:587?tls=required, or smtp://host without a password \
              (tls=required or tls=opportunistic may follow)",
    shape: Shape::One,
    parse: |text| {
        let url = Url::parse(text).ok()?;
        let tls = match (url.scheme(), url.query()) {
            ("smtps", None) | ("smtp", Some("tls=required")) => true,
            ("smtp", None | Some("tls=opportunistic")) => false,
            _ => return None,
        };
        let whole = url.username().is_empty() == url.password().is_none();
        let safe = tls || url.password().is_none() || Origin::parse(&format!("http://{}", url.host_str()?))?.is_local();
        (whole && safe && !url.host_str()?.is_empty()).then(|| Secret::new(text.to_owned()))
    },
};

/// An address that mail comes from, with or without a name.
pub const MAILBOX: Kind<String> = Kind {
    expects: "an e-mail address, with or without a name, such as Example <no-reply@example.com>",
    shape: Shape::One,
    parse: |text| text.parse::<Mailbox>().ok().map(|_| text.to_owned()),
};

/// Size of the connection pool. The lower bound leaves a connection for the workers beside a request.
pub const CONNECTIONS: Kind<u32> = Kind {
    expects: "a number from 2 to 1000",
    shape: Shape::One,
    parse: |text| text.parse().ok().filter(|count| (2..=1000).contains(count)),
};

/// How many clients may be connected. The lower bound keeps a health check possible beside an application's pool.
pub const CLIENTS: Kind<usize> = Kind {
    expects: "a number from 16 to 1000000",
    shape: Shape::One,
    parse: |text| text.parse().ok().filter(|count| (16..=1_000_000).contains(count)),
};

/// A master key: see [`decode_key`].
pub const SECRET_KEY: Kind<Secret<String>> = Kind {
    expects: "32 random bytes in base64 or hexadecimal, as made by `openssl rand -base64 32`",
    shape: Shape::One,
    parse: |text| decode_key(text).map(|_| Secret::new(text.to_owned())),
};

/// An API key of the form that SDKs send.
pub const API_KEY: Kind<Secret<String>> = Kind {
    expects: "`sk_` and at least 8 letters, digits, `_` or `-`, and no placeholder",
    shape: Shape::One,
    parse: |text| {
        let rest = text.strip_prefix("sk_")?;
        (rest.len() >= 8 && is_word(rest) && !is_placeholder(text)).then(|| Secret::new(text.to_owned()))
    },
};

/// A client id of the form that SDKs send.
pub const CLIENT_ID: Kind<String> = Kind {
    expects: "`client_` followed by letters, digits, `_` or `-`",
    shape: Shape::One,
    parse: |text| {
        let rest = text.strip_prefix("client_")?;
        (!rest.is_empty() && is_word(rest)).then(|| text.to_owned())
    },
};

/// A bearer token that an operator chose. It opens everything, so short and well-known ones are refused.
pub const ADMIN_TOKEN: Kind<Secret<String>> = Kind {
    expects: "at least 20 visible ASCII characters and no placeholder such as `changeme`; \
              `openssl rand -hex 32` makes a good one",
    shape: Shape::One,
    parse: |text| {
        let sendable = text.bytes().all(|byte| byte.is_ascii_graphic());
        (text.len() >= 20 && sendable && !is_placeholder(text)).then(|| Secret::new(text.to_owned()))
    },
};

/// Directives for the log. A lone word must be a level: the filter would take a mistyped level for the name of a module
/// and silence everything else.
pub const LOG: Kind<String> = Kind {
    expects: "off, error, warn, info, debug or trace, or directives such as info,vestibule=debug",
    shape: Shape::One,
    parse: |text| {
        let is_level = |word: &str| word.parse::<tracing::level_filters::LevelFilter>().is_ok();
        let known = text.split(',').all(|directive| directive.contains(['=', '[']) || is_level(directive.trim()));
        (known && EnvFilter::try_new(text).is_ok()).then(|| text.to_owned())
    },
};

/// The form of log lines.
pub const LOG_FORMAT: Kind<LogFormat> = Kind {
    expects: "text or json",
    shape: Shape::One,
    parse: |text| match text {
        "text" => Some(LogFormat::Text),
        "json" => Some(LogFormat::Json),
        _ => None,
    },
};

/// A rate where 0 switches the limit off.
pub const RATE: Kind<Option<NonZeroU32>> = Kind {
    expects: "a number per minute, or 0 for no limit",
    shape: Shape::One,
    parse: |text| text.parse().ok().map(NonZeroU32::new),
};

/// A short while. Together with the time for requests that run, it stays below what supervisors wait for.
pub const STOP_DELAY: Kind<Duration> = Kind {
    expects: "a number of seconds from 0 to 20",
    shape: Shape::One,
    parse: |text| text.parse().ok().filter(|seconds| *seconds <= 20).map(Duration::from_secs),
};

/// Networks. A bare address counts as the network of it alone; bits behind the prefix are a slip that would name another
/// network than was meant.
pub const NETWORKS: Kind<Vec<IpNet>> = Kind {
    expects: "networks such as 127.0.0.0/8, separated by commas",
    shape: Shape::List,
    parse: |text| {
        let network = |text: &str| match text.parse::<IpNet>() {
            Ok(network) => (network == network.trunc()).then_some(network),
            Err(_) => text.parse::<IpAddr>().ok().map(IpNet::from),
        };
        text.split(',').map(str::trim).filter(|text| !text.is_empty()).map(network).collect()
    },
};

/// Size of a request body. The bounds keep out units that were mixed up.
pub const BODY_SIZE: Kind<usize> = Kind {
    expects: "a size from 1KiB to 64MiB, in bytes or with KiB or MiB",
    shape: Shape::One,
    parse: |text| {
        let (number, unit) = match (text.strip_suffix("KiB"), text.strip_suffix("MiB")) {
            (Some(number), _) => (number, 1 << 10),
            (None, Some(number)) => (number, 1 << 20),
            (None, None) => (text, 1),
        };
        let size = number.trim_end().parse::<usize>().ok()?.checked_mul(unit)?;
        (1 << 10..=64 << 20).contains(&size).then_some(size)
    },
};

/// The 32 bytes of a master key written in base64 or hexadecimal. A key of one repeated byte is nobody's random key
/// and is refused.
#[must_use]
pub fn decode_key(text: &str) -> Option<[u8; 32]> {
    let bytes = hex::decode(text).or_else(|_| STANDARD.decode(text)).ok()?;
    let key = <[u8; 32]>::try_from(bytes).ok()?;
    key.iter().any(|byte| *byte != key[0]).then_some(key)
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Whether a secret was copied from an example or typed to get past the length.
fn is_placeholder(text: &str) -> bool {
    let letters: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    let first = letters.chars().next();
    ["changeme", "changethis", "replaceme", "placeholder", "yoursecret"].iter().any(|word| letters.contains(word))
        || letters.chars().all(|letter| Some(letter) == first)
}
