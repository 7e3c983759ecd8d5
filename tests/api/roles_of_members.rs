//! Roles as members have them: the default, the order, and what deleting one takes away.

use serde_json::{Value, json};
use vestibule::db::Tx;
use vestibule::domain;
use vestibule::kernel::Result;
use vestibule::kernel::id::OrganizationId;

use crate::harness::{Test, story};

const MEMBERSHIPS: &str = "/user_management/organization_memberships";

/// Runs a rule that only the operator's doors open on.
async fn as_operator<T>(t: &Test, change: impl AsyncFnOnce(&mut Tx) -> Result<T>) -> Result<T> {
    t.app.database().write(t.environment.key, change).await
}

/// Roles of the environment.
async fn roles(t: &Test, slugs: &[&str]) {
    for slug in slugs {
        t.post("/authorization/roles", json!({ "slug": slug, "name": slug })).await.created();
    }
}

/// A new organization.
async fn organization(t: &Test) -> OrganizationId {
    OrganizationId::verbatim(t.organization("Acme").await["id"].as_str().unwrap())
}

/// A role of an organization.
async fn own_role(t: &Test, organization: &OrganizationId, slug: &str) {
    let path = format!("/authorization/organizations/{organization}/roles");
    t.post(path, json!({ "slug": slug, "name": slug })).await.created();
}

/// The slugs of an organization's roles, highest first.
async fn order(t: &Test, organization: &OrganizationId) -> Vec<String> {
    slugs(&t.get(format!("/authorization/organizations/{organization}/roles")).await.ok()["data"])
}

fn slugs(roles: &Value) -> Vec<String> {
    roles.as_array().unwrap().iter().map(|role| role["slug"].as_str().unwrap().to_owned()).collect()
}

/// A membership of a new user, with these roles; its path.
async fn member(t: &Test, organization: &OrganizationId, slugs: &[&str]) -> String {
    let user = t.user(&format!("{}@example.com", t.app.database().mint.ulid())).await;
    let mut body = json!({ "user_id": user["id"], "organization_id": organization });
    if !slugs.is_empty() {
        body["role_slugs"] = json!(slugs);
    }
    format!("{MEMBERSHIPS}/{}", t.post(MEMBERSHIPS, body).await.created()["id"].as_str().unwrap())
}

/// The slugs of a membership's roles.
async fn held(t: &Test, membership: &str) -> Vec<String> {
    let found = t.get(membership).await.ok();
    assert_eq!(found["role"], found["roles"][0]);
    slugs(&found["roles"])
}

async fn allow_multiple_roles(t: &Test, allow: bool) {
    let path = format!("/admin/v1/environments/{}/settings", t.environment.id);
    t.operator().patch(path, json!({ "multiple_roles": allow })).await.ok();
}

#[test]
fn who_is_given_no_role_has_the_default_one() {
    story(async |t| {
        roles(&t, &["guest", "other"]).await;
        let (first, second) = (organization(&t).await, organization(&t).await);
        let old = member(&t, &first, &[]).await;
        assert_eq!(held(&t, &old).await, ["member"]);
        own_role(&t, &second, "org-own").await;
        as_operator(&t, async |tx| domain::roles::order::set_default(tx, None, "guest").await).await.unwrap();
        assert_eq!(held(&t, &member(&t, &first, &[]).await).await, ["guest"]);
        assert_eq!(held(&t, &old).await, ["member"]);
        // The second left the environment's default with its first role.
        assert_eq!(held(&t, &member(&t, &second, &[]).await).await, ["member"]);
        let own = async |tx: &mut Tx| domain::roles::order::set_default(tx, Some(&second), "org-own").await;
        as_operator(&t, own).await.unwrap();
        assert_eq!(held(&t, &member(&t, &second, &[]).await).await, ["org-own"]);
        let path = format!("/authorization/organizations/{second}/roles/org-own");
        t.delete(&path).await.fails(409, "role_has_assignments");
    });
}

#[test]
fn a_default_role_is_one_of_the_organization_as_a_whole() {
    story(async |t| {
        let first = organization(&t).await;
        own_role(&t, &first, "org-own").await;
        let set = async |organization: Option<&OrganizationId>, slug: &str| {
            let outcome =
                as_operator(&t, async |tx| domain::roles::order::set_default(tx, organization, slug).await).await;
            outcome.map(|role| role.slug).map_err(|error| error.code())
        };
        assert_eq!(set(None, "nobody").await, Err(Some("entity_not_found")));
        assert_eq!(set(None, "org-own").await, Err(Some("entity_not_found")));
        let stranger = organization(&t.neighbour().await).await;
        assert_eq!(set(Some(&stranger), "member").await, Err(Some("entity_not_found")));
        let kind = "insert into resource_types (environment, slug, name, created_at, updated_at)
                    values ($1, 'project', 'Project', now(), now())";
        sqlx::query(kind).bind(t.environment.key).execute(t.app.database().pool()).await.unwrap();
        let body = json!({ "slug": "builder", "name": "Builder", "resource_type_slug": "project" });
        t.post("/authorization/roles", body).await.created();
        assert_eq!(set(None, "builder").await, Err(Some("invalid_request_parameters")));
        assert_eq!(set(Some(&first), "builder").await, Err(Some("invalid_request_parameters")));
        assert_eq!(set(Some(&first), "org-own").await, Ok("org-own".to_owned()));
        let path = format!("/authorization/organizations/{first}/roles/org-own");
        t.delete(&path).await.fails(400, "bad_request");
        assert_eq!(set(Some(&first), "member").await, Ok("member".to_owned()));
        t.delete(&path).await.no_content();
    });
}

#[test]
fn defaults_set_at_once_leave_one_default() {
    story(async |t| {
        let slugs = ["a", "b", "c", "d"];
        roles(&t, &slugs).await;
        let first = organization(&t).await;
        let set = async |slug: &str| {
            as_operator(&t, async |tx| domain::roles::order::set_default(tx, None, slug).await).await.unwrap();
            let of = async |tx: &mut Tx| domain::roles::order::set_default(tx, Some(&first), slug).await;
            as_operator(&t, of).await.unwrap();
        };
        tokio::join!(set("a"), set("b"), set("c"), set("d"));
        let count = "select (select count(*) from roles where environment = $1 and is_default),
                            (select count(*) from organization_role_orders where environment = $1 and is_default)";
        let counts: (i64, i64) =
            sqlx::query_as(count).bind(t.environment.key).fetch_one(t.app.database().pool()).await.unwrap();
        assert_eq!(counts, (1, 1));
    });
}

#[test]
fn roles_are_put_in_order_all_at_once() {
    story(async |t| {
        roles(&t, &["a", "b"]).await;
        let (first, second) = (organization(&t).await, organization(&t).await);
        own_role(&t, &second, "org-x").await;
        let put = async |organization: Option<&OrganizationId>, slugs: &[&str]| {
            let slugs: Vec<_> = slugs.iter().map(|&slug| slug.to_owned()).collect();
            let outcome =
                as_operator(&t, async |tx| domain::roles::order::reorder(tx, organization, &slugs).await).await;
            outcome.map(|roles| roles.len()).map_err(|error| error.code())
        };
        assert_eq!(put(None, &["b", "member", "a"]).await, Ok(3));
        assert_eq!(order(&t, &first).await, ["b", "member", "a"]);
        assert_eq!(order(&t, &second).await, ["member", "a", "b", "org-x"]);
        assert_eq!(put(Some(&second), &["org-x", "b", "a", "member"]).await, Ok(4));
        assert_eq!(order(&t, &second).await, ["org-x", "b", "a", "member"]);
        assert_eq!(put(Some(&first), &["member", "a", "b"]).await, Ok(3));
        assert_eq!(put(None, &["a", "b", "member"]).await, Ok(3));
        assert_eq!(order(&t, &first).await, ["member", "a", "b"]);
        let wrong = Err(Some("invalid_request_parameters"));
        assert_eq!(put(None, &["a", "b"]).await, wrong);
        assert_eq!(put(None, &["a", "b", "member", "member"]).await, wrong);
        assert_eq!(put(None, &["a", "b", "member", "org-x"]).await, wrong);
    });
}

#[test]
fn a_deleted_role_of_the_environment_leaves_every_member_a_role() {
    story(async |t| {
        allow_multiple_roles(&t, true).await;
        roles(&t, &["guest", "editor"]).await;
        let (first, second) = (organization(&t).await, organization(&t).await);
        own_role(&t, &second, "org-own").await;
        let own = async |tx: &mut Tx| domain::roles::order::set_default(tx, Some(&second), "org-own").await;
        as_operator(&t, own).await.unwrap();
        let only = member(&t, &first, &["guest"]).await;
        let several = member(&t, &first, &["guest", "editor"]).await;
        let other = member(&t, &second, &["guest"]).await;
        let untouched = member(&t, &first, &["editor"]).await;
        let before = t.get(&untouched).await.ok();

        let delete = async |slug: &str| as_operator(&t, async |tx| domain::roles::delete(tx, slug).await).await;
        delete("guest").await.unwrap();
        assert_eq!(held(&t, &only).await, ["member"]);
        assert_eq!(held(&t, &several).await, ["editor"]);
        assert_eq!(held(&t, &other).await, ["org-own"]);
        assert_eq!(t.get(&untouched).await.ok(), before);
        t.get("/authorization/roles/guest").await.missing();
        let events = t.events(&["organization_membership.updated", "role.deleted"]).await;
        let shown: Vec<_> = events.iter().map(|event| event["data"]["role"]["slug"].as_str()).collect();
        assert_eq!(shown, [Some("member"), Some("editor"), Some("org-own"), None]);
        assert_eq!(events[3]["data"]["slug"], "guest");

        assert_eq!(delete("guest").await.unwrap_err().code(), Some("entity_not_found"));
        assert_eq!(delete("org-own").await.unwrap_err().code(), Some("entity_not_found"));
        assert_eq!(delete("member").await.unwrap_err().code(), Some("role_is_default"));
    });
}

#[test]
fn an_organization_whose_default_role_is_deleted_has_the_environments_again() {
    story(async |t| {
        roles(&t, &["guest"]).await;
        let first = organization(&t).await;
        let own = async |tx: &mut Tx| domain::roles::order::set_default(tx, Some(&first), "guest").await;
        as_operator(&t, own).await.unwrap();
        let membership = member(&t, &first, &[]).await;
        assert_eq!(held(&t, &membership).await, ["guest"]);
        as_operator(&t, async |tx| domain::roles::delete(tx, "guest").await).await.unwrap();
        assert_eq!(held(&t, &membership).await, ["member"]);
        assert_eq!(held(&t, &member(&t, &first, &[]).await).await, ["member"]);
    });
}

#[test]
fn with_one_role_only_the_highest_is_kept() {
    story(async |t| {
        allow_multiple_roles(&t, true).await;
        roles(&t, &["a", "b"]).await;
        let (first, second) = (organization(&t).await, organization(&t).await);
        let slugs = ["b", "a", "member"].map(str::to_owned);
        let reorder = async |tx: &mut Tx| domain::roles::order::reorder(tx, Some(&second), &slugs).await;
        as_operator(&t, reorder).await.unwrap();
        let by_environment = member(&t, &first, &["b", "a"]).await;
        let by_organization = member(&t, &second, &["a", "b"]).await;
        let one = member(&t, &first, &["b"]).await;
        allow_multiple_roles(&t, false).await;
        assert_eq!(held(&t, &by_environment).await, ["a"]);
        assert_eq!(held(&t, &by_organization).await, ["b"]);
        assert_eq!(held(&t, &one).await, ["b"]);
        assert_eq!(t.events(&["organization_membership.updated"]).await.len(), 2);
        t.put(&one, json!({ "role_slugs": ["a", "b"] })).await.fails(422, "multiple_roles_not_enabled");
    });
}

#[test]
fn a_role_is_never_both_given_and_deleted() {
    story(async |t| {
        roles(&t, &["spare"]).await;
        let first = organization(&t).await;
        let membership = member(&t, &first, &["member"]).await;
        let path = format!("/authorization/organizations/{first}/roles/org-x");
        for round in 0..20 {
            own_role(&t, &first, "org-x").await;
            let give = t.put(&membership, json!({ "role_slug": "org-x" }));
            // Each goes first half of the time.
            let (give, delete) = if round % 2 == 0 {
                tokio::join!(give, t.delete(&path))
            } else {
                let (delete, give) = tokio::join!(t.delete(&path), give);
                (give, delete)
            };
            match delete.status.as_u16() {
                204 => {
                    give.fails(422, "invalid_role");
                    assert_eq!(held(&t, &membership).await, ["member"]);
                }
                _ => {
                    delete.fails(409, "role_has_assignments");
                    give.ok();
                    assert_eq!(held(&t, &membership).await, ["org-x"]);
                    t.put(&membership, json!({ "role_slug": "member" })).await.ok();
                    t.delete(&path).await.no_content();
                }
            }
        }
    });
}

#[test]
fn a_role_of_the_environment_that_is_deleted_while_it_is_given_leaves_every_member_a_role() {
    story(async |t| {
        let first = organization(&t).await;
        let memberships = [member(&t, &first, &[]).await, member(&t, &first, &[]).await];
        for _ in 0..10 {
            roles(&t, &["brief"]).await;
            let body = || json!({ "role_slug": "brief" });
            let (a, b, deleted, c) = tokio::join!(
                t.put(&memberships[0], body()),
                t.put(&memberships[1], body()),
                as_operator(&t, async |tx| domain::roles::delete(tx, "brief").await),
                t.put(&memberships[0], json!({ "role_slug": "member" })),
            );
            deleted.unwrap();
            c.ok();
            for answer in [a, b] {
                assert!(matches!(answer.status.as_u16(), 200 | 422), "{}: {}", answer.what, answer.body);
            }
            for membership in &memberships {
                assert_eq!(held(&t, membership).await, ["member"]);
            }
        }
    });
}

#[test]
fn the_roles_of_an_organization_are_deleted_with_it() {
    story(async |t| {
        let (first, second) = (organization(&t).await, organization(&t).await);
        own_role(&t, &first, "org-x").await;
        own_role(&t, &first, "org-y").await;
        own_role(&t, &second, "org-x").await;
        let membership = member(&t, &first, &["org-x"]).await;
        let path = format!("/organizations/{first}");
        let (deleted, changed) = tokio::join!(t.delete(&path), t.put(&membership, json!({ "role_slug": "org-y" })));
        deleted.accepted();
        assert!(matches!(changed.status.as_u16(), 200 | 404 | 422), "{}", changed.body);
        let names = ["organization_role.deleted", "organization_membership.deleted", "organization.deleted"];
        let events = t.events(&names).await;
        let shown: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(shown, [names[1], names[0], names[0], names[2]]);
        assert_eq!(order(&t, &second).await, ["member", "org-x"]);
    });
}

#[test]
fn changes_at_once_of_all_that_hangs_together_do_not_block_one_another() {
    story(async |t| {
        allow_multiple_roles(&t, true).await;
        for slug in ["p", "q"] {
            t.post("/authorization/permissions", json!({ "slug": slug, "name": slug })).await.created();
        }
        let lasting = organization(&t).await;
        let member_of_lasting = member(&t, &lasting, &[]).await;
        for _ in 0..6 {
            roles(&t, &["brief"]).await;
            t.post("/authorization/permissions", json!({ "slug": "brief", "name": "Brief" })).await.created();
            let passing = organization(&t).await;
            own_role(&t, &passing, "org-x").await;
            let (one, two) = (member(&t, &passing, &["brief"]).await, member(&t, &passing, &["org-x"]).await);
            let (passing_path, roles_path) = (format!("/organizations/{passing}"), "/authorization/roles/brief");
            let permissions_path = format!("{roles_path}/permissions");
            let own_path = format!("/authorization/organizations/{passing}/roles");
            let briefly = async |tx: &mut Tx| domain::roles::order::set_default(tx, Some(&passing), "brief").await;
            as_operator(&t, briefly).await.unwrap();
            let answers = tokio::join!(
                t.put(&one, json!({ "role_slugs": ["org-x", "brief"] })),
                t.put(&two, json!({ "role_slug": "brief" })),
                t.put(&member_of_lasting, json!({ "role_slugs": ["brief", "member"] })),
                t.put(&permissions_path, json!({ "permissions": ["q", "brief", "p"] })),
                t.delete("/authorization/permissions/brief"),
                t.post(&permissions_path, json!({ "slug": "brief" })),
                t.post(&own_path, json!({ "name": "Another" })),
                t.delete(format!("{own_path}/org-x")),
            );
            let deleted = as_operator(&t, async |tx| domain::roles::delete(tx, "brief").await);
            let given = t.put(&member_of_lasting, json!({ "role_slugs": ["brief", "member"] }));
            let set = async |tx: &mut Tx| domain::roles::order::set_default(tx, Some(&lasting), "brief").await;
            let (deleted, given, set, gone) =
                tokio::join!(deleted, given, as_operator(&t, set), t.delete(&passing_path));
            deleted.unwrap();
            gone.accepted();
            assert!(set.is_ok_and(|role| role.slug == "brief") || t.get(roles_path).await.status == 404);
            let (a, b, c, d, e, f, g, h) = answers;
            for answer in [a, b, c, d, e, f, g, h, given] {
                assert!(answer.status.as_u16() < 500, "{}: {}", answer.what, answer.body);
            }
            assert_eq!(held(&t, &member_of_lasting).await, ["member"]);
            t.get(&one).await.missing();
        }
    });
}
