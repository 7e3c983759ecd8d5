//! Migrations that land from now on leave the former version working beside them, and no table that grows with its users
//! locked for longer than a moment. The rules are in docs/architecture.md.

use std::collections::BTreeSet;
use std::path::Path;

/// The schema of the first version. What came before it never ran beside anything.
const FIRST: &str = "0007";

/// Tables with a row for each thing that somebody sets up by hand: to read one whole takes milliseconds.
const SMALL: [&str; 8] = [
    "environments",
    "event_epoch",
    "installation",
    "management_keys",
    "organization_domains",
    "permissions",
    "resource_types",
    "roles",
];

/// Files that break a rule, and why that is right.
const EXCEPTIONS: [(&str, &str); 0] = [];

/// A statement, in lower case, on one line, without its comments.
fn statements(text: &str) -> Vec<String> {
    let code: Vec<_> = text.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let code = code.join(" ").to_lowercase();
    code.split(';').map(|it| it.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|it| !it.is_empty()).collect()
}

/// The word after these, which must be how the statement begins or what it contains.
fn name_after<'a>(statement: &'a str, words: &str) -> Option<&'a str> {
    let rest = statement.split_once(words)?.1.trim_start();
    rest.split([' ', '(']).next().filter(|name| !name.is_empty())
}

/// What is wrong with a statement, given the tables that were there before its file.
fn fault(statement: &str, before: &BTreeSet<String>, without_transaction: bool) -> Option<&'static str> {
    let table = name_after(statement, "alter table ").map(|name| match name {
        "only" | "if" => "?",
        name => name,
    });
    if statement.starts_with("create index") || statement.starts_with("create unique index") {
        let on = name_after(statement, " on ").unwrap_or("?");
        let grows = before.contains(on) && !SMALL.contains(&on);
        return match (statement.contains(" concurrently "), without_transaction) {
            (false, _) if grows => Some("an index on a table with rows keeps writers out: make it concurrently"),
            (true, false) => Some("concurrently needs `-- no-transaction` in the first line and a file of its own"),
            _ => None,
        };
    }
    for (words, why) in [
        ("drop table", "the former version still reads it: drop it one version later, as an exception"),
        ("truncate", "rows are not thrown away by a migration"),
        ("lock table", "everybody waits behind it"),
        ("vacuum full", "it rewrites the table"),
        ("cluster ", "it rewrites the table"),
    ] {
        if statement.starts_with(words) {
            return Some(why);
        }
    }
    if let Some(changed) = name_after(statement, "update ").filter(|_| statement.starts_with("update "))
        && before.contains(changed)
        && !SMALL.contains(&changed)
    {
        return Some("rows are changed in batches by upkeep, not all at once");
    }
    let table = table.filter(|table| *table == "?" || before.contains(*table))?;
    of_table(statement, SMALL.contains(&table))
}

/// What is wrong with a change of a table that was there before.
fn of_table(statement: &str, small: bool) -> Option<&'static str> {
    for part in statement.split(", ") {
        let adds_column = part.contains("add column");
        if part.contains("drop column") || part.contains("rename ") {
            return Some("the former version still uses it: drop it one version later, as an exception");
        }
        if part.contains(" type ") || part.contains("set data type") {
            return Some("it rewrites the table, and the former version expects the old type: add another column");
        }
        if adds_column && part.contains("not null") && !part.contains("default") {
            return Some("the former version does not write it: give it a default, or leave it null");
        }
        let volatile = ["random(", "gen_random_uuid(", "nextval(", "clock_timestamp("];
        if adds_column && (volatile.iter().any(|it| part.contains(it)) || part.contains("generated ")) && !small {
            return Some("a value that differs by row rewrites the table");
        }
        if part.contains("set not null") && !small {
            return Some("it reads the whole table: check (... is not null) not valid, then validate");
        }
        let constraint =
            part.contains("add constraint") || part.contains("add foreign key") || part.contains("add check");
        if constraint && !part.contains("not valid") && !small {
            return Some("it reads the whole table while nobody writes: add it not valid, then validate it");
        }
    }
    None
}

#[test]
fn every_migration_leaves_the_former_version_working() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let (mut tables, mut faults) = (BTreeSet::new(), Vec::new());
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let statements = statements(&text);
        let apart = text.starts_with("-- no-transaction");
        if apart && statements.len() != 1 {
            faults.push(format!("{name}: without a transaction there is one statement in a file"));
        }
        for statement in &statements {
            if name.get(..4) > Some(FIRST)
                && let Some(why) = fault(statement, &tables, apart)
                && !EXCEPTIONS.iter().any(|(excepted, _)| *excepted == name)
            {
                faults.push(format!("{name}: {statement}\n    {why}"));
            }
        }
        tables.extend(
            statements
                .iter()
                .filter_map(|it| it.strip_prefix("create table "))
                .filter_map(|rest| rest.split([' ', '(']).next().map(str::to_owned)),
        );
    }
    assert!(tables.contains("events"), "the tables are read: {tables:?}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn what_the_rules_are_about_is_recognised() {
    let before = BTreeSet::from(["users".to_owned(), "environments".to_owned()]);
    let refused = |text: &str| statements(text).iter().any(|statement| fault(statement, &before, false).is_some());
    for bad in [
        "create index users_x_idx on users (x);",
        "create unique index concurrently users_x_idx on users (x)",
        "alter table users add column x text not null",
        "ALTER TABLE users\n  add column y text,\n  add column x text not null;",
        "alter table users alter column email type varchar(10)",
        "alter table users alter column email set not null",
        "alter table users add constraint c check (x > 0)",
        "alter table users add column x uuid default gen_random_uuid()",
        "alter table users drop column email",
        "alter table users rename column email to mail",
        "drop table users",
        "update users set x = 1",
        "lock table users in exclusive mode",
    ] {
        assert!(refused(bad), "{bad}");
    }
    for good in [
        "create table new (x text not null); create index new_x_idx on new (x);",
        "alter table users add column x text",
        "alter table users add column x text not null default 'a' -- drop column in a comment",
        "alter table users add constraint c check (x > 0) not valid",
        "alter table environments add constraint c check (x > 0)",
        "create index environments_x_idx on environments (x)",
    ] {
        assert!(!refused(good), "{good}");
    }
}
