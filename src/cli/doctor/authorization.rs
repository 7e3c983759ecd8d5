//! Whether the trees of resources are sound: what is derived from the parents is what decisions are made by.
//!
//! One organization at a time. To look takes no lock: a statement sees one moment. To repair holds the tree, so whoever
//! writes it waits, and writes what is derived only; the parents themselves are the truth.

use super::findings::Findings;
use crate::db::{Database, System};
use crate::domain;
use crate::kernel::Result;
use crate::store::system::resource_trees::{self, Differences, Tree};

const CHECK: &str = "authorization";
/// So many organizations are named; of more, the number.
const MOST_NAMED: usize = 20;
const REPAIR: &str = "run `vestibule doctor --authorization --repair`; a server may go on running beside it";
const ORPHANS: &str = "somebody wrote their parents past the server: put them below a resource of their organization with \
                       psql, and run this again";

pub(super) async fn examine(database: &Database, repair: bool, findings: &mut Findings) -> Result<()> {
    let (mut sound, mut others, mut last) = (0, 0, None);
    loop {
        let trees = resource_trees::list(&mut database.system().await?, last.as_ref()).await?;
        for tree in &trees {
            let Some(found) = look(database, tree).await? else {
                sound += 1;
                continue;
            };
            others += 1;
            if others <= MOST_NAMED || repair {
                one(database, tree, found, repair, findings).await?;
            }
        }
        if trees.len() < resource_trees::AT_ONCE {
            break;
        }
        last = trees.into_iter().next_back();
    }
    if !repair && others > MOST_NAMED {
        findings.failed(CHECK, format!("{} more organizations are like them", others - MOST_NAMED), REPAIR);
    }
    if others == 0 {
        findings.ok(CHECK, format!("the trees of all {sound} organizations are sound"));
    }
    Ok(())
}

/// What is wrong with a tree: that there is none, or how it differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    NoRoot,
    Differs(Differences),
}

async fn look(database: &Database, tree: &Tree) -> Result<Option<Fault>> {
    database
        .write_system(async |system| {
            resource_trees::without_haste(system).await?;
            fault(system, tree).await
        })
        .await
}

async fn fault(system: &mut System, tree: &Tree) -> Result<Option<Fault>> {
    if tree.root.is_none() {
        return Ok(Some(Fault::NoRoot));
    }
    let differences = resource_trees::compare(system, tree).await?;
    Ok((differences != Differences::default()).then_some(Fault::Differs(differences)))
}

async fn one(database: &Database, tree: &Tree, found: Fault, repair: bool, findings: &mut Findings) -> Result<()> {
    let id = &tree.organization_id;
    let what = words(found);
    if !repair {
        findings.failed(CHECK, format!("{id}: {what}"), REPAIR);
        return Ok(());
    }
    match self::repair(database, tree).await? {
        None => findings.ok(CHECK, format!("{id}: {what}; repaired")),
        Some(left) => findings.failed(CHECK, format!("{id}: {} after the repair", words(left)), ORPHANS),
    }
    Ok(())
}

fn words(fault: Fault) -> String {
    match fault {
        Fault::NoRoot => "it has no resource of its own".to_owned(),
        Fault::Differs(Differences { missing, surplus, wrong, orphans }) => format!(
            "of what stands above what, {missing} rows are missing, {surplus} are too many, {wrong} are wrong; {orphans} \
             resources stand below no root"
        ),
    }
}

/// Writes what is derived anew, as far as it differs; what is wrong after that.
async fn repair(database: &Database, tree: &Tree) -> Result<Option<Fault>> {
    database
        .write_system(async |system| {
            resource_trees::without_haste(system).await?;
            if tree.root.is_none() {
                let id = &tree.organization_id;
                system.within(tree.environment, async |tx| domain::resources::create_root(tx, id).await).await?;
            }
            resource_trees::lock(system, tree).await?;
            resource_trees::delete_surplus(system, tree).await?;
            resource_trees::write_missing(system, tree).await?;
            let left = resource_trees::compare(system, tree).await?;
            Ok((left != Differences::default()).then_some(Fault::Differs(left)))
        })
        .await
}
