//! Types of resources: what may stand below what.
//!
//! They form a graph below the type of organizations, in which a type may have several parents. It has no circles but
//! that a type may be its own parent: then its resources nest. Edits of types wait for one another, so that each is held
//! against the graph that is there; those that could make a resource wrong that is being written refuse such writes for
//! as long as they take. Types have no events.

use std::collections::HashMap;
use std::ops::ControlFlow;

use crate::db::Tx;
use crate::kernel::patch::Patch;
use crate::kernel::{Error, Result};
use crate::model::keys::ResourceTypeKey;
use crate::model::resource_types::{ORGANIZATION, ResourceType};
use crate::store;
use crate::store::resource_types::New;
use crate::store::resources::tree;

/// Types may stand that deep below the type of organizations. One that is its own parent counts once.
const MOST_LEVELS: usize = 5;
/// That many types may stand directly below one, apart from itself.
const MOST_CHILDREN: usize = 10;

/// What a new type is made of.
#[derive(Debug, Default)]
pub struct Create {
    /// The name that programs use.
    pub slug: String,
    /// The name that people use.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// The slugs of the types that its resources may stand below, its own among them if they nest: the organization
    /// itself, if nothing else is said.
    pub parents: Option<Vec<String>>,
}

/// What an update of a type changes.
#[derive(Debug, Default)]
pub struct Update {
    /// A new name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Patch<String>,
    /// The slugs of all types that its resources may stand below.
    pub parents: Option<Vec<String>>,
}

/// Makes the type of organizations' roots, which every environment has. No event: nobody can watch an environment
/// that is only being made.
pub async fn seed(tx: &mut Tx) -> Result<ResourceTypeKey> {
    let now = tx.now();
    let new = New { slug: ORGANIZATION, name: "Organization", description: None };
    store::resource_types::insert(tx, new, now).await
}

/// Makes a type, of which there is no resource yet.
pub async fn create(tx: &mut Tx, input: Create) -> Result<ResourceType> {
    let Create { slug, name, description, parents } = input;
    let parents = sorted(parents.unwrap_or_else(|| vec![ORGANIZATION.to_owned()]));
    let mut types = store::resource_types::lock_all(tx).await?;
    let (name, now) = (name.trim().to_owned(), tx.now());
    let new = New { slug: &slug, name: &name, description: description.as_deref() };
    let key = store::resource_types::insert(tx, new, now).await?;
    let kind = ResourceType { key, slug, name, description, parents, created_at: now, updated_at: now };
    types.push(kind.clone());
    check(&types, &kind)?;
    store::resource_types::insert_parents(tx, key, &keys(&types, &kind.parents)).await?;
    Ok(kind)
}

/// Changes a type. Parents that it loses must have no resource of it below them. A change that changes nothing leaves
/// `updated_at` alone.
pub async fn update(tx: &mut Tx, slug: &str, input: Update) -> Result<ResourceType> {
    let Update { name, description, parents } = input;
    let mut types = store::resource_types::lock_all(tx).await?;
    let current = editable(&types, slug)?;
    let mut kind = current.clone();
    if let Some(name) = name {
        kind.name = name.trim().to_owned();
    }
    kind.description = description.or(kind.description);
    kind.parents = parents.map_or(kind.parents, sorted);
    if kind == current {
        return Ok(kind);
    }
    if kind.parents != current.parents {
        types.retain(|other| other.key != kind.key);
        types.push(kind.clone());
        check(&types, &kind)?;
        replace_parents(tx, &types, &current, &kind).await?;
    }
    kind.updated_at = tx.now();
    store::resource_types::update(tx, &kind).await?;
    Ok(kind)
}

/// Deletes a type, with all of its resources. Only one below which no other stands, and only when no role and no permission
/// is of it any more, so that nobody has a role on any of them.
///
/// Of very many resources it deletes some: it is to be done again, in another transaction, until it breaks off.
pub async fn delete(tx: &mut Tx, slug: &str) -> Result<ControlFlow<()>> {
    let types = store::resource_types::lock_all(tx).await?;
    let kind = editable(&types, slug)?;
    if let Some(child) = types.iter().find(|child| child.key != kind.key && child.parents.contains(&kind.slug)) {
        let message = format!("The resource type '{}' stands below '{slug}': delete it first, or move it.", child.slug);
        return Err(Error::conflict("resource_type_has_children", message));
    }
    store::resource_types::exclude_resource_writes(tx).await?;
    store::resource_types::lock_for_deletion(tx, kind.key).await?;
    if store::resource_types::is_in_use(tx, kind.key).await? {
        let message = format!("Roles or permissions are scoped to the resource type '{slug}': delete them first.");
        return Err(Error::conflict("resource_type_in_use", message));
    }
    if tree::has_many_of_type(tx, kind.key).await? {
        tree::delete_some_of_type(tx, kind.key).await?;
        return Ok(ControlFlow::Continue(()));
    }
    tree::delete_of_type(tx, kind.key).await?;
    store::resource_types::delete(tx, kind.key).await.map(ControlFlow::Break)
}

/// Writes the difference between the parents that a type had and those that it has.
async fn replace_parents(tx: &mut Tx, types: &[ResourceType], old: &ResourceType, new: &ResourceType) -> Result<()> {
    let lost: Vec<_> = old.parents.iter().filter(|slug| !new.parents.contains(slug)).cloned().collect();
    let lost = keys(types, &lost);
    store::resource_types::exclude_resource_writes(tx).await?;
    if !lost.is_empty() && store::resource_types::has_resource_below(tx, new.key, &lost).await? {
        let message = format!(
            "Resources of the type '{}' stand below a parent type that it would lose: move or delete them first.",
            new.slug
        );
        return Err(Error::conflict("resource_type_parent_in_use", message));
    }
    store::resource_types::delete_parents(tx, new.key, &lost).await?;
    store::resource_types::insert_parents(tx, new.key, &keys(types, &new.parents)).await
}

/// The type that is to be changed or deleted, which that of organizations cannot be.
fn editable(types: &[ResourceType], slug: &str) -> Result<ResourceType> {
    if slug == ORGANIZATION {
        let message = "The resource type of organizations cannot be changed or deleted.";
        return Err(Error::forbidden("organization_resource_type", message));
    }
    let found = types.iter().find(|kind| kind.slug == slug).cloned();
    found.ok_or_else(|| Error::missing_named("Resource type", slug))
}

fn sorted(mut slugs: Vec<String>) -> Vec<String> {
    slugs.sort_unstable();
    slugs.dedup();
    slugs
}

fn keys(types: &[ResourceType], slugs: &[String]) -> Vec<ResourceTypeKey> {
    types.iter().filter(|kind| slugs.contains(&kind.slug)).map(|kind| kind.key).collect()
}

/// Whether the graph of all types is well, after this one of them was made or moved.
fn check(types: &[ResourceType], changed: &ResourceType) -> Result<()> {
    if let Some(unknown) = changed.parents.iter().find(|slug| types.iter().all(|kind| kind.slug != **slug)) {
        return Err(Error::missing_named("Resource type", unknown));
    }
    if changed.parents.iter().all(|parent| *parent == changed.slug) {
        let message = "parents must name a type other than this one, or no resource of it could be made.";
        return Err(Error::field("parents", "invalid_value", message));
    }
    let is_child =
        |kind: &ResourceType, parent: &str| kind.slug != parent && kind.parents.iter().any(|it| it == parent);
    let children = |parent: &str| types.iter().filter(|kind| is_child(kind, parent)).count();
    if let Some(full) = changed.parents.iter().find(|parent| children(parent) > MOST_CHILDREN) {
        let message = format!("At most {MOST_CHILDREN} resource types may stand directly below '{full}'.");
        return Err(Error::unprocessable("resource_type_has_too_many_children", message));
    }
    let mut levels = HashMap::new();
    for kind in types {
        if level(types, &kind.slug, &mut levels)? > MOST_LEVELS {
            let message = format!("Resource types may stand at most {MOST_LEVELS} levels below the organization.");
            return Err(Error::unprocessable("resource_types_too_deep", message));
        }
    }
    Ok(())
}

/// How deep a type stands, on the longest way. The map holds what is known already, and None for what is being asked.
fn level<'t>(types: &'t [ResourceType], slug: &'t str, levels: &mut HashMap<&'t str, Option<usize>>) -> Result<usize> {
    match levels.get(slug) {
        Some(Some(level)) => return Ok(*level),
        Some(None) => {
            let message = format!("The resource type '{slug}' would stand below itself, by way of another type.");
            return Err(Error::unprocessable("resource_type_cycle", message));
        }
        None => levels.insert(slug, None),
    };
    let parents = types.iter().filter(|kind| kind.slug == slug).flat_map(|kind| &kind.parents);
    let mut deepest = 0;
    for parent in parents.filter(|parent| *parent != slug) {
        deepest = deepest.max(level(types, parent, levels)? + 1);
    }
    levels.insert(slug, Some(deepest));
    Ok(deepest)
}
