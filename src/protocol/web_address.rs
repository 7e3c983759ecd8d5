//! Addresses that applications configure: redirect URIs, origins of pages, and resource indicators.
//!
//! Only their form is decided here, strictly: whoever can have people sent to an address of their own, has their codes.
//! Two of the three may hold one `*`, in few places. Problems are worded to follow the name of the field.

use url::{Host, Url};

use crate::kernel::config::Origin;

/// No address that anybody means is longer.
const LONGEST: usize = 2048;

/// Where plain http is good enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plain {
    /// On this machine, where nobody listens in (RFC 8252, 7.3).
    Local,
    /// Everywhere: for development.
    Anywhere,
}

/// What is to know of an address that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pattern {
    /// Whether it stands for many addresses.
    pub is_wildcard: bool,
}

/// What is wrong, to follow the name of the field.
pub type Problem = &'static str;

/// Where the `*` stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wildcard {
    None,
    /// Within the first label of the host: `https://*.example.com`, `https://pr-*.example.com`.
    Label,
    /// For the port: `http://localhost:*`.
    Port,
    /// For the last segment of the path.
    Segment,
}

/// An address that sign-in may send people back to.
///
/// It is https, http where that is good enough, or a scheme of an application's own (RFC 8252, 7.1). A `*` may stand in
/// the first label of the host, or for the port of a local one.
pub fn redirect_uri(text: &str, plain: Plain) -> Result<Pattern, Problem> {
    let (url, wildcard) = parse(text)?;
    if wildcard == Wildcard::Segment {
        return Err("may have its * only in the first label of the host, or as the port of a local one");
    }
    if matches!(url.scheme(), "http" | "https") {
        check_web(&url, wildcard, plain)?;
    } else {
        check_own_scheme(&url, wildcard)?;
    }
    Ok(Pattern { is_wildcard: wildcard != Wildcard::None })
}

/// A page that people are sent to with something in the query.
pub fn page(text: &str, plain: Plain) -> Result<(), Problem> {
    let (url, wildcard) = parse(text)?;
    if wildcard != Wildcard::None {
        return Err("must not have a *");
    }
    check_web(&url, wildcard, plain)
}

/// A server that tokens can be asked for (RFC 8707, 2): an absolute address of the web without a fragment. A `*` may
/// stand in the first label of the host or for the last segment of the path.
pub fn resource(text: &str, plain: Plain) -> Result<Pattern, Problem> {
    let (url, wildcard) = parse(text)?;
    if wildcard == Wildcard::Port {
        return Err("may have its * only in the first label of the host or as the last segment of the path");
    }
    check_web(&url, wildcard, plain)?;
    Ok(Pattern { is_wildcard: wildcard != Wildcard::None })
}

/// The origin of pages, in the form in which browsers name it (RFC 6454, 6.2).
pub fn origin(text: &str, plain: Plain) -> Result<String, Problem> {
    let origin = Origin::parse(text)
        .filter(|_| text.len() <= LONGEST && !text.contains('*'))
        .ok_or("must be http:// or https:// with a host and optionally a port, and nothing else")?;
    if origin.is_https() || origin.is_local() || plain == Plain::Anywhere {
        return Ok(origin.as_str().to_owned());
    }
    Err(NEEDS_HTTPS)
}

const NEEDS_HTTPS: Problem = "must be https, unless its host is of this machine (localhost, 127.0.0.1, [::1])";

/// The address, with something harmless in the place of its `*`.
fn parse(text: &str) -> Result<(Url, Wildcard), Problem> {
    if text.len() > LONGEST {
        return Err("must have at most 2048 characters");
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) || text.contains('\\') {
        return Err("must be of visible ASCII characters other than \\");
    }
    let (candidate, wildcard) = without_wildcard(text)?;
    let url = Url::parse(&candidate).map_err(|_| "must be an absolute URI")?;
    if text.contains('#') {
        return Err("must not have a fragment");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or a password");
    }
    Ok((url, wildcard))
}

fn without_wildcard(text: &str) -> Result<(String, Wildcard), Problem> {
    match text.bytes().filter(|byte| *byte == b'*').count() {
        0 => return Ok((text.to_owned(), Wildcard::None)),
        1 => {}
        _ => return Err("may have one * at most"),
    }
    const MISPLACED: Problem = "has its * where none may stand";
    let (scheme, rest) = text.split_once("://").ok_or(MISPLACED)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if let Some(host) = authority.strip_suffix(":*") {
        return Ok((format!("{scheme}://{host}{path}"), Wildcard::Port));
    }
    if authority.split('.').next().is_some_and(|label| label.contains('*')) {
        return Ok((text.replace('*', "w"), Wildcard::Label));
    }
    if path.ends_with("/*") && !path.contains('?') {
        return Ok((text.replace('*', "w"), Wildcard::Segment));
    }
    Err(MISPLACED)
}

fn check_web(url: &Url, wildcard: Wildcard, plain: Plain) -> Result<(), Problem> {
    let local = is_local(url);
    match url.scheme() {
        "https" => {}
        "http" if local || plain == Plain::Anywhere => {}
        "http" => return Err(NEEDS_HTTPS),
        _ => return Err("must be http or https"),
    }
    match (wildcard, url.host()) {
        (Wildcard::None | Wildcard::Segment, _) => Ok(()),
        (Wildcard::Port, _) if local => Ok(()),
        (Wildcard::Port, _) => Err("may have * as its port only if its host is of this machine"),
        (Wildcard::Label, Some(Host::Domain(name))) if local || has_owner(name) => Ok(()),
        (Wildcard::Label, _) => Err("must not have its * where anybody can register a name"),
    }
}

fn is_local(url: &Url) -> bool {
    Origin::parse(&url.origin().ascii_serialization()).is_some_and(|origin| origin.is_local())
}

/// Whether what follows the first label belongs to somebody: it is no public suffix, such as `com`, `co.uk` or a host
/// of everybody's pages.
fn has_owner(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name.split_once('.').is_some_and(|(_, parent)| psl::domain(parent.as_bytes()).is_some())
}

/// Schemes that a browser would act upon itself instead of handing them to an application.
const NO_APPLICATION: [&str; 14] = [
    "about",
    "blob",
    "chrome",
    "data",
    "file",
    "filesystem",
    "ftp",
    "intent",
    "javascript",
    "mailto",
    "resource",
    "vbscript",
    "view-source",
    "ws",
];

fn check_own_scheme(url: &Url, wildcard: Wildcard) -> Result<(), Problem> {
    if NO_APPLICATION.contains(&url.scheme()) || url.scheme() == "wss" {
        return Err("must be http, https or a scheme of the application's own");
    }
    if wildcard == Wildcard::None { Ok(()) } else { Err("may have a * only with http or https") }
}
