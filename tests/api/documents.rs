//! What the documents say of the program is what the program says of itself.
//!
//! The parts between markers are generated: `UPDATE=1 cargo test --test api documents` writes them anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use vestibule::app;
use vestibule::http::routes::Access;

/// Holds the part of a document between the markers of this name against what it should be.
pub fn assert_part(document: &str, name: &str, fresh: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(document);
    let text = std::fs::read_to_string(&path).unwrap();
    let (begin, end) = (format!("<!-- {name}: begin -->\n"), format!("<!-- {name}: end -->"));
    let (before, rest) = text.split_once(&begin).unwrap_or_else(|| panic!("{document} has no {begin}"));
    let (_, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{document} has no {end}"));
    let wanted = format!("{before}{begin}{fresh}{end}{after}");
    if std::env::var_os("UPDATE").is_some_and(|value| value == "1") {
        std::fs::write(&path, wanted).unwrap();
        return;
    }
    assert!(text == wanted, "{document} is not true any more; UPDATE=1 cargo test --test api");
}

/// The routes of each family of the API, in the order of their paths.
fn families() -> BTreeMap<&'static str, Vec<String>> {
    let mut families = BTreeMap::<_, Vec<_>>::new();
    for route in app::routes()
        .table()
        .iter()
        .filter(|route| route.access != Access::Operator && !["health", "openapi"].contains(&route.family))
    {
        families.entry(route.family).or_default().push((route.path, route.method.to_string()));
    }
    families
        .into_iter()
        .map(|(family, mut routes)| {
            routes.sort();
            (family, routes.into_iter().map(|(path, method)| format!("{method} {path}")).collect())
        })
        .collect()
}

/// What there is to say of a family: complete, or what is missing.
fn state(family: &str) -> &'static str {
    match family {
        "authentication" => "password, refresh, choice of an organization; other grants later",
        "jwt_template" => "kept and checked; access tokens do not use it yet",
        "redirect_uris" => "complete; hosted sign-in, which goes there, later",
        "oauth_resources" => "complete; the OAuth server, which issues tokens for them, later",
        "cors_origins" => "complete",
        "invitations" => "complete; the page that accepts them comes with hosted sign-in",
        "waitlists" => "complete",
        "users" => "complete but for changes and verification of addresses",
        "api_keys"
        | "authorization"
        | "events"
        | "feature_flags"
        | "groups"
        | "jwks"
        | "organizations"
        | "organization_domains"
        | "organization_memberships"
        | "permissions"
        | "resources"
        | "role_assignments"
        | "roles"
        | "sessions"
        | "webhook_endpoints" => "complete",
        _ => panic!("say in tests/api/documents.rs what the state of {family} is"),
    }
}

#[test]
fn the_readme_lists_the_families_that_are_served() {
    let mut table = "| family | operations | state |\n|---|---|---|\n".to_owned();
    let mut all = 0;
    for (family, routes) in families() {
        // Aliases, for older clients and for the one SDK that asks elsewhere, are no operations of the API's document.
        let is_alias = |route: &&String| {
            route.contains(" /organization-domains")
                || route.ends_with("/organization_memberships/{organization_membership_id}/permissions")
        };
        all += routes.iter().filter(|route| !is_alias(route)).count();
        writeln!(table, "| {family} | {} | {} |", routes.len(), state(family)).unwrap();
    }
    writeln!(table, "| together | {all} of 317 | |").unwrap();
    assert_part("README.md", "families", &table);
}

#[test]
fn the_list_of_operations_is_that_of_the_routes() {
    let mut text = String::new();
    for (family, routes) in families() {
        writeln!(text, "\n## {family}\n").unwrap();
        for route in routes {
            writeln!(text, "- `{route}`").unwrap();
        }
    }
    assert_part("docs/compatibility.md", "operations", &text);
}
