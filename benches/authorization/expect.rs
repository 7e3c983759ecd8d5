//! A request and what must come back.

use std::sync::Arc;

use super::common::client;

/// A request, as bytes, with the answer to it.
#[derive(Debug, Clone)]
pub struct Question {
    pub request: Vec<u8>,
    pub status: u16,
    pub answer: Answer,
}

impl Question {
    pub fn judge(&self, answer: &client::Answer<'_>) -> Verdict {
        if answer.status != self.status {
            return Verdict::Wrong(format!("answered {}", answer.status));
        }
        self.answer.judge(answer.body)
    }
}

/// What the body must say.
#[derive(Debug, Clone)]
pub enum Answer {
    /// Anything: the status says it.
    Any,
    /// This name with this value.
    Says(&'static str, &'static str),
    /// Exactly these ids of this kind under this name, in this order.
    Ids { name: &'static str, prefix: &'static str, ids: Vec<String> },
    /// Some of these numbers, each behind this prefix, and at least so many different ones; in any order, and the same
    /// one several times. What some servers answer is cut off.
    Some { name: &'static str, prefix: &'static str, ids: Arc<[u32]>, least: usize },
}

/// What an answer was.
#[derive(Debug)]
pub enum Verdict {
    Right,
    /// True, and cut off before it had to be.
    Short,
    Wrong(String),
}

impl Verdict {
    fn unless(right: bool, fault: impl FnOnce() -> String) -> Self {
        if right { Self::Right } else { Self::Wrong(fault()) }
    }
}

impl Answer {
    /// All of these, in any order; where there are more than a server gives, as many as it gives.
    pub fn some(name: &'static str, prefix: &'static str, ids: &Arc<[u32]>, most: usize) -> Self {
        Self::Some { name, prefix, ids: Arc::clone(ids), least: ids.len().min(most) }
    }

    /// Holds a body against this.
    pub fn judge(&self, body: &[u8]) -> Verdict {
        match self {
            Self::Any => Verdict::Right,
            Self::Says(name, value) => {
                let said = Values { body, name }.next();
                Verdict::unless(said == Some(value.as_bytes()), || format!("{name} is not {value}"))
            }
            Self::Ids { name, prefix, ids } => {
                let mut found = Values { body, name }.filter(|value| value.starts_with(prefix.as_bytes()));
                let same = ids.iter().all(|id| found.next() == Some(id.as_bytes())) && found.next().is_none();
                Verdict::unless(same, || format!("the ids are not {ids:?}"))
            }
            Self::Some { name, prefix, ids, least } => {
                if breaks_off(body) {
                    return Verdict::Wrong("it breaks off with an error".to_owned());
                }
                let mut found = Vec::new();
                for id in (Values { body, name }).filter_map(|value| value.strip_prefix(prefix.as_bytes())) {
                    let number = std::str::from_utf8(id).ok().and_then(|id| id.parse().ok());
                    match number.filter(|number| ids.binary_search(number).is_ok()) {
                        Some(number) => found.push(number),
                        None => {
                            let id = String::from_utf8_lossy(id);
                            return Verdict::Wrong(format!("{prefix}{id} does not belong there"));
                        }
                    }
                }
                found.sort_unstable();
                found.dedup();
                if found.len() < *least { Verdict::Short } else { Verdict::Right }
            }
        }
    }
}

/// Whether a list that comes line by line ends with an error: its status was sent with the first line.
fn breaks_off(body: &[u8]) -> bool {
    let last = body.trim_ascii_end().rsplit(|&byte| byte == b'\n').next().unwrap_or_default();
    last.starts_with(br#"{"error""#)
}

/// The values under a name, wherever it stands: a parser of JSON would cost the client more than the servers' answers
/// are worth. An empty name stands for every text.
struct Values<'b> {
    body: &'b [u8],
    name: &'static str,
}

impl<'b> Iterator for Values<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<&'b [u8]> {
        loop {
            let begin = self.body.iter().position(|&byte| byte == b'"')? + 1;
            let rest = &self.body[begin..];
            let length = rest.iter().position(|&byte| byte == b'"')?;
            let (text, after) = (&rest[..length], &rest[length + 1..]);
            self.body = after;
            if self.name.is_empty() {
                return Some(text);
            }
            let value = after.trim_ascii_start();
            if text == self.name.as_bytes() && value.first() == Some(&b':') {
                let value = value[1..].trim_ascii_start();
                let value = value.strip_prefix(b"\"").unwrap_or(value);
                let length = value.iter().position(|byte| b"\",}] \n".contains(byte)).unwrap_or(value.len());
                return Some(&value[..length]);
            }
        }
    }
}
