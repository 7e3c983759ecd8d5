//! What decisions and their lists cost: the plans of their statements, and the pages that they touch, on a hundred thousand
//! resources, with twenty thousand members who have a role on the root, and somebody who was given twenty thousand.

use serde_json::Value;
use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, Row as _};

use crate::harness::{Test, story_apart};
use crate::sql::statements;

/// 10 workspaces with 100 projects each, and 99 apps in each of those. `om_1` to `om_20000` all have the role on the root
/// that reads apps, but for: 1, who leads twenty projects and is in ten groups of which one has a project; 2, who was given
/// twenty thousand apps; 3, who has nothing.
const SEED: &str = "
    insert into organizations (environment, id, name, created_at, updated_at)
        values ($E, 'org_big', 'Big', now(), now());
    insert into resource_types (environment, slug, name, created_at, updated_at)
        select $E, slug, slug, now(), now() from unnest(array['workspace', 'project', 'app']) slug;
    create temp table kind as select slug, key from resource_types where environment = $E;
    insert into resources (environment, id, organization_id, type, created_at, updated_at)
        select $E, 'authz_resource_root', 'org_big', key, now(), now() from kind where slug = 'organization';
    insert into resources (environment, id, organization_id, type, parent, external_id, name, created_at, updated_at)
        select $E, 'authz_resource_1' || lpad(i::text, 6, '0'), 'org_big', kind.key, r.key, 'w' || i, 'w', now(), now()
        from generate_series(1, 10) i, kind, resources r where slug = 'workspace' and r.id = 'authz_resource_root' order by i;
    insert into resources (environment, id, organization_id, type, parent, external_id, name, created_at, updated_at)
        select $E, 'authz_resource_2' || lpad(i::text, 6, '0'), 'org_big', kind.key, r.key, 'p' || i, 'p', now(), now()
        from generate_series(1, 1000) i, kind, resources r
        where slug = 'project' and r.id = 'authz_resource_1' || lpad((1 + i % 10)::text, 6, '0') order by i;
    insert into resources (environment, id, organization_id, type, parent, external_id, name, created_at, updated_at)
        select $E, 'authz_resource_3' || lpad(i::text, 6, '0'), 'org_big', kind.key, r.key, 'a' || i, 'a', now(), now()
        from generate_series(1, 99000) i, kind, resources r
        where slug = 'app' and r.id = 'authz_resource_2' || lpad((1 + i % 1000)::text, 6, '0') order by i;
    insert into resource_ancestors (descendant, ancestor, depth, type)
        with recursive up as (
            select key as descendant, key as ancestor, 0 as depth, type, parent from resources where organization_id = 'org_big'
            union all
            select u.descendant, r.key, u.depth + 1, u.type, r.parent from up u join resources r on r.key = u.parent)
        select descendant, ancestor, depth, type from up;
    insert into users (environment, id, email, email_normal, created_at, updated_at)
        select $E, 'user_' || i, i || '@example.test', i || '@example.test', now(), now() from generate_series(1, 20000) i;
    insert into organization_memberships (environment, id, user_id, organization_id, status, created_at, updated_at)
        select $E, 'om_' || i, 'user_' || i, 'org_big', 'active', now(), now() from generate_series(1, 20000) i order by i;
    insert into groups (environment, id, organization_id, name, created_at, updated_at)
        select $E, 'group_' || i, 'org_big', 'g', now(), now() from generate_series(1, 20) i;
    insert into group_members (environment, membership_subject, group_subject, organization_membership_id, created_at)
        select $E, m.subject, g.subject, m.id, now() from groups g, organization_memberships m
        where g.id = 'group_1' or (m.id = 'om_1' and g.id in (select 'group_' || i from generate_series(1, 10) i));
    insert into permissions (environment, id, slug, name, resource_type, created_at, updated_at)
        select $E, 'perm_' || i, case i when 1 then 'app:read' else 'app:' || i end, 'p', key, now(), now()
        from generate_series(1, 50) i, kind where slug = 'app';
    insert into roles (environment, id, slug, name, resource_type, priority, created_at, updated_at)
        select $E, 'role_' || i || slug, 'role-' || i || slug, 'r', key, 100 + i, now(), now()
        from generate_series(1, 10) i, kind;
    insert into role_permissions (environment, role, permission)
        select $E, r.key, p.key from roles r, permissions p
        where r.id like 'role\\_1%' and p.environment = $E and p.slug like 'app:%';
    create temp table given as
        select m.organization_id, m.subject, r.key as role, x.key as resource, 'role_assignment_' as prefix
        from organization_memberships m, roles r, resources x
        where r.id = 'role_1organization' and x.id = 'authz_resource_root' and m.id not in ('om_1', 'om_2', 'om_3')
        union all
        select x.organization_id, m.subject, r.key, x.key, 'role_assignment_'
        from organization_memberships m, roles r, resources x
        where m.id = 'om_1' and r.id = 'role_1project' and x.id like 'authz_resource_20000%5'
        union all
        select x.organization_id, m.subject, r.key, x.key, 'role_assignment_'
        from organization_memberships m, roles r, resources x
        where m.id = 'om_2' and r.id = 'role_1app' and x.id between 'authz_resource_3000001' and 'authz_resource_3020000'
        union all
        select g.organization_id, g.subject, r.key, x.key, 'gra_'
        from groups g, roles r, resources x
        where g.id = 'group_2' and r.id = 'role_1project' and x.id = 'authz_resource_2000500';
    insert into role_assignments (environment, id, organization_id, subject, role, resource, created_at, updated_at)
        select $E, prefix || row_number() over (), organization_id, subject, role, resource, now(), now() from given;
    drop table kind, given;
";

/// The big tables, of which nothing may be read but what is asked for.
const BIG: [&str; 6] =
    ["resources", "resource_ancestors", "role_assignments", "organization_memberships", "group_members", "users"];

/// Rows that may be sorted: a page of each root, or of each role and group, not what is below or who has it.
const MOST_SORTED: f64 = 600.0;

/// A connection to a database with all this in it.
struct Seeded {
    connection: PgConnection,
    /// The environment.
    key: i32,
}

impl Seeded {
    async fn run(&mut self, text: &str) {
        sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned())).execute(&mut self.connection).await.unwrap();
    }
}

async fn seeded(t: &Test) -> Seeded {
    let options = t.app.database().pool().connect_options();
    let mut connection = PgConnection::connect_with(&options).await.unwrap();
    let key: i32 = sqlx::query_scalar("select key from environments where id = $1")
        .bind(t.environment.id.as_str())
        .fetch_one(&mut connection)
        .await
        .unwrap();
    // Whether it is consistent is not in question here.
    for text in ["set session_replication_role = replica", &SEED.replace("$E", &key.to_string()), "vacuum analyze"] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(text.to_owned())).execute(&mut connection).await.unwrap();
    }
    for (name, text) in [
        ("decide", statement("mod.rs", ["x.id = q.name", "as place"])),
        ("decide_by_external_id", statement("mod.rs", ["x.external_id = q.name", "as place"])),
        ("decide_on_root", statement("mod.rs", ["x.parent is null", "as place"])),
        ("decide_many", statement("mod.rs", ["x.id = q.name", "unnest"])),
        ("decide_many_by_external_id", statement("mod.rs", ["x.external_id = q.name", "unnest"])),
        ("decide_many_on_root", statement("mod.rs", ["x.parent is null", "unnest"])),
        ("discover", statement("discovery.rs", ["x.id = q.name", "$2::text is null", "order by r.key asc"])),
        ("discover_on", statement("discovery.rs", ["x.id = q.name", "c.id <=", "order by r.key asc"])),
        ("discover_back", statement("discovery.rs", ["x.id = q.name", "c.id <=", "order by r.key desc"])),
        (
            "discover_by_external_id",
            statement("discovery.rs", ["x.external_id = q.name", "c.id <=", "order by r.key asc"]),
        ),
        ("discover_on_root", statement("discovery.rs", ["q.name in (o.id", "c.id <=", "order by r.key asc"])),
        ("who", statement("holders.rs", ["x.id = $7", "$2::text is null", "order by m.subject asc"])),
        ("who_on", statement("holders.rs", ["x.id = $7", "c.id <=", "order by m.subject asc"])),
        ("who_back", statement("holders.rs", ["x.id = $7", "c.id <=", "order by m.subject desc"])),
        ("who_by_external_id", statement("holders.rs", ["x.external_id = $7", "c.id <=", "order by m.subject asc"])),
        ("who_on_root", statement("holders.rs", ["$7 in (o.id", "c.id <=", "order by m.subject asc"])),
        ("effective", statement("permissions.rs", ["x.id = q.name", "order by p.id asc"])),
        ("effective_by_external_id", statement("permissions.rs", ["x.external_id = q.name", "order by p.id asc"])),
        ("effective_on_root", statement("permissions.rs", ["q.name in (o.id", "order by p.id asc"])),
    ] {
        let prepare = format!("prepare {name} as {text}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(prepare)).execute(&mut connection).await.unwrap();
    }
    Seeded { connection, key }
}

/// The statement of that file that has all of these in it.
fn statement<const N: usize>(file: &str, parts: [&str; N]) -> String {
    let place = format!("store/authorization/{file}");
    let has_all = |text: &str| parts.iter().all(|part| text.contains(part));
    let found = statements().into_iter().find(|it| it.place.starts_with(&place) && has_all(&it.text));
    found.unwrap().text
}

/// What a statement has cost.
struct Cost {
    rows: f64,
    pages: f64,
}

/// Runs a statement as it is run in the end, with a plan for all parameters, and looks at that plan.
async fn cost(seeded: &mut Seeded, execute: &str) -> Cost {
    let text =
        format!("explain (analyze, buffers, format json) execute {execute}").replace("$E", &seeded.key.to_string());
    // The first time fills the caches of the connection.
    let mut plan = Value::Null;
    for _ in 0..2 {
        let row = sqlx::raw_sql(sqlx::AssertSqlSafe(text.clone())).fetch_one(&mut seeded.connection).await.unwrap();
        plan = row.get::<Value, _>(0);
    }
    let plan = &plan[0]["Plan"];
    inspect(plan, execute);
    let pages = ["Shared Hit Blocks", "Shared Read Blocks"].iter().map(|key| plan[*key].as_f64().unwrap()).sum();
    Cost { rows: plan["Actual Rows"].as_f64().unwrap(), pages }
}

fn inspect(node: &Value, what: &str) {
    let text = |key: &str| node[key].as_str().unwrap_or_default();
    let number = |key: &str| node[key].as_f64().unwrap_or_default();
    let kind = text("Node Type");
    if BIG.contains(&text("Relation Name")) {
        assert!(kind.starts_with("Index"), "{what}: {kind} of {}", text("Relation Name"));
        let passed_by = number("Rows Removed by Filter") * number("Actual Loops");
        assert!(passed_by <= 100.0, "{what}: {} passes by {passed_by} rows", text("Index Name"));
        assert!(number("Actual Rows") * number("Actual Loops") <= 2_000.0, "{what}: {} reads on", text("Index Name"));
    }
    if kind.contains("Sort") {
        assert!(number("Actual Rows") <= MOST_SORTED, "{what}: a sort of {} rows", number("Actual Rows"));
    }
    for child in node["Plans"].as_array().unwrap_or(&Vec::new()) {
        inspect(child, what);
    }
}

/// One question, asked by itself and as one of many, in each way; and the pages that it may touch.
fn decisions() -> Vec<(String, u32)> {
    let mut all = Vec::new();
    for (name, members, place, resource_type, most) in [
        // A miss, one who has it from the root, one in ten groups, and one with twenty thousand assignments.
        ("", &["om_3", "om_9", "om_2"][..], "authz_resource_3050000", "", 80_u32),
        ("", &["om_1"], "authz_resource_3000499", "", 80),
        ("_by_external_id", &["om_9"], "a50000", "app", 80),
        // A miss: a member and ten groups are asked about on three levels.
        ("_by_external_id", &["om_1"], "p999", "project", 150),
        ("_on_root", &["om_1", "om_2", "om_9"], "org_big", "organization", 80),
    ] {
        for who in members {
            let one = format!("decide{name} ($E, '{who}', 'app:read', '{place}', '{resource_type}')");
            let [who, what, place, resource_type] =
                [*who, "app:read", place, resource_type].map(|text| format!("array['{text}']"));
            let many = format!("decide_many{name} ($E, {who}, {what}, {place}, {resource_type})");
            all.extend([(one, most), (many, most)]);
        }
    }
    all
}

/// Pages of discovery: first ones, and those with a cursor, in the middle or at the end of everything.
fn discoveries() -> Vec<String> {
    const ON: [&str; 2] = ["null", "'authz_resource_3060000'"];
    let questions = [
        ("discover", "'authz_resource_root', '', 'app:read'", &ON[..1]),
        ("discover", "'authz_resource_1000006', '', 'app:read'", &ON[..1]),
        ("discover", "'authz_resource_2000007', '', 'app:read'", &ON[..1]),
        ("discover_on", "'authz_resource_root', '', 'app:read'", &ON[..]),
        ("discover_on", "'authz_resource_1000006', '', 'app:read'", &ON[..]),
        ("discover_back", "'authz_resource_root', '', 'app:read'", &ON[..]),
        ("discover_by_external_id", "'w6', 'workspace', 'app:read'", &ON[..]),
        ("discover_on_root", "'org_big', 'organization', 'app:read'", &ON[..]),
    ];
    let page = |(name, target, after): &(&str, &str, &[&str])| {
        let execute = |who: &str, after: &str| format!("{name} ($E, {after}, null, 11, '{who}', {target})");
        after.iter().flat_map(|after| ["om_1", "om_9"].map(|who| execute(who, after))).collect::<Vec<_>>()
    };
    questions.iter().flat_map(page).collect()
}

/// The same of who can.
fn who_can() -> Vec<String> {
    const ON: [&str; 2] = ["null", "'om_5000'"];
    let questions = [
        ("who", "false, 'authz_resource_root'", &ON[..1]),
        ("who", "true, 'authz_resource_3000499'", &ON[..1]),
        ("who", "false, 'authz_resource_3000499'", &ON[..1]),
        ("who", "true, 'authz_resource_1000001'", &ON[..1]),
        ("who_on", "false, 'authz_resource_root'", &ON[..]),
        ("who_on", "true, 'authz_resource_3000499'", &ON[..]),
        ("who_back", "true, 'authz_resource_3000499'", &ON[..]),
        ("who_by_external_id", "true, 'a50000', 'org_big', 'app'", &ON[..]),
        ("who_on_root", "true, 'org_big', 'org_big'", &ON[..]),
    ];
    let page = |(name, target, after): &(&str, &str, &[&str])| {
        let execute = |after: &&str| format!("{name} ($E, {after}, null, 11, 'app:read', {target})");
        after.iter().map(execute).collect::<Vec<_>>()
    };
    questions.iter().flat_map(page).collect()
}

/// And of effective permissions.
fn effective() -> Vec<String> {
    let questions = [
        ("effective", "'authz_resource_3000499', ''"),
        ("effective_by_external_id", "'a50000', 'app'"),
        ("effective_on_root", "'org_big', 'organization'"),
    ];
    let page = |(name, target): &(&str, &str)| {
        ["om_1", "om_2", "om_9"].map(|who| format!("{name} ($E, '', '~', 11, '{who}', {target})"))
    };
    questions.iter().flat_map(page).collect()
}

#[test]
fn no_question_costs_more_for_what_is_below_or_beside_it() {
    story_apart(async |t| {
        let sql = &mut seeded(&t).await;
        sql.run("set plan_cache_mode = force_generic_plan").await;

        for (execute, most) in decisions() {
            let found = cost(sql, &execute).await;
            assert!(found.pages <= f64::from(most), "{execute} touches {} pages", found.pages);
        }
        let all = |texts: [&str; 4]| format!("array['{}']", vec![texts.join("', '"); 16].join("', '"));
        let who = all(["om_3", "om_9", "om_77", "om_2"]);
        let (what, place) = (all(["app:read"; 4]), all(["authz_resource_3050000"; 4]));
        let found = cost(sql, &format!("decide_many ($E, {who}, {what}, {place}, {place})")).await;
        assert!(found.pages / 64.0 <= 40.0, "64 checks touch {} pages", found.pages);

        for execute in discoveries().into_iter().chain(who_can()).chain(effective()) {
            let found = cost(sql, &execute).await;
            assert!(found.rows <= 11.0 && found.pages <= 400.0, "{execute} touches {} pages", found.pages);
        }
    });
}

/// Planning costs several times what the statement does, so one that is planned anew each time would be the whole cost.
#[test]
fn a_connection_soon_plans_no_more() {
    story_apart(async |t| {
        let mut seeded = seeded(&t).await;
        let lists = [
            "discover ($E, null, null, 11, 'om_1', 'authz_resource_root', '', 'app:read')".to_owned(),
            "discover_by_external_id ($E, null, null, 11, 'om_1', 'w6', 'workspace', 'app:read')".to_owned(),
            "discover_on_root ($E, null, null, 11, 'om_1', 'org_big', 'organization', 'app:read')".to_owned(),
            "discover_on ($E, 'authz_resource_3060000', null, 11, 'om_1', 'authz_resource_root', '', 'app:read')"
                .to_owned(),
            "who ($E, null, null, 11, 'app:read', true, 'authz_resource_root')".to_owned(),
            "who_on ($E, 'om_5000', null, 11, 'app:read', true, 'authz_resource_root')".to_owned(),
            "who_by_external_id ($E, null, null, 11, 'app:read', true, 'a50000', 'org_big', 'app')".to_owned(),
            "who_on_root ($E, null, null, 11, 'app:read', true, 'org_big', 'org_big')".to_owned(),
            "effective ($E, '', '~', 11, 'om_1', 'authz_resource_3000499', '')".to_owned(),
            "effective_by_external_id ($E, '', '~', 11, 'om_1', 'a50000', 'app')".to_owned(),
            "effective_on_root ($E, '', '~', 11, 'om_1', 'org_big', 'organization')".to_owned(),
        ];
        for execute in decisions().into_iter().map(|(execute, _)| execute).chain(lists) {
            for _ in 0..8 {
                seeded.run(&format!("execute {execute}").replace("$E", &seeded.key.to_string())).await;
            }
            let name = execute.split_whitespace().next().unwrap();
            let (generic,): (i64,) = sqlx::query_as("select generic_plans from pg_prepared_statements where name = $1")
                .bind(name)
                .fetch_one(&mut seeded.connection)
                .await
                .unwrap();
            assert!(generic >= 3, "{name} is planned each time");
        }
    });
}
