//! Templates of access tokens: a language of JSON with expressions in it.
//!
//! `{{ user.metadata.tier || 'none' }}` stands for a value: on its own for any, within a string for text. Only the form
//! is held against the rules here; what an expression stands for is known when a token is made.

use std::fmt;
use std::iter::Peekable;
use std::str::Chars;

use serde_json::{Map, Value};

/// The longest template. What it renders to is bounded more tightly, by what fits into a header.
pub const LONGEST: usize = 8192;
/// What expressions may begin with.
const ROOTS: [&str; 3] = ["user", "organization", "organization_membership"];
/// Claims that are the server's alone: with another `sub` or `exp`, a token would not be what it is verified as.
const RESERVED: [&str; 6] = ["iss", "sub", "exp", "iat", "nbf", "jti"];

/// What is wrong with a template, worded for whoever writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

fn fault<T>(what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault(what.into()))
}

/// Whether the template can be rendered.
///
/// # Errors
///
/// The first fault: not JSON around the expressions, an expression that is none, a claim that is not to be set, or
/// nothing to say.
pub fn check(content: &str) -> Result<(), Fault> {
    if content.len() > LONGEST {
        return fault(format!("content must have at most {LONGEST} bytes."));
    }
    let skeleton = skeleton(content)?;
    let value: Value = serde_json::from_str(&skeleton).map_err(|error| {
        Fault(format!("content must be a JSON object with expressions in it: it is not JSON around them ({error})."))
    })?;
    let Value::Object(claims) = value else { return fault("content must be a JSON object.") };
    check_claims(&claims)
}

fn check_claims(claims: &Map<String, Value>) -> Result<(), Fault> {
    if claims.is_empty() {
        return fault("content must set at least one claim.");
    }
    match RESERVED.iter().find(|name| claims.contains_key(**name)) {
        Some(name) => fault(format!("content must not set the claim '{name}', which is reserved.")),
        None => Ok(()),
    }
}

/// The template with `null` for every expression that stands on its own, and nothing for those within strings.
fn skeleton(content: &str) -> Result<String, Fault> {
    let mut text = String::with_capacity(content.len());
    let mut rest = content.chars().peekable();
    let mut in_string = false;
    while let Some(c) = rest.next() {
        match c {
            '{' if rest.peek() == Some(&'{') => {
                rest.next();
                expression(&mut rest)?;
                text.push_str(if in_string { "" } else { "null" });
            }
            '\\' if in_string => {
                text.push(c);
                text.extend(rest.next());
            }
            '"' => {
                in_string = !in_string;
                text.push(c);
            }
            _ => text.push(c),
        }
    }
    Ok(text)
}

/// Reads `path || path || 'literal' }}`.
fn expression(rest: &mut Peekable<Chars<'_>>) -> Result<(), Fault> {
    loop {
        skip_space(rest);
        match rest.peek() {
            Some('\'') => literal(rest)?,
            Some(_) => path(rest)?,
            None => return fault("content has an expression that is not closed by '}}'."),
        }
        skip_space(rest);
        match (rest.next(), rest.next()) {
            (Some('|'), Some('|')) => {}
            (Some('}'), Some('}')) => return Ok(()),
            (None, _) | (_, None) => return fault("content has an expression that is not closed by '}}'."),
            (Some(_), Some(_)) => return fault("content has an expression with something other than '||' in it."),
        }
    }
}

fn skip_space(rest: &mut Peekable<Chars<'_>>) {
    while rest.next_if(char::is_ascii_whitespace).is_some() {}
}

/// Text in single quotes. A quote in it is written with a backslash.
fn literal(rest: &mut Peekable<Chars<'_>>) -> Result<(), Fault> {
    rest.next();
    while let Some(c) = rest.next() {
        match c {
            '\\' => drop(rest.next()),
            '\'' => return Ok(()),
            _ => {}
        }
    }
    fault("content has a literal that is not closed by a quote.")
}

/// Names with dots between them; a name may have any letters, digits, `_` and `-`.
fn path(rest: &mut Peekable<Chars<'_>>) -> Result<(), Fault> {
    let mut path = String::new();
    while let Some(c) = rest.next_if(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.')) {
        path.push(c);
    }
    let mut names = path.split('.');
    let root = names.next().unwrap_or_default();
    if !ROOTS.contains(&root) {
        return fault(format!("content has an expression that begins with '{root}' and not with one of {ROOTS:?}."));
    }
    if names.any(str::is_empty) { fault(format!("content names '{path}', which has an empty part.")) } else { Ok(()) }
}
