//! Authorization: what memberships may do.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use vestibule::db::Tx;
use vestibule::domain;
use vestibule::kernel::id::OrganizationId;

use crate::harness::{PASSWORD, Test, story};

const MEMBERSHIPS: &str = "/user_management/organization_memberships";

/// A user's membership of an organization with the external id `acme`, with a role that permits `docs:read`.
struct Reader {
    organization: String,
    membership: String,
}

impl Reader {
    async fn make(t: &Test) -> Self {
        let organization = t.post("/organizations", json!({ "name": "Acme", "external_id": "acme" })).await.created();
        t.post("/authorization/permissions", json!({ "slug": "docs:read", "name": "Read" })).await.created();
        t.post("/authorization/roles", json!({ "slug": "reader", "name": "Reader" })).await.created();
        let body = json!({ "permissions": ["docs:read"] });
        t.put("/authorization/roles/reader/permissions", body).await.ok();
        let user = t.user("ann@example.com").await;
        let body = json!({ "user_id": user["id"], "organization_id": organization["id"], "role_slug": "reader" });
        let membership = t.post(MEMBERSHIPS, body).await.created();
        Self { organization: id(&organization), membership: id(&membership) }
    }

    fn path(&self) -> String {
        format!("/authorization/organization_memberships/{}/check", self.membership)
    }

    /// Whether it has this permission in the organization as a whole.
    async fn may(&self, t: &Test, permission: &str) -> bool {
        let body = json!({ "permission_slug": permission, "resource_external_id": self.organization,
            "resource_type_slug": "organization" });
        authorized(&t.post(self.path(), body).await.ok())
    }

    async fn may_on(&self, t: &Test, target: Value) -> bool {
        let mut body = json!({ "permission_slug": "docs:read" });
        body.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
        authorized(&t.post(self.path(), body).await.ok())
    }
}

fn id(made: &Value) -> String {
    made["id"].as_str().unwrap().to_owned()
}

fn authorized(answer: &Value) -> bool {
    assert_eq!(answer.as_object().unwrap().len(), 1);
    answer["authorized"].as_bool().unwrap()
}

/// The id of the root of an organization's tree.
async fn root(t: &Test, organization: &str) -> String {
    sqlx::query_scalar("select id from resources where organization_id = $1 and parent is null")
        .bind(organization)
        .fetch_one(t.app.database().pool())
        .await
        .unwrap()
}

/// A resource below the organization's root, as the family of resources makes them; its key.
async fn resource(t: &Test, organization: &str, external_id: &str) -> i64 {
    sqlx::query_scalar(
        "with kind as (
             insert into resource_types (environment, slug, name, created_at, updated_at)
             values ($1, 'project', 'Project', now(), now())
             on conflict on constraint resource_types_slug_key do update set name = 'Project' returning key),
         root as (select key from resources where environment = $1 and organization_id = $2 and parent is null),
         made as (
             insert into resources (environment, id, organization_id, type, parent, external_id, name, created_at, updated_at)
             select $1, 'authz_resource_' || $2 || $3, $2, kind.key, root.key, $3, $3, now(), now() from kind, root
             returning key, parent, type),
         above as (
             insert into resource_ancestors (descendant, ancestor, depth, type)
             select key, key, 0, type from made union all select key, parent, 1, type from made)
         select key from made",
    )
    .bind(t.environment.key)
    .bind(organization)
    .bind(external_id)
    .fetch_one(t.app.database().pool())
    .await
    .unwrap()
}

/// Moves the assignments of a membership from the root to this resource.
async fn move_assignments(t: &Test, membership: &str, resource: i64) {
    sqlx::query(
        "update role_assignments a set resource = $2
         from organization_memberships m where m.id = $1 and a.subject = m.subject",
    )
    .bind(membership)
    .bind(resource)
    .execute(t.app.database().pool())
    .await
    .unwrap();
}

#[test]
fn a_membership_may_what_its_role_permits_at_every_moment() {
    story(async |t| {
        let reader = Reader::make(&t).await;
        assert!(reader.may(&t, "docs:read").await);
        assert!(!reader.may(&t, "docs:write").await);
        t.put("/authorization/roles/reader/permissions", json!({ "permissions": [] })).await.ok();
        assert!(!reader.may(&t, "docs:read").await);
        t.post("/authorization/roles/reader/permissions", json!({ "slug": "docs:read" })).await.ok();
        assert!(reader.may(&t, "docs:read").await);
        let membership = format!("{MEMBERSHIPS}/{}", reader.membership);
        t.put(&membership, json!({ "role_slug": "member" })).await.ok();
        assert!(!reader.may(&t, "docs:read").await);
        t.put(&membership, json!({ "role_slug": "reader" })).await.ok();
        t.delete("/authorization/permissions/docs:read").await.no_content();
        assert!(!reader.may(&t, "docs:read").await);
    });
}

#[test]
fn an_organization_as_a_resource_has_three_names() {
    story(async |t| {
        let reader = Reader::make(&t).await;
        let root = root(&t, &reader.organization).await;
        assert!(root.starts_with("authz_resource_"));
        let of = |name: &str| json!({ "resource_type_slug": "organization", "resource_external_id": name });
        assert!(reader.may_on(&t, json!({ "resource_id": root })).await);
        assert!(reader.may_on(&t, of("acme")).await);
        assert!(reader.may_on(&t, of(&reader.organization)).await);
        t.put(format!("/organizations/{}", reader.organization), json!({ "external_id": "new/id" })).await.ok();
        assert!(reader.may_on(&t, of("new/id")).await);
        let mut body = of("acme");
        body["permission_slug"] = json!("docs:read");
        t.post(reader.path(), body).await.missing();
    });
}

#[test]
fn a_role_reaches_down_from_where_it_was_given_and_never_up_or_aside() {
    story(async |t| {
        let reader = Reader::make(&t).await;
        let (one, two) =
            (resource(&t, &reader.organization, "p/1").await, resource(&t, &reader.organization, "p2").await);
        let of = |name: &str| json!({ "resource_type_slug": "project", "resource_external_id": name });
        assert!(reader.may_on(&t, of("p/1")).await && reader.may_on(&t, of("p2")).await);
        let id = format!("authz_resource_{}p2", reader.organization);
        assert!(reader.may_on(&t, json!({ "resource_id": id })).await);
        move_assignments(&t, &reader.membership, one).await;
        assert!(reader.may_on(&t, of("p/1")).await);
        assert!(!reader.may_on(&t, of("p2")).await);
        assert!(!reader.may(&t, "docs:read").await);
        move_assignments(&t, &reader.membership, two).await;
        assert!(!reader.may_on(&t, of("p/1")).await);
        assert!(reader.may_on(&t, json!({ "resource_id": id })).await);
    });
}

#[test]
fn only_active_members_may_anything() {
    story(async |t| {
        let reader = Reader::make(&t).await;
        let membership = format!("{MEMBERSHIPS}/{}", reader.membership);
        t.put(format!("{membership}/deactivate"), json!({})).await.ok();
        assert!(!reader.may(&t, "docs:read").await);
        t.put(format!("{membership}/reactivate"), json!({})).await.ok();
        assert!(reader.may(&t, "docs:read").await);
        let pend = sqlx::query("update organization_memberships set status = 'pending' where id = $1");
        pend.bind(&reader.membership).execute(t.app.database().pool()).await.unwrap();
        assert!(!reader.may(&t, "docs:read").await);
    });
}

/// A group of the reader's organization, with a role on this resource, as the family of groups gives it.
async fn group_with_role(t: &Test, reader: &Reader, role: &str, resource: &str) -> String {
    let path = format!("/organizations/{}/groups", reader.organization);
    let group = id(&t.post(path, json!({ "name": "Group" })).await.created());
    let assign = "insert into role_assignments
             (environment, id, organization_id, subject, role, resource, created_at, updated_at)
         select $1, 'role_assignment_' || g.id, g.organization_id, g.subject, r.key, x.key, now(), now()
         from groups g join roles r on r.environment = $1 and r.slug = $3
         join resources x on x.environment = $1 and x.id = $4
         where g.environment = $1 and g.id = $2";
    let pool = t.app.database().pool();
    let assign = sqlx::query(assign).bind(t.environment.key).bind(&group).bind(role).bind(resource);
    assert_eq!(assign.execute(pool).await.unwrap().rows_affected(), 1);
    group
}

#[test]
fn what_a_group_has_its_members_have_while_they_are_in_it() {
    story(async |t| {
        let reader = Reader::make(&t).await;
        let membership = format!("{MEMBERSHIPS}/{}", reader.membership);
        t.put(&membership, json!({ "role_slug": "member" })).await.ok();
        resource(&t, &reader.organization, "in").await;
        resource(&t, &reader.organization, "out").await;
        let named = |name: &str| json!({ "resource_id": format!("authz_resource_{}{name}", reader.organization) });
        let inside = format!("authz_resource_{}in", reader.organization);
        let group = group_with_role(&t, &reader, "reader", &inside).await;
        group_with_role(&t, &reader, "reader", &root(&t, &reader.organization).await).await;
        assert!(!reader.may_on(&t, named("in")).await);
        let members = format!("/organizations/{}/groups/{group}/organization-memberships", reader.organization);
        t.post(&members, json!({ "organization_membership_id": reader.membership })).await.ok();
        assert!(reader.may_on(&t, named("in")).await);
        assert!(!reader.may_on(&t, named("out")).await && !reader.may(&t, "docs:read").await);
        t.put(format!("{membership}/deactivate"), json!({})).await.ok();
        assert!(!reader.may_on(&t, named("in")).await);
        t.put(format!("{membership}/reactivate"), json!({})).await.ok();
        t.delete(format!("{members}/{}", reader.membership)).await.no_content();
        assert!(!reader.may_on(&t, named("in")).await);
    });
}

#[test]
fn what_is_not_there_is_missing_and_what_is_elsewhere_too() {
    story(async |t| {
        let reader = Reader::make(&t).await;
        let ask = async |t: &Test, path: &str, target: Value| {
            let mut body = json!({ "permission_slug": "docs:read" });
            body.as_object_mut().unwrap().extend(target.as_object().unwrap().clone());
            t.post(path, body).await.missing()
        };
        let of = |name: &str| json!({ "resource_type_slug": "organization", "resource_external_id": name });
        let nobody = "/authorization/organization_memberships/om_nobody/check";
        let answer = ask(&t, nobody, of("acme")).await;
        assert_eq!(answer["message"], "Organization membership not found: 'om_nobody'.");
        let answer = ask(&t, &reader.path(), of("other")).await;
        assert_eq!(answer["message"], "Authorization resource not found: 'other'.");
        ask(&t, &reader.path(), json!({ "resource_id": "authz_resource_x" })).await;
        ask(&t, &reader.path(), json!({ "resource_type_slug": "planet", "resource_external_id": "acme" })).await;

        let body = json!({ "name": "Other", "external_id": "other" });
        let other = id(&t.post("/organizations", body).await.created());
        ask(&t, &reader.path(), of("other")).await;
        ask(&t, &reader.path(), of(&other)).await;
        ask(&t, &reader.path(), json!({ "resource_id": root(&t, &other).await })).await;
        ask(&t.neighbour().await, &reader.path(), of("acme")).await;
    });
}

#[test]
fn a_question_names_one_permission_and_one_resource() {
    story(async |t| {
        let path = Reader::make(&t).await.path();
        let ask = async |body: Value| t.post(&path, body).await;
        ask(json!({})).await.invalid(&["permission_slug", "resource_id"]);
        ask(json!({ "permission_slug": "p" })).await.invalid(&["resource_id"]);
        let (resource, external, kind) = ("authz_resource_x", "acme", "organization");
        let body = json!({ "permission_slug": "p", "resource_id": resource, "resource_external_id": external,
            "resource_type_slug": kind });
        ask(body).await.invalid(&["resource_id"]);
        let body = json!({ "permission_slug": "p", "resource_id": resource, "resource_type_slug": kind });
        ask(body).await.invalid(&["resource_id"]);
        let body = json!({ "permission_slug": "p", "resource_external_id": external });
        ask(body).await.invalid(&["resource_type_slug"]);
        let body = json!({ "permission_slug": "p", "resource_type_slug": kind });
        ask(body).await.invalid(&["resource_external_id"]);
        ask(json!({ "permission_slug": 7, "resource_id": "x" })).await.invalid(&["permission_slug", "resource_id"]);
    });
}

#[test]
fn a_token_says_what_the_roles_in_the_organization_permit() {
    story(async |t| {
        let reader = Reader::make(&t).await;
        let settings = format!("/admin/v1/environments/{}/settings", t.environment.id);
        t.operator().patch(settings, json!({ "multiple_roles": true })).await.ok();
        for slug in ["b:write", "a:write"] {
            t.post("/authorization/permissions", json!({ "slug": slug, "name": slug })).await.created();
        }
        let roles = format!("/authorization/organizations/{}/roles", reader.organization);
        t.post(&roles, json!({ "slug": "org-writer", "name": "Writer" })).await.created();
        let body = json!({ "permissions": ["b:write", "a:write", "docs:read"] });
        t.put(format!("{roles}/org-writer/permissions"), body).await.ok();
        let membership = format!("{MEMBERSHIPS}/{}", reader.membership);
        let user = t.put(&membership, json!({ "role_slugs": ["org-writer", "reader"] })).await.ok()["user_id"].clone();
        t.put(format!("/user_management/users/{}", user.as_str().unwrap()), json!({ "password": PASSWORD })).await.ok();

        let claims = async || claims(&t.sign_in("ann@example.com").await);
        let found = claims().await;
        assert_eq!(found["role"], "reader");
        assert_eq!(found["roles"], json!(["reader", "org-writer"]));
        assert_eq!(found["permissions"], json!(["a:write", "b:write", "docs:read"]));
        let organization = OrganizationId::verbatim(&reader.organization);
        let order = ["org-writer", "member", "reader"].map(str::to_owned);
        let reorder = async |tx: &mut Tx| domain::roles::order::reorder(tx, Some(&organization), &order).await;
        t.app.database().write(t.environment.key, reorder).await.unwrap();
        assert_eq!(claims().await["role"], "org-writer");

        // What somebody may do on single resources is not in the token.
        let resource = resource(&t, &reader.organization, "p").await;
        move_assignments(&t, &reader.membership, resource).await;
        assert_eq!(claims().await["permissions"], json!([]));
    });
}

/// What the access token of a sign-in says.
fn claims(signed_in: &Value) -> Value {
    let token = signed_in["access_token"].as_str().unwrap();
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
    serde_json::from_slice(&payload).unwrap()
}
