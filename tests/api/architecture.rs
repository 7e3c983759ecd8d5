//! The house keeps its floors: who may import whom, where SQL may stand, how large a file may be.

use std::path::Path;

use crate::source;

/// The floors, from the bottom, as `docs/architecture.md` draws them.
const FLOORS: &[&[&str]] = &[
    &["kernel"],
    &["db", "protocol", "outbound"],
    &["model"],
    &["store"],
    &["domain", "authz", "http"],
    &["api", "web", "sso", "scim", "oauth", "admin", "seed", "worker"],
    &["app", "cli"],
];

/// What may be imported on the same floor: (importer, imported).
const SAME_FLOOR: &[(&str, &str)] = &[("domain", "authz"), ("http", "authz"), ("app", "cli"), ("cli", "app")];

fn floor(module: &str) -> usize {
    FLOORS
        .iter()
        .position(|floor| floor.contains(&module))
        .unwrap_or_else(|| panic!("{module} stands on no floor: add it to the table"))
}

/// The top-level module that a file belongs to.
fn module(path: &Path) -> String {
    path.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

/// The top-level modules that a text names by `crate::`.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (i, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for (at, _) in line.match_indices("crate::") {
            let rest = &line[at + "crate::".len()..];
            let group = rest.strip_prefix('{').map(|group| group.split('}').next().unwrap_or(group));
            for path in group.unwrap_or(rest).split(',').take(if group.is_some() { usize::MAX } else { 1 }) {
                let name: String = path.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                // Macros are declared with `macro_export`, so they stand at the top, beside the floors.
                if !["", "sql", "page_sql", "body", "words", "events", "inline_schema"].contains(&name.as_str()) {
                    found.push((i + 1, name));
                }
            }
        }
    }
    found
}

#[test]
fn a_floor_imports_only_lower_floors() {
    let mut faults = Vec::new();
    for file in source::files() {
        let importer = module(&file.path);
        if importer == "lib" || importer == "main" {
            continue;
        }
        for (line, imported) in imports(&file.text) {
            let same = importer == imported || SAME_FLOOR.contains(&(importer.as_str(), imported.as_str()));
            if !same && floor(&imported) >= floor(&importer) {
                faults.push(format!("{}:{line} imports {imported}", file.path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn sql_stands_only_in_the_store_and_below() {
    let mut faults = Vec::new();
    for file in source::files() {
        let home = module(&file.path);
        let sql = file.text.contains("sql!(") || file.text.contains("sqlx::query");
        if sql && !["store", "db"].contains(&home.as_str()) {
            faults.push(file.path.display().to_string());
        }
    }
    assert!(faults.is_empty(), "SQL in {}", faults.join(", "));
}

#[test]
fn system_statements_stand_only_in_store_system() {
    let mut faults = Vec::new();
    for file in source::files() {
        let is_system = file.path.starts_with("store/system");
        let takes_system = file.text.contains("&mut System");
        let takes_db = file.text.contains("&mut Db");
        if file.path.starts_with("store") && ((takes_system && !is_system) || (takes_db && is_system)) {
            faults.push(file.path.display().to_string());
        }
    }
    assert!(faults.is_empty(), "{}", faults.join(", "));
}

#[test]
fn store_files_do_not_call_one_another() {
    let calls = |file: &source::File| file.path.starts_with("store") && file.text.contains("store::");
    let faults: Vec<_> = source::files().into_iter().filter(calls).map(|file| file.path).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

#[test]
fn no_file_is_longer_than_800_lines() {
    let long: Vec<_> =
        source::files().into_iter().filter(|file| file.text.lines().count() > 800).map(|file| file.path).collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn every_module_says_what_it_is_for() {
    let silent: Vec<_> =
        source::files().into_iter().filter(|file| !file.text.starts_with("//!")).map(|file| file.path).collect();
    assert!(silent.is_empty(), "{silent:?}");
}
