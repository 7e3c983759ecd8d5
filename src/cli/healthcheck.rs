//! `vestibule healthcheck`: asks the server on this machine how it is.
//!
//! Written for the health check of a container, whose image holds no shell and no curl: one request over a plain
//! socket, without a runtime, in a few milliseconds. The address comes from the settings, so a container that sets
//! the listen address must do so by variable or settings file: the flags of the server are not seen here.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use super::{Healthcheck, Outcome};
use crate::kernel::config::Config;

/// For each of connecting and answering: longer than a ready server needs, and together shorter than the time limit in
/// the Dockerfile.
const PATIENCE: Duration = Duration::from_secs(2);

/// Succeeds if the server answers 200.
///
/// # Errors
///
/// Nothing listens, nothing is answered in time, or the answer has another status.
pub fn run(config: &Config, arguments: &Healthcheck) -> Outcome {
    let address = reachable(config.listen);
    let path = if arguments.live { "/livez" } else { "/readyz" };
    let status = ask(address, path).map_err(|error| format!("no answer from http://{address}{path}: {error}"))?;
    if status.split(' ').nth(1) == Some("200") {
        return Ok(());
    }
    Err(format!("http://{address}{path} answered {:?}", status.trim_end()).into())
}

/// A socket on all interfaces is asked over the loopback interface.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Sends one GET and returns the status line.
fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // In one piece, so that a server that answers at once does not cut it off.
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut status = String::new();
    BufReader::new(stream).read_line(&mut status)?;
    Ok(status)
}
