//! Every statement in the source is one that PostgreSQL accepts on the migrated schema, and one of the environment.
//!
//! The statements are runtime strings, so the compiler does not see them. This reads each `sql!` and `page_sql!` out of
//! the source, puts its parts together as the compiler does, and has PostgreSQL prepare it.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr as _;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::harness::story;
use crate::source;

/// A statement, and where it stands.
pub struct Statement {
    pub place: String,
    pub text: String,
}

/// The local macros of a file that stand for a piece of SQL: the name of the parameter, if any, and the body.
type Pieces = HashMap<String, (Option<String>, TokenStream)>;

#[test]
fn every_statement_can_be_prepared() {
    story(async |t| {
        let statements = statements();
        assert!(statements.len() > 10, "the source holds more statements than {}", statements.len());
        let mut faults = Vec::new();
        for Statement { place, text } in statements {
            let prepared = format!("prepare check_statement as {text}; deallocate check_statement");
            let outcome = sqlx::raw_sql(sqlx::AssertSqlSafe(prepared)).execute(t.app.database().pool()).await;
            if let Err(error) = outcome {
                faults.push(format!("{place}: {error}"));
            }
        }
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    });
}

#[test]
fn every_statement_of_an_environment_uses_it() {
    let forgotten: Vec<_> = statements()
        .into_iter()
        .filter(|statement| statement.place.starts_with("store/") && !statement.place.starts_with("store/system/"))
        .filter(|statement| !statement.text.contains("$1"))
        .map(|statement| statement.place)
        .collect();
    assert!(forgotten.is_empty(), "no $1, the environment: {forgotten:?}");
}

/// Deleting a row looks for the rows that refer to it: without an index, in the whole table, for each of them.
#[test]
fn every_foreign_key_has_its_index() {
    story(async |t| {
        let missing: Vec<(String,)> = sqlx::query_as(
            "select c.conname::text from pg_constraint c
             where c.contype = 'f' and c.connamespace = 'public'::regnamespace and not exists (
                 select from pg_index i
                 where i.indrelid = c.conrelid and i.indpred is null
                   and (i.indkey::smallint[])[0 : cardinality(c.conkey) - 1] @> c.conkey)",
        )
        .fetch_all(t.app.database().pool())
        .await
        .unwrap();
        assert_eq!(missing, []);
    });
}

/// Every statement of the source.
pub fn statements() -> Vec<Statement> {
    let mut found = Vec::new();
    let files = source::files();
    for file in &files {
        // The place where the macros are defined.
        if file.path == Path::new("db/statement.rs") {
            continue;
        }
        let tokens = TokenStream::from_str(&file.text).unwrap();
        let mut pieces = Pieces::new();
        // As for the compiler: what a folder's `mod.rs` defines holds in its files, unless they define it themselves.
        let folder = file.path.parent().unwrap().join("mod.rs");
        if let Some(folder) = files.iter().find(|other| other.path == folder) {
            collect_pieces(TokenStream::from_str(&folder.text).unwrap(), &mut pieces);
        }
        collect_pieces(tokens.clone(), &mut pieces);
        collect(tokens, &pieces, &file.path, &mut found);
    }
    found
}

/// Finds `macro_rules! name { (...) => { ... } }`.
fn collect_pieces(tokens: TokenStream, pieces: &mut Pieces) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for window in tokens.windows(4) {
        if let [TokenTree::Ident(keyword), TokenTree::Punct(_), TokenTree::Ident(name), TokenTree::Group(body)] = window
            && keyword == "macro_rules"
        {
            let rule: Vec<_> = body.stream().into_iter().collect();
            let parameter = match &rule[0] {
                TokenTree::Group(group) => group.stream().into_iter().nth(1).map(|name| name.to_string()),
                _ => None,
            };
            let Some(TokenTree::Group(expansion)) = rule.get(3) else {
                panic!("{name} has not the form of a piece of SQL")
            };
            pieces.insert(name.to_string(), (parameter, expansion.stream()));
        }
    }
}

/// Finds every `sql!(...)` and `page_sql!(...)`, however deep.
fn collect(tokens: TokenStream, pieces: &Pieces, path: &Path, found: &mut Vec<Statement>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    for (i, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else { continue };
        let name = match tokens[..i].last_chunk::<2>() {
            Some([TokenTree::Ident(name), TokenTree::Punct(mark)]) if mark.as_char() == '!' => name.to_string(),
            _ => String::new(),
        };
        let place = format!("{}:{}", path.display(), group.span_open().start().line);
        match name.as_str() {
            "sql" => found.push(Statement { place, text: text(group.stream(), pieces, None) }),
            "page_sql" => {
                let parts = text(group.stream(), pieces, None);
                let (text, key) = parts.rsplit_once(';').unwrap();
                for direction in ["asc", "desc"] {
                    let text = format!("{text} and {key} > $2 and {key} < $3 order by {key} {direction} limit $4");
                    found.push(Statement { place: place.clone(), text });
                }
            }
            "macro_rules" => {}
            _ => collect(group.stream(), pieces, path, found),
        }
    }
}

/// The text that a list of parts stands for. A semicolon between them is kept.
fn text(tokens: TokenStream, pieces: &Pieces, argument: Option<(&str, &str)>) -> String {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let mut text = String::new();
    let mut i = 0;
    while i < tokens.len() {
        match &tokens[i] {
            TokenTree::Literal(literal) => text.push_str(&unquote(&literal.to_string())),
            TokenTree::Punct(mark) if mark.as_char() == ';' => text.push(';'),
            TokenTree::Punct(mark) if mark.as_char() == '$' => {
                let (name, value) = argument.unwrap();
                assert_eq!(tokens[i + 1].to_string(), name);
                text.push_str(value);
                i += 1;
            }
            TokenTree::Punct(_) => {}
            TokenTree::Ident(name) => {
                let Some(TokenTree::Group(arguments)) = tokens.get(i + 2) else { panic!("{name} is no piece of SQL") };
                text.push_str(&expand(&name.to_string(), arguments.stream(), pieces, argument));
                i += 2;
            }
            TokenTree::Group(group) => {
                assert_eq!(group.delimiter(), Delimiter::None);
                text.push_str(&self::text(group.stream(), pieces, argument));
            }
        }
        i += 1;
    }
    text
}

fn expand(name: &str, arguments: TokenStream, pieces: &Pieces, argument: Option<(&str, &str)>) -> String {
    let arguments = text(arguments, pieces, argument);
    if name == "concat" {
        return arguments;
    }
    let (parameter, body) = pieces.get(name).unwrap_or_else(|| panic!("{name}! is no macro of this file"));
    text(body.clone(), pieces, parameter.as_deref().map(|parameter| (parameter, arguments.as_str())))
}

/// What a string literal stands for.
fn unquote(literal: &str) -> String {
    if let Some(raw) = literal.strip_prefix('r') {
        return raw.trim_matches('#').trim_matches('"').to_owned();
    }
    let inner = literal.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap();
    inner.replace("\\\n", "").replace("\\\"", "\"").replace("\\n", "\n").replace("\\\\", "\\")
}
