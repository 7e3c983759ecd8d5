//! Trees of resources, as the operator examines them: whether what is derived from the parents agrees with them.

use sqlx::FromRow;

use crate::db::System;
use crate::kernel::Result;
use crate::kernel::id::{EnvironmentKey, OrganizationId};
use crate::model::keys::ResourceKey;
use crate::sql;

/// An organization, with the root of its tree.
#[derive(Debug, Clone, FromRow)]
pub struct Tree {
    /// The environment.
    pub environment: EnvironmentKey,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The root, which every organization ought to have.
    pub root: Option<ResourceKey>,
}

/// Organizations are read so many at a time.
pub const AT_ONCE: usize = 100;

/// The organizations after this one, in their order.
pub async fn list(system: &mut System, after: Option<&Tree>) -> Result<Vec<Tree>> {
    let (environment, organization) =
        after.map_or((0, ""), |tree| (tree.environment.number(), tree.organization_id.as_str()));
    system
        .query(sql!(
            "select o.environment, o.id as organization_id, root.key as root
             from organizations o
             left join resources root
                  on root.environment = o.environment and root.organization_id = o.id and root.parent is null
             where (o.environment, o.id) > ($1, $2)
             order by o.environment, o.id limit 100"
        ))
        .bind(environment)
        .bind(organization)
        .all()
        .await
}

/// How what is derived differs from what it is derived from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromRow)]
pub struct Differences {
    /// Rows that ought to be there.
    pub missing: i64,
    /// Rows that ought not.
    pub surplus: i64,
    /// Rows that say another depth or type.
    pub wrong: i64,
    /// Resources whose parents do not lead to the root of their organization.
    pub orphans: i64,
}

// What the rows of organization `$2` ought to be. The walk goes down from the root, so it ends whatever the parents say;
// from what it reaches, every way up ends at the root.
macro_rules! expected {
    () => {
        "with recursive reached (key, type, parent) as (
             select key, type, parent from resources
             where environment = $1 and organization_id = $2 and parent is null
             union all
             select r.key, r.type, r.parent from reached above join resources r on r.parent = above.key
             where r.environment = $1 and r.organization_id = $2),
         climb (descendant, ancestor, depth, type, next) as (
             select key, key, 0, type, parent from reached
             union all
             select c.descendant, above.key, c.depth + 1, c.type, above.parent
             from climb c join reached above on above.key = c.next),
         own as (select key from resources where environment = $1 and organization_id = $2)"
    };
}

/// How the rows of a tree differ from what they ought to be, all at one moment.
pub async fn compare(system: &mut System, tree: &Tree) -> Result<Differences> {
    system
        .query(sql!(
            expected!(),
            ", kept as (select a.* from own join resource_ancestors a on a.descendant = own.key)
             select count(*) filter (where k.descendant is null) as missing,
                    count(*) filter (where c.descendant is null) as surplus,
                    count(*) filter (where (k.depth, k.type) <> (c.depth, c.type)) as wrong,
                    (select count(*) from own) - (select count(*) from reached) as orphans
             from climb c full join kept k on k.descendant = c.descendant and k.ancestor = c.ancestor"
        ))
        .bind(tree.environment)
        .bind(&tree.organization_id)
        .one()
        .await
}

/// Holds a tree against all who write it, until the transaction ends. The lock is that of the families of an environment.
pub async fn lock(system: &mut System, tree: &Tree) -> Result<()> {
    system
        .query(sql!(
            "with held as materialized (
                 select id from organizations where environment = $1 and id = $2 for key share)
             select pg_advisory_xact_lock(root.key)::text
             from held
             join resources root on root.environment = $1 and root.organization_id = held.id and root.parent is null"
        ))
        .bind(tree.environment)
        .bind(&tree.organization_id)
        .run()
        .await
        .map(drop)
}

/// Removes the rows of a locked tree that ought not to be there.
pub async fn delete_surplus(system: &mut System, tree: &Tree) -> Result<()> {
    system
        .query(sql!(
            expected!(),
            " delete from resource_ancestors a using own
              where a.descendant = own.key and not exists (
                  select from climb c where c.descendant = a.descendant and c.ancestor = a.ancestor)"
        ))
        .bind(tree.environment)
        .bind(&tree.organization_id)
        .run()
        .await
        .map(drop)
}

/// Writes the rows of a locked tree that are missing or wrong.
pub async fn write_missing(system: &mut System, tree: &Tree) -> Result<()> {
    system
        .query(sql!(
            expected!(),
            " insert into resource_ancestors as a (descendant, ancestor, depth, type)
              select c.descendant, c.ancestor, c.depth, c.type from climb c
              on conflict (descendant, ancestor) do update set depth = excluded.depth, type = excluded.type
              where (a.depth, a.type) <> (excluded.depth, excluded.type)"
        ))
        .bind(tree.environment)
        .bind(&tree.organization_id)
        .run()
        .await
        .map(drop)
}

/// Lets the statements of this transaction take as long as they need: a tree may have millions of resources.
pub async fn without_haste(system: &mut System) -> Result<()> {
    system.query(sql!("select set_config('statement_timeout', '0', true)")).run().await.map(drop)
}
