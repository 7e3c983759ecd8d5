//! An origin: scheme, host and port, and nothing after them. The form of every public address of the server.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use url::{Host, Url};

/// An http or https origin, written without a trailing slash and without the scheme's own port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    text: String,
    https: bool,
    local: bool,
}

impl Origin {
    /// Reads an origin; `None` for another scheme and for anything besides scheme, host and port.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let bare = matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        let local = is_local(&url.host()?);
        bare.then(|| Self { text: url.origin().ascii_serialization(), https: url.scheme() == "https", local })
    }

    /// The plain-http origin of a listening socket. A socket on all interfaces has no address of its own that a client
    /// could dial, so it is called localhost.
    #[must_use]
    pub fn of(address: SocketAddr) -> Self {
        let (ip, port) = (address.ip(), address.port());
        let host = match ip {
            _ if ip.is_unspecified() => "localhost".to_owned(),
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let text = if port == 80 { format!("http://{host}") } else { format!("http://{host}:{port}") };
        Self { text, https: false, local: ip.is_unspecified() || ip.is_loopback() }
    }

    /// The origin as it stands before a path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the scheme is https; cookies are marked `Secure` then.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Whether only this machine can mean it: loopback addresses, and the names that RFC 6761 keeps from the public DNS
    /// (`localhost` and `test`, with everything below them).
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.local
    }
}

fn is_local(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => {
            let top = name.trim_end_matches('.').rsplit('.').next();
            matches!(top, Some("localhost" | "test"))
        }
        Host::Ipv4(ip) => ip.is_loopback(),
        Host::Ipv6(ip) => ip.is_loopback(),
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
