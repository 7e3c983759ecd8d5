//! Mail: written in the transaction of what causes it, so that nobody is told of what did not happen, and nothing that
//! happened is left untold. Sending it is `worker::mail`; without a server for mail it stays where it is.

use std::fmt::Write as _;

use crate::db::Tx;
use crate::kernel::Result;
use crate::kernel::clock::Timestamp;
use crate::kernel::crypto::Keyring;
use crate::kernel::id::MailId;
use crate::model::mail::Body;
use crate::store;
use crate::store::mail::New;

/// The longest subject, in characters. What it is made of, names of organizations, can be longer.
const LONGEST_SUBJECT: usize = 150;

/// What a message is to say. Everything in it may come from anybody: it is text, never markup.
#[derive(Debug)]
pub struct Letter {
    /// What it is about.
    pub subject: String,
    /// What it says first.
    pub opening: String,
    /// What the reader can do: what it is called, and the address that does it.
    pub action: Option<(&'static str, String)>,
    /// What it says at the end.
    pub closing: &'static str,
}

/// Writes a message to somebody, to be sent until this moment.
pub async fn post(
    tx: &mut Tx,
    keyring: &Keyring,
    recipient: &str,
    letter: &Letter,
    expires_at: Timestamp,
) -> Result<MailId> {
    let id: MailId = tx.mint();
    let sealed = Body { text: letter.text(), html: letter.html() }.seal(keyring, &id)?;
    let subject = line(&letter.subject, LONGEST_SUBJECT);
    let new = New { id: &id, recipient, subject: &subject, sealed: &sealed, expires_at };
    let now = tx.now();
    store::mail::insert(tx, new, now).await?;
    tx.ring_mail();
    Ok(id)
}

impl Letter {
    fn text(&self) -> String {
        let mut text = format!("{}\n\n", line(&self.opening, usize::MAX));
        if let Some((name, url)) = &self.action {
            // Writing to a String cannot fail.
            let _ = write!(text, "{name}: {url}\n\n");
        }
        text.push_str(self.closing);
        text.push('\n');
        text
    }

    fn html(&self) -> String {
        let mut html = String::from("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"></head><body>\n");
        let _ = writeln!(html, "<p>{}</p>", escaped(&line(&self.opening, usize::MAX)));
        if let Some((name, url)) = &self.action {
            let url = escaped(url);
            let _ = writeln!(html, "<p><a href=\"{url}\">{}</a></p>\n<p>{url}</p>", escaped(name));
        }
        let _ = writeln!(html, "<p>{}</p>\n</body></html>", escaped(self.closing));
        html
    }
}

/// The text on one line, without control characters, cut where it is too long.
fn line(text: &str, most: usize) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let trimmed = plain.trim();
    if trimmed.chars().count() <= most {
        return trimmed.to_owned();
    }
    trimmed.chars().take(most.saturating_sub(1)).chain(['…']).collect()
}

/// The text as HTML shows it, in an element or in a quoted attribute.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            _ => escaped.push(c),
        }
    }
    escaped
}
