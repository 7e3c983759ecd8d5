//! Writes the forest into the server's own tables, as the server itself would have: a million resources one after
//! another through the API would take the better part of an hour.

use std::fmt::Write as _;

use serde_json::json;
use sqlx::AssertSqlSafe;
use sqlx::postgres::{PgPool, PgPoolCopyExt as _, PgPoolOptions};

use super::common::Fault;
use super::common::server::Server;
use super::forest::{ACTIONS, DOCUMENT, Forest, KINDS, LEVELS, NONE, ROOT, Status, number};
use super::names::{Name, moment};
use super::truth::{Truth, permission, role, slug};

/// Bytes that are sent to PostgreSQL at once.
const PIECE: usize = 1 << 20;

/// Makes types, permissions and roles through the server, and all else by `copy`.
pub async fn load(server: &Server, database: &str, truth: &Truth) -> Result<(), Fault> {
    configure(server).await?;
    let pool = PgPoolOptions::new()
        // Without it the loader itself would have every row looked up in the tables that it refers to.
        .after_connect(|connection, _| {
            Box::pin(async move {
                let settings = "set session_replication_role = replica; set maintenance_work_mem = '512MB'";
                sqlx::raw_sql(settings).execute(connection).await.map(drop)
            })
        })
        .max_connections(2)
        .connect(database)
        .await?;
    let keys = Keys::find(&pool).await?;
    let indexes = drop_indexes(&pool).await?;
    people(&pool, &keys, &truth.forest).await?;
    resources(&pool, &keys, truth).await?;
    assignments(&pool, &keys, &truth.forest).await?;
    for index in indexes {
        sqlx::raw_sql(AssertSqlSafe(index)).execute(&pool).await?;
    }
    sequences(&pool).await?;
    sqlx::raw_sql("vacuum analyze").execute(&pool).await?;
    pool.close().await;
    Ok(())
}

async fn configure(server: &Server) -> Result<(), Fault> {
    let environments = server.call("GET", "/admin/v1/environments", None, 200).await?;
    let environment = environments["data"][0]["id"].as_str().ok_or("there is no environment")?;
    for kind in 1..=DOCUMENT {
        let parents = if kind == DOCUMENT { &KINDS[..5] } else { &KINDS[kind as usize - 1..kind as usize] };
        let name = KINDS[kind as usize];
        let body = json!({ "slug": name, "name": name, "parents": parents });
        let path = format!("/admin/v1/environments/{environment}/resource_types");
        server.call("POST", &path, Some(body), 201).await?;
    }
    for (kind, name) in (0..).zip(KINDS) {
        for action in 0..number(ACTIONS.len()) as u8 {
            let slug = slug(permission(kind, action));
            let body = json!({ "slug": slug, "name": slug, "resource_type_slug": name });
            server.call("POST", "/authorization/permissions", Some(body), 201).await?;
        }
    }
    for (kind, name) in (0..).zip(KINDS) {
        for level in 0..number(LEVELS.len()) as u8 {
            let slug = role(kind, level);
            let body = json!({ "slug": slug, "name": slug, "resource_type_slug": name });
            server.call("POST", "/authorization/roles", Some(body), 201).await?;
            let below = (kind..=DOCUMENT).flat_map(|below| (0..=level).map(move |action| permission(below, action)));
            let body = json!({ "permissions": below.map(super::truth::slug).collect::<Vec<_>>() });
            server.call("PUT", &format!("/authorization/roles/{slug}/permissions"), Some(body), 200).await?;
        }
    }
    Ok(())
}

/// The keys by which rows name what was configured.
struct Keys {
    environment: i32,
    types: Vec<i32>,
    /// By type and level.
    roles: Vec<i32>,
    /// What every member has who has no other role in the organization.
    default_role: i32,
}

impl Keys {
    async fn find(pool: &PgPool) -> Result<Self, Fault> {
        let (environment, default_role): (i32, i32) =
            sqlx::query_as("select environment, key from roles where is_default").fetch_one(pool).await?;
        let mut keys = Self { environment, types: Vec::new(), roles: Vec::new(), default_role };
        for (kind, name) in (0..).zip(KINDS) {
            let found = sqlx::query_scalar("select key from resource_types where environment = $1 and slug = $2");
            keys.types.push(found.bind(environment).bind(name).fetch_one(pool).await?);
            for level in 0..number(LEVELS.len()) as u8 {
                let found = sqlx::query_scalar("select key from roles where environment = $1 and slug = $2");
                keys.roles.push(found.bind(environment).bind(role(kind, level)).fetch_one(pool).await?);
            }
        }
        Ok(keys)
    }

    fn role(&self, kind: u8, level: u8) -> i32 {
        self.roles[kind as usize * LEVELS.len() + level as usize]
    }
}

/// Copies rows into a table, each written by `write` as one line of tabulated text.
pub async fn copy<T>(
    pool: &PgPool,
    table: &str,
    rows: impl IntoIterator<Item = T>,
    mut write: impl FnMut(&mut String, T) -> std::fmt::Result,
) -> Result<(), Fault> {
    let statement = format!("copy {table} from stdin");
    let mut copy = pool.copy_in_raw(&statement).await?;
    let mut text = String::with_capacity(PIECE + 1024);
    for row in rows {
        write(&mut text, row)?;
        text.push('\n');
        if text.len() >= PIECE {
            copy.send(text.as_bytes()).await?;
            text.clear();
        }
    }
    copy.send(text.as_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

async fn people(pool: &PgPool, keys: &Keys, forest: &Forest) -> Result<(), Fault> {
    let environment = keys.environment;
    let table = "organizations (environment, id, name, created_at, updated_at)";
    copy(pool, table, 0..forest.organizations, |text, it| {
        let (id, moment) = (Name::organization(it), moment(it));
        write!(text, "{environment}\t{id}\tOrganization {it}\t{moment}\t{moment}")
    })
    .await?;
    let users = forest.members.iter().map(|member| member.user).max().map_or(0, |last| last + 1);
    let table = "users (environment, id, email, email_normal, created_at, updated_at)";
    copy(pool, table, 0..users, |text, it| {
        let (id, moment) = (Name::user(it), moment(it));
        write!(text, "{environment}\t{id}\tuser{it}@example.com\tuser{it}@example.com\t{moment}\t{moment}")
    })
    .await?;
    let table = "organization_memberships \
                 (environment, id, user_id, organization_id, subject, status, created_at, updated_at)";
    copy(pool, table, (0..).zip(&forest.members), |text, (it, member)| {
        let (id, user, moment) = (Name::membership(it), Name::user(member.user), moment(it));
        let (organization, subject) = (Name::organization(member.organization), it + 1);
        let status = match member.status {
            Status::Active => "active",
            Status::Inactive => "inactive",
            Status::Pending => "pending",
        };
        write!(text, "{environment}\t{id}\t{user}\t{organization}\t{subject}\t{status}\t{moment}\t{moment}")
    })
    .await?;
    let table = "groups (environment, id, organization_id, subject, name, created_at, updated_at)";
    copy(pool, table, (0..).zip(&forest.groups), |text, (it, &organization)| {
        let (id, organization, moment) = (Name::group(it), Name::organization(organization), moment(it));
        let subject = forest.subject_of_group(it) + 1;
        write!(text, "{environment}\t{id}\t{organization}\t{subject}\tGroup {it}\t{moment}\t{moment}")
    })
    .await?;
    let table = "group_members \
                 (environment, membership_subject, group_subject, organization_membership_id, created_at)";
    copy(pool, table, &forest.belongs, |text, &(member, group)| {
        let (id, moment) = (Name::membership(member), moment(group));
        let (member, group) = (member + 1, forest.subject_of_group(group) + 1);
        write!(text, "{environment}\t{member}\t{group}\t{id}\t{moment}")
    })
    .await
}

async fn resources(pool: &PgPool, keys: &Keys, truth: &Truth) -> Result<(), Fault> {
    let (environment, forest) = (keys.environment, &truth.forest);
    let table = "resources \
                 (environment, key, id, organization_id, type, parent, external_id, name, created_at, updated_at)";
    copy(pool, table, 0..number(forest.parent.len()), |text, it| {
        let (key, id, moment) = (it + 1, Name::resource(it), moment(it));
        let organization = Name::organization(forest.organization[it as usize]);
        let kind = keys.types[forest.kind_of(it) as usize];
        write!(text, "{environment}\t{key}\t{id}\t{organization}\t{kind}\t")?;
        match forest.parent[it as usize] {
            NONE => write!(text, "\\N\t\\N\t\\N")?,
            parent => write!(text, "{}\tr{it}\tResource {it}", parent + 1)?,
        }
        write!(text, "\t{moment}\t{moment}")
    })
    .await?;
    let lines =
        (0..number(forest.parent.len())).flat_map(|it| (0_u8..).zip(truth.path(it)).map(move |line| (it, line)));
    copy(pool, "resource_ancestors (descendant, ancestor, depth, type)", lines, |text, (it, (depth, ancestor))| {
        let kind = keys.types[forest.kind_of(it) as usize];
        write!(text, "{}\t{}\t{depth}\t{kind}", it + 1, ancestor + 1)
    })
    .await
}

async fn assignments(pool: &PgPool, keys: &Keys, forest: &Forest) -> Result<(), Fault> {
    let table = "role_assignments \
                 (environment, id, organization_id, subject, role, resource, created_at, updated_at)";
    let members = number(forest.members.len());
    let on_root: std::collections::HashSet<u32> = forest
        .grants
        .iter()
        .filter(|grant| forest.kind_of(grant.resource) == ROOT)
        .map(|grant| grant.subject)
        .collect();
    let defaults = (0..members).filter(|member| !on_root.contains(member));
    let defaults = defaults.map(|member| {
        let organization = forest.members[member as usize].organization;
        (member, keys.default_role, organization)
    });
    let granted = forest
        .grants
        .iter()
        .map(|grant| (grant.subject, keys.role(forest.kind_of(grant.resource), grant.level), grant.resource));
    let environment = keys.environment;
    copy(pool, table, (0..).zip(defaults.chain(granted)), |text, (it, (subject, role, resource))| {
        let id = if subject < members { Name::assignment(it) } else { Name::group_assignment(it) };
        let organization = Name::organization(forest.organization[resource as usize]);
        let (subject, resource, moment) = (subject + 1, resource + 1, moment(it));
        write!(text, "{environment}\t{id}\t{organization}\t{subject}\t{role}\t{resource}\t{moment}\t{moment}")
    })
    .await
}

/// The statements that make the indexes again. Those behind constraints stay.
async fn drop_indexes(pool: &PgPool) -> Result<Vec<String>, Fault> {
    let found: Vec<(String, String)> = sqlx::query_as(
        "select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
         from pg_index i
         where i.indrelid = any('{resources, resource_ancestors, role_assignments, group_members}'::regclass[])
           and not exists (select from pg_constraint c where c.conindid = i.indexrelid)",
    )
    .fetch_all(pool)
    .await?;
    let mut statements = Vec::new();
    for (name, statement) in found {
        sqlx::raw_sql(AssertSqlSafe(format!("drop index {name}"))).execute(pool).await?;
        statements.push(statement);
    }
    Ok(statements)
}

/// What the server makes next comes after what was loaded.
async fn sequences(pool: &PgPool) -> Result<(), Fault> {
    sqlx::raw_sql(
        "select setval(pg_get_serial_sequence('resources', 'key'), (select max(key) from resources));
         select setval('subjects', (select max(subject) from groups));",
    )
    .execute(pool)
    .await?;
    Ok(())
}
