//! The one client for requests to addresses that somebody gave us: webhooks first of all.
//!
//! Such an address may be chosen by an attacker, so that our server does what his own machine cannot: reach what is
//! behind the firewall. Therefore:
//!
//! - a name is looked up once, every address is judged by [`networks`], and the connection goes to
//!   one of those that passed, so that an answer that changes in between changes nothing;
//! - an address in the URL itself is judged in whatever spelling (decimal, octal, hexadecimal, IPv6 around IPv4), for
//!   the URL is read as browsers read it before anything is looked at;
//! - redirects are not followed, proxies of the environment are not used, and an answer is read up to a limit of bytes
//!   and of time;
//! - plain http, and ports below 1024 other than 443, are for the networks that the operator allowed.
//!
//! The roots of TLS are those of the machine (`SSL_CERT_FILE` and `SSL_CERT_DIR` included); where it has none, as in a
//! bare container, those of Mozilla that are built in. Nobody calls this inside a transaction.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, Method};
use bytes::Bytes;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::RootCertStore;
use rustls::crypto::aws_lc_rs;
use tokio::sync::Semaphore;
use url::{Host, Url};

use super::networks::{self, Networks};

/// How long a connection may take to come about, its look-up and its handshake included.
const CONNECT_TIME: Duration = Duration::from_secs(5);
/// Connections that are kept open to one host for the next requests.
const IDLE_CONNECTIONS: usize = 64;
/// For how long they are kept.
const IDLE_TIME: Duration = Duration::from_secs(30);
/// More headers than any answer needs.
const MOST_HEADERS: usize = 100;

/// What a look-up answers, in time.
pub type Found = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Finds the addresses of a name. A value, so that tests decide what is answered.
pub type Lookup = Arc<dyn Fn(String) -> Found + Send + Sync>;

/// A request.
#[derive(Debug)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// Of whom.
    pub url: Url,
    /// With these headers.
    pub headers: HeaderMap,
    /// With this body.
    pub body: Bytes,
    /// How long all of it may take, up to the last byte of the answer.
    pub timeout: Duration,
    /// How many bytes of the answer's body are of use. The rest is not read.
    pub keep: usize,
}

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, or the beginning of it.
    pub body: Vec<u8>,
    /// Whether there was more of the body.
    pub is_cut: bool,
}

/// Why there is no answer. The words are for whoever set the address, and hold nothing of the URL but its host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The URL is not one that requests are sent to.
    #[error("the URL {0}")]
    Url(&'static str),
    /// The host is, or has, no address that may be reached.
    #[error(
        "{host} has no address that requests may go to; only public addresses, and the networks in \
         VESTIBULE_WEBHOOK_ALLOW, may be reached"
    )]
    Closed {
        /// The host, as it was looked up.
        host: String,
    },
    /// What may be reached only in networks that the operator allowed.
    #[error(
        "{host} may be reached only by https, at port 443 or one from 1024 on, unless its address is in \
         VESTIBULE_WEBHOOK_ALLOW"
    )]
    Unusual {
        /// The host, as it was looked up.
        host: String,
    },
    /// The name could not be looked up.
    #[error("{host} could not be looked up: {reason}")]
    Lookup {
        /// The name.
        host: String,
        /// What the resolver says.
        reason: String,
    },
    /// It took too long.
    #[error("no complete answer within {} seconds", .0.as_secs_f32())]
    Timeout(Duration),
    /// No connection came about, or it broke.
    #[error("{0}")]
    Transport(String),
}

/// The client. Cheap to clone; clones share connections.
#[derive(Clone)]
pub struct Client {
    allowed: Networks,
    /// For https on an ordinary port.
    usual: reqwest::Client,
    /// For everything else.
    unusual: reqwest::Client,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that reaches the public internet and these networks.
    ///
    /// # Errors
    ///
    /// When TLS cannot be set up.
    pub fn new(allowed: Networks, lookup: &Lookup) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let tls = tls()?;
        let build = |public: bool| {
            reqwest::Client::builder()
                .tls_backend_preconfigured(tls.clone())
                .dns_resolver(Arc::new(Resolver { allowed: allowed.clone(), public, lookup: lookup.clone() }))
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .referer(false)
                .http1_only()
                .http1_max_headers(MOST_HEADERS)
                .connect_timeout(CONNECT_TIME)
                .pool_max_idle_per_host(IDLE_CONNECTIONS)
                .pool_idle_timeout(IDLE_TIME)
                .tcp_nodelay(true)
                .user_agent(concat!("Vestibule/", env!("CARGO_PKG_VERSION")))
                .build()
        };
        let (usual, unusual) = (build(true)?, build(false)?);
        Ok(Self { allowed, usual, unusual })
    }

    /// Reads a URL that somebody gave us, and refuses what could never be reached. Names are not looked up yet: what
    /// they lead to may change, and is judged at each connection.
    ///
    /// # Errors
    ///
    /// [`Failure::Url`], [`Failure::Closed`] or [`Failure::Unusual`].
    pub fn admit(&self, text: &str) -> Result<Url, Failure> {
        let url = Url::parse(text).map_err(|_| Failure::Url("cannot be read as an absolute URL"))?;
        self.judge(&url)?;
        Ok(url)
    }

    fn judge(&self, url: &Url) -> Result<(), Failure> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Failure::Url("must begin with https://, or with http:// for a network that is allowed"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Failure::Url("must not hold a user name or a password"));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) if self.allowed.is_empty() && !is_usual(url) => return Err(unusual(url)),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(Failure::Url("must name a host")),
        };
        match (self.allowed.contain(address), networks::is_public(address)) {
            (true, _) => Ok(()),
            (false, true) if is_usual(url) => Ok(()),
            (false, true) => Err(unusual(url)),
            (false, false) => Err(Failure::Closed { host: host(url) }),
        }
    }

    /// Sends a request and reads the answer.
    ///
    /// # Errors
    ///
    /// Why there is none. An answer of whatever status is no error.
    pub async fn send(&self, request: Request) -> Result<Response, Failure> {
        let Request { method, url, headers, body, timeout, keep } = request;
        self.judge(&url)?;
        let client = if is_usual(&url) { &self.usual } else { &self.unusual };
        let exchange = async {
            let answer = client.request(method, url).headers(headers).body(body).send().await?;
            read(answer, keep).await
        };
        match tokio::time::timeout(timeout, exchange).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(failure(error)),
            Err(_) => Err(Failure::Timeout(timeout)),
        }
    }
}

async fn read(mut answer: reqwest::Response, keep: usize) -> reqwest::Result<Response> {
    let (status, headers) = (answer.status().as_u16(), std::mem::take(answer.headers_mut()));
    let mut body = Vec::new();
    let mut is_cut = false;
    while let Some(chunk) = answer.chunk().await? {
        let room = keep - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        if chunk.len() > room {
            is_cut = true;
            break;
        }
    }
    Ok(Response { status, headers, body, is_cut })
}

/// Whether this is https on a port where nothing else is expected.
fn is_usual(url: &Url) -> bool {
    url.scheme() == "https" && url.port_or_known_default().is_some_and(|port| port == 443 || port >= 1024)
}

fn host(url: &Url) -> String {
    url.host_str().unwrap_or_default().to_owned()
}

fn unusual(url: &Url) -> Failure {
    Failure::Unusual { host: host(url) }
}

/// Finds our own failure among the causes, or words the causes.
fn failure(error: reqwest::Error) -> Failure {
    if error.is_timeout() && error.is_connect() {
        return Failure::Timeout(CONNECT_TIME);
    }
    let error = error.without_url();
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&error);
    let mut words: Vec<String> = Vec::new();
    while let Some(cause) = next {
        if let Some(failure) = cause.downcast_ref::<Failure>() {
            return failure.clone();
        }
        words.push(cause.to_string());
        next = cause.source();
    }
    words.dedup();
    Failure::Transport(words.join(": "))
}

/// Finds the addresses of names for a client, and hands out only those that may be reached.
struct Resolver {
    allowed: Networks,
    /// Whether public addresses may be reached.
    public: bool,
    lookup: Lookup,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let (allowed, public, found) = (self.allowed.clone(), self.public, (self.lookup)(host.clone()));
        Box::pin(async move {
            let found =
                found.await.map_err(|error| Failure::Lookup { host: host.clone(), reason: error.to_string() })?;
            let is_open = |address: &IpAddr| public && networks::is_public(*address);
            let may: Vec<_> =
                found.iter().filter(|address| is_open(address) || allowed.contain(**address)).copied().collect();
            if !may.is_empty() {
                return Ok(Box::new(may.into_iter().map(|address| SocketAddr::new(address, 0))) as Addrs);
            }
            let failure = if found.iter().any(|address| networks::is_public(*address)) {
                Failure::Unusual { host }
            } else {
                Failure::Closed { host }
            };
            Err(failure.into())
        })
    }
}

/// Names that are looked up at once. Each takes a thread for as long as its name server is silent, also when nobody waits
/// for it any more, and there are not many.
const LOOKUPS: usize = 64;

/// The look-up of the machine: `/etc/hosts`, then DNS, as its other programs do it.
pub fn machine() -> Lookup {
    let places = Arc::new(Semaphore::new(LOOKUPS));
    Arc::new(move |host| {
        let places = Arc::clone(&places);
        Box::pin(async move {
            let place = places.acquire_owned().await.map_err(io::Error::other)?;
            let found = tokio::task::spawn_blocking(move || {
                let found = (host.as_str(), 0).to_socket_addrs();
                drop(place);
                found
            });
            Ok(found.await??.map(|address| address.ip()).collect())
        })
    })
}

fn tls() -> Result<rustls::ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}
