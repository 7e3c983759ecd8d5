//! What lists of role assignments cost where there is very much: the pages that their statements touch, with fifty thousand
//! members who all have a role on the organization, a group of as many, and somebody who was given ten thousand.

use serde_json::Value;
use sqlx::Connection as _;
use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use crate::harness::{Test, story_apart};
use crate::sql::statements;

/// `om_1` to `om_50000` have the role `member` on the root and are in `group_1`, which has the role `organization3` on it. Between
/// the former come the roles of three hundred groups in which nobody is. `om_1` was given ten thousand projects.
const SEED: &str = "
    insert into organizations (environment, id, name, created_at, updated_at) values ($E, 'org_big', 'Big', now(), now());
    insert into resource_types (environment, slug, name, created_at, updated_at) values ($E, 'project', 'P', now(), now());
    insert into resources (environment, id, organization_id, type, created_at, updated_at)
        select $E, 'authz_resource_root', 'org_big', key, now(), now() from resource_types where environment = $E and slug = 'organization';
    insert into resources (environment, id, organization_id, type, parent, external_id, name, created_at, updated_at)
        select $E, 'authz_resource_' || i, 'org_big', t.key, r.key, 'p' || i, 'p', now(), now()
        from generate_series(1, 10000) i, resource_types t, resources r
        where t.environment = $E and t.slug = 'project' and r.id = 'authz_resource_root';
    insert into roles (environment, id, slug, name, resource_type, priority, created_at, updated_at)
        select $E, 'role_' || t.slug || i, t.slug || i, 'r', t.key, 100 + i, now(), now()
        from generate_series(1, 20) i, resource_types t where t.environment = $E;
    insert into users (environment, id, email, email_normal, created_at, updated_at)
        select $E, 'user_' || i, i || '@example.test', i || '@example.test', now(), now() from generate_series(1, 50000) i;
    insert into organization_memberships (environment, id, user_id, organization_id, status, created_at, updated_at)
        select $E, 'om_' || i, 'user_' || i, 'org_big', 'active', now(), now() from generate_series(1, 50000) i order by i;
    insert into groups (environment, id, organization_id, name, created_at, updated_at)
        select $E, 'group_' || i, 'org_big', 'g', now(), now() from generate_series(1, 301) i order by i;
    insert into group_members (environment, membership_subject, group_subject, organization_membership_id, created_at)
        select $E, m.subject, g.subject, m.id, now() from groups g, organization_memberships m where g.id = 'group_1';
    insert into role_assignments (environment, id, organization_id, subject, role, resource, created_at, updated_at)
        select $E, given.id, 'org_big', given.subject, r.key, root.key, now(), now()
        from (select 'role_assignment_' || id as id, subject, 'member' as slug, subject as place from organization_memberships
              union all
              select 'gra_' || id, subject, 'organization3', 25000 from groups) as given
        join roles r on r.environment = $E and r.slug = given.slug
        join resources root on root.id = 'authz_resource_root'
        order by given.place;
    insert into role_assignments (environment, id, organization_id, subject, role, resource, created_at, updated_at)
        select $E, 'role_assignment_p' || e.key, 'org_big', m.subject, r.key, e.key, now(), now()
        from resources e, organization_memberships m, roles r
        where e.external_id ^@ 'p' and m.id = 'om_1' and r.environment = $E and r.slug = 'project1';
";

/// A database with all this in it.
struct Seeded(PgConnection);

impl Seeded {
    async fn make(t: &Test) -> Self {
        let mut seeded = Self(PgConnection::connect_with(&t.app.database().pool().connect_options()).await.unwrap());
        let key: i32 = sqlx::query_scalar("select key from environments where id = $1")
            .bind(t.environment.id.as_str())
            .fetch_one(&mut seeded.0)
            .await
            .unwrap();
        // Whether it is consistent is not in question here.
        seeded.run("set session_replication_role = replica").await;
        seeded.run(&SEED.replace("$E", &key.to_string())).await;
        seeded.run("vacuum analyze").await;
        seeded.run("set plan_cache_mode = force_generic_plan").await;
        seeded.run(&format!("create temp table here as select {key} as environment")).await;
        seeded
    }

    async fn run(&mut self, text: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned())).execute(&mut self.0).await.unwrap();
    }

    /// The value of an expression over what was seeded, as it is written in SQL.
    async fn value(&mut self, expression: &str) -> String {
        let text = format!("select ({expression})::text");
        sqlx::query_scalar(sqlx::AssertSqlSafe(text)).fetch_one(&mut self.0).await.unwrap()
    }

    /// Runs the statement of this file with these parts in it twice, because the first time fills the caches of the
    /// connection; the rows that it gave and the pages that it touched.
    async fn cost(&mut self, (file, parts): (&str, &[&str]), arguments: &str) -> (f64, f64) {
        let found = statements()
            .into_iter()
            .find(|it| it.place.starts_with(file) && parts.iter().all(|part| it.text.contains(part)))
            .unwrap();
        self.run(&format!("prepare statement as {}", found.text)).await;
        let text = format!("explain (analyze, buffers, format json) execute statement ({arguments})");
        let mut plan = Value::Null;
        for _ in 0..2 {
            let row = sqlx::raw_sql(sqlx::AssertSqlSafe(text.clone())).fetch_one(&mut self.0).await.unwrap();
            plan = row.get::<Value, _>(0);
        }
        self.run("deallocate statement").await;
        let plan = &plan[0]["Plan"];
        let pages = ["Shared Hit Blocks", "Shared Read Blocks"].iter().map(|key| plan[*key].as_f64().unwrap()).sum();
        let rows = plan["Actual Rows"].as_f64().unwrap();
        (rows, pages)
    }
}

#[test]
fn no_list_of_assignments_costs_more_for_what_lies_beside_the_page() {
    story_apart(async |t| {
        let sql = &mut Seeded::make(&t).await;
        let lists = "store/role_assignments/lists.rs";
        let environment = sql.value("select environment from here").await;
        let root = sql.value("select key from resources where id = 'authz_resource_root'").await;
        let kind = sql.value("select type from resources where id = 'authz_resource_root'").await;
        let ann = sql.value("select subject from organization_memberships where id = 'om_1'").await;
        let group = sql.value("select subject from groups where id = 'group_1'").await;
        let of_group = sql.value("select key from role_assignments where id = 'gra_group_1'").await;
        let project = sql.value("select key from resources where external_id = 'p77'").await;
        let end = i64::MAX;

        // What is on the root: from either end, from among a group's members, of one role that few have.
        for (direction, slug, low, member) in [
            ("asc", "null", "0", ""),
            ("desc", "null", "0", ""),
            ("asc", "null", &of_group, "om_25000"),
            ("asc", "'organization3'", "0", ""),
            ("desc", "'organization3'", "0", ""),
            ("asc", "'organization7'", "0", ""),
        ] {
            let order = format!("order by a.key {direction}");
            let arguments =
                format!("{environment}, {root}, {kind}, 'org_big', {slug}, {low}, '{member}', {end}, '', 11");
            let (rows, pages) = sql.cost((lists, &["limit $10 + 2", &order]), &arguments).await;
            assert!((rows - if slug == "'organization7'" { 0.0 } else { 11.0 }).abs() < 0.5, "{rows} rows");
            assert!(pages < 1500.0, "{slug} {order} from {low}: {pages} pages");
        }
        // What somebody has who has very much: all of it, of a type that comes last, and on one resource.
        for (part, last, expected) in [
            ("k.slug = $7", "null::text", 11.0),
            ("k.slug = $7", "'project'", 11.0),
            ("x.resource = any($7)", &format!("array[{project}]::bigint[]"), 1.0),
        ] {
            for direction in ["asc", "desc"] {
                let order = format!("order by a.key {direction}");
                let arguments = format!("{environment}, {ann}, 0, {end}, 11, 'om_1', {last}");
                let (rows, pages) = sql.cost((lists, &[part, &order]), &arguments).await;
                assert!((rows - expected).abs() < 0.5, "{rows} rows");
                assert!(pages < 300.0, "{part} {order}: {pages} pages");
            }
        }
        let arguments = format!("{environment}, {group}, 0, {end}, 11");
        let (_, pages) = sql.cost((lists, &["x.subject = $2 and", "limit $5) as a", "x.key desc"]), &arguments).await;
        assert!(pages < 60.0, "{pages} pages");
        let standing = ("store/organization_memberships.rs", &["given.keys"][..]);
        let (_, pages) = sql.cost(standing, &format!("{environment}, 'user_1', 'org_big'")).await;
        assert!(pages < 60.0, "{pages} pages");
    });
}
