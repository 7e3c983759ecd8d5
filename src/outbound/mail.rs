//! The way of mail out of the machine: SMTP to the one server that the operator has configured.
//!
//! It sends one message and says what came of it; when to try again is `worker::mail`. Nothing here is logged, for an
//! answer of a server may repeat the address of the recipient.

use std::error::Error;
use std::fmt;
use std::time::{Duration, SystemTime};

use lettre::address::AddressError;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::{self, PoolConfig};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message as Envelope, Tokio1Executor};

use crate::kernel::clock::Timestamp;

/// How long the server may take for a message, from connecting to having taken it over, unless somebody says otherwise.
pub const SEND_TIME: Duration = Duration::from_mins(1);
/// Connections that are kept, and that one server of ours opens at most.
const CONNECTIONS: u32 = 4;

/// The way to the server for mail.
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    send_time: Duration,
}

impl fmt::Debug for Mailer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The transport holds the password.
        f.debug_struct("Mailer").field("from", &self.from).finish_non_exhaustive()
    }
}

/// A message.
#[derive(Debug)]
pub struct Message<'m> {
    /// What tells it from others: the same at each attempt, so that a reader's program can tell that it has it.
    pub id: &'m str,
    /// Who it is for.
    pub to: &'m str,
    /// What it is about.
    pub subject: &'m str,
    /// What it says, as plain text.
    pub text: String,
    /// What it says, as HTML.
    pub html: String,
    /// When it was written.
    pub date: Timestamp,
}

/// Why a message was not sent, in words that may repeat the address of its recipient.
#[derive(Debug)]
pub enum Failure {
    /// It never will be: the server refuses this message or this recipient.
    Refused(String),
    /// It may be at another time, or when the operator has mended something.
    Passing(String),
}

impl Mailer {
    /// The way to the server of this URL (`smtp://user:password@host:587?tls=required`), for mail from this address. The
    /// server may take that long for each.
    ///
    /// # Errors
    ///
    /// When one of the two cannot be read. Settings have been held against that before.
    pub fn new(url: &str, from: &str, send_time: Duration) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let pool = PoolConfig::new().max_size(CONNECTIONS).idle_timeout(Duration::from_secs(30));
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?;
        let transport = transport.timeout(Some(send_time)).pool_config(pool).build();
        let from = from.parse().map_err(|error: AddressError| error.to_string())?;
        Ok(Self { transport, from, send_time })
    }

    /// Sends a message, once. If this fails, the server may have taken it over all the same.
    ///
    /// # Errors
    ///
    /// [`Failure`], which tells whether it is worth another try.
    pub async fn send(&self, message: Message<'_>) -> Result<(), Failure> {
        let envelope = self.envelope(message)?;
        match tokio::time::timeout(self.send_time, self.transport.send(envelope)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(judge(&error)),
            Err(_) => Err(Failure::Passing(format!("the server took longer than {} s", self.send_time.as_secs()))),
        }
    }

    fn envelope(&self, message: Message<'_>) -> Result<Envelope, Failure> {
        let refused = |error: &dyn Error| Failure::Refused(format!("it cannot be written as mail: {error}"));
        let to = message.to.parse().map_err(|error: AddressError| refused(&error))?;
        let millis = u64::try_from(message.date.millis()).unwrap_or_default();
        Envelope::builder()
            .message_id(Some(format!("<{}@{}>", message.id, self.from.email.domain())))
            .date(SystemTime::UNIX_EPOCH + Duration::from_millis(millis))
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(message.subject)
            // Keeps away answers that nobody would read (RFC 3834, 5).
            .raw_header(HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned()))
            .multipart(MultiPart::alternative_plain_html(message.text, message.html))
            .map_err(|error| refused(&error))
    }
}

/// A permanent answer is about the message, unless it is about our commands or about who we are: then it is for the
/// operator to mend.
fn judge(error: &smtp::Error) -> Failure {
    let about_us = |code: u16| (500..=504).contains(&code) || (530..=539).contains(&code);
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        source = cause.source();
    }
    match error.status().map(u16::from) {
        Some(code) if error.is_permanent() && !about_us(code) => Failure::Refused(words),
        _ => Failure::Passing(words),
    }
}
