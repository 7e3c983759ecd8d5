//! Look-ups in the DNS: what TXT records a name has.
//!
//! Answers are not kept: whoever asks wants to know what the name servers say now. What is asked for comes from
//! applications, so everything is bounded: the tries, their time, and (by the protocol) the size of an answer. Never
//! called inside a transaction.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ProtocolConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::system_conf::read_system_conf;

/// For how long a name server may think, each time that it is asked.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often it is asked again.
const RETRIES: usize = 1;
/// For how long a look-up may take, whatever the name servers do.
const DEADLINE: Duration = Duration::from_secs(10);

/// Why a look-up says nothing: neither that there are records nor that there are none.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text cannot be a name in the DNS.
    #[error("the name cannot be looked up")]
    Name,
    /// It is not known whom to ask.
    #[error("no name server is known; set VESTIBULE_DNS_SERVER ({0})")]
    NoServer(NetError),
    /// The name servers did not answer in time.
    #[error("no name server answered in time")]
    Timeout,
    /// They could not tell.
    #[error("the name servers could not tell: {0}")]
    Failed(NetError),
}

/// Looks names up. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Resolver {
    server: Option<SocketAddr>,
}

impl Resolver {
    /// Asks this name server, or those that the system is configured to ask.
    pub fn new(server: Option<SocketAddr>) -> Self {
        Self { server }
    }

    /// The name servers that are asked.
    ///
    /// # Errors
    ///
    /// When the system does not tell of its own.
    pub fn servers(&self) -> Result<Vec<SocketAddr>, Error> {
        if let Some(server) = self.server {
            return Ok(vec![server]);
        }
        let (config, _) = read_system_conf().map_err(Error::NoServer)?;
        let port = |server: &NameServerConfig| server.connections.first().map_or(53, |connection| connection.port);
        Ok(config.name_servers().iter().map(|server| SocketAddr::new(server.ip, port(server))).collect())
    }

    /// The texts of the TXT records of a name, each put together of its strings (RFC 1035, 3.3.14; RFC 7208, 3.3).
    /// None where the name or the records do not exist.
    ///
    /// # Errors
    ///
    /// When nobody could be asked, nobody answered, or they failed themselves: then it is not known what there is.
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, Error> {
        // With a dot at its end it is looked up as it is, and not below the domains that this machine searches.
        let name = hickory_resolver::proto::rr::Name::from_ascii(format!("{}.", name.trim_end_matches('.')));
        let name = name.map_err(|_| Error::Name)?;
        let resolver = self.build().map_err(Error::NoServer)?;
        let answer = tokio::time::timeout(DEADLINE, resolver.lookup(name, RecordType::TXT)).await;
        match answer.map_err(|_| Error::Timeout)? {
            Ok(found) => Ok(found.answers().iter().filter_map(|record| text(&record.data)).collect()),
            Err(error) if error.is_no_records_found() => Ok(Vec::new()),
            Err(NetError::Timeout) => Err(Error::Timeout),
            Err(error) => Err(Error::Failed(error)),
        }
    }

    /// Made anew for each look-up, which costs little beside it: the system's settings change while a server runs, and
    /// nothing that one look-up learnt of a name server may delay the next.
    fn build(&self) -> Result<TokioResolver, NetError> {
        let mut builder = match self.server {
            None => TokioResolver::builder_tokio()?,
            Some(address) => {
                let over = |protocol| {
                    let mut connection = ConnectionConfig::new(protocol);
                    connection.port = address.port();
                    connection
                };
                let connections = vec![over(ProtocolConfig::Udp), over(ProtocolConfig::Tcp)];
                let server = NameServerConfig::new(address.ip(), true, connections);
                let config = ResolverConfig::from_name_servers(vec![server]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        set(builder.options_mut());
        builder.build()
    }
}

fn set(options: &mut ResolverOpts) {
    options.timeout = PATIENCE;
    options.attempts = RETRIES;
    options.cache_size = 0;
    options.use_hosts_file = ResolveHosts::Never;
    // Whoever would forge an answer from afar has to guess the case of each letter as well.
    options.case_randomization = true;
}

/// The text of a TXT record; None for others, such as the aliases that led to it.
fn text(data: &RData) -> Option<String> {
    let RData::TXT(txt) = data else { return None };
    Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned())
}
