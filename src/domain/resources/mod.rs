//! Resources: what is put below the root of an organization's tree, moved and deleted. The root is made with its
//! organization.
//!
//! Whoever writes a tree holds, in this order, its organization, the types, the tree, and then rows of it. Those who add
//! to a tree or change names in it share it; those who move or delete have it for themselves, so that nobody puts
//! something below what is on its way. Resources have no events.
//!
//! What a file says of a whole tree is in [`many`].

pub mod many;

use std::ops::ControlFlow;

use crate::db::{Tx, is_lock_timeout};
use crate::kernel::id::{OrganizationId, ResourceId};
use crate::kernel::patch::Patch;
use crate::kernel::{Error, Result};
use crate::model::keys::ResourceKey;
use crate::model::resource_types::ORGANIZATION;
use crate::model::resources::{Resource, ResourceAddress, ResourceTarget};
use crate::store;
use crate::store::resources::New;
use crate::store::resources::tree::{self, Place, Tree};

/// Resources may stand that many levels below the root.
const MOST_LEVELS: i16 = 16;

/// What a new resource is made of.
#[derive(Debug)]
pub struct Create {
    /// Its id, where a seed pins it.
    pub id: Option<ResourceId>,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The slug of its type.
    pub resource_type_slug: String,
    /// What the application calls it.
    pub external_id: String,
    /// The name that people use.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// The resource that it is put below: the root, if none is named.
    pub parent: Option<ResourceTarget>,
}

/// What an update of a resource changes.
#[derive(Debug, Default)]
pub struct Update {
    /// A new name.
    pub name: Option<String>,
    /// What it is.
    pub description: Patch<String>,
    /// The resource that it is put below, with all that is below itself.
    pub parent: Option<ResourceTarget>,
}

/// Makes the root of an organization's tree anew, where a repair found none. An organization comes with its root.
pub async fn create_root(tx: &mut Tx, organization: &OrganizationId) -> Result<()> {
    let id: ResourceId = tx.mint();
    let now = tx.now();
    if store::resources::insert_root(tx, &id, organization, ORGANIZATION, now).await? {
        return Ok(());
    }
    Err(Error::internal("the environment has no resource type for organizations"))
}

/// Puts a new resource into the tree of its organization.
pub async fn create(tx: &mut Tx, input: Create) -> Result<Resource> {
    bounded(insert(tx, input).await)
}

async fn insert(tx: &mut Tx, input: Create) -> Result<Resource> {
    let Create { id, organization_id, resource_type_slug, external_id, name, description, parent } = input;
    if resource_type_slug == ORGANIZATION {
        let message = "resource_type_slug cannot be that of organizations: their resources come with them.";
        return Err(Error::field("resource_type_slug", "invalid_value", message));
    }
    held(tree::share(tx, &organization_id).await?)?;
    let place = tree::place(tx, &organization_id, &resource_type_slug, parent.as_ref()).await?;
    let Some(resource_type) = place.resource_type else {
        return Err(Error::missing_named("Resource type", &resource_type_slug));
    };
    let parent = fits(&place, &resource_type_slug, parent.as_ref(), 0)?;
    let (id, name, now) = (id.unwrap_or_else(|| tx.mint()), name.trim(), tx.now());
    let new = New {
        id: &id,
        organization_id: &organization_id,
        resource_type,
        parent,
        external_id: &external_id,
        name,
        description: description.as_deref(),
    };
    store::resources::insert(tx, new, now).await
}

/// Changes a resource, and moves it if it is put below another one. A change that changes nothing leaves `updated_at`
/// alone. Whoever has a role above its new place has it on the resource from now on, and whoever had one above its old
/// place only, no longer.
pub async fn update(tx: &mut Tx, address: &ResourceAddress, input: Update) -> Result<Resource> {
    bounded(change(tx, address, input).await)
}

async fn change(tx: &mut Tx, address: &ResourceAddress, input: Update) -> Result<Resource> {
    let Update { name: display_name, description, parent } = input;
    let found = editable(tx, address).await?;
    held(match &parent {
        Some(_) => tree::lock(tx, &found.organization_id).await?,
        None => tree::share(tx, &found.organization_id).await?,
    })?;
    let current = store::resources::lock(tx, found.key).await?.ok_or_else(|| Error::missing(&found.id))?;
    let mut resource = current.clone();
    if let Some(display_name) = display_name {
        resource.name = display_name.trim().to_owned();
    }
    resource.description = description.or(resource.description);
    if let Some(parent) = &parent {
        resource.parent_resource_id = put_below(tx, &resource, parent).await?;
    }
    if resource != current {
        resource.updated_at = tx.now();
        store::resources::update(tx, &resource).await?;
    }
    Ok(resource)
}

/// Moves a resource of a locked tree below another one, whose id this returns. One that is there already stays.
async fn put_below(tx: &mut Tx, resource: &Resource, target: &ResourceTarget) -> Result<Option<ResourceId>> {
    let Resource { key, organization_id, resource_type_slug, parent_resource_id, .. } = resource;
    let place = tree::place(tx, organization_id, resource_type_slug, Some(target)).await?;
    if place.parent_id.is_some() && place.parent_id == *parent_resource_id {
        return Ok(place.parent_id);
    }
    if let Some(parent) = place.parent
        && tree::is_above(tx, *key, parent).await?
    {
        let message = "A resource cannot be put below itself or below one that it stands above.";
        return Err(Error::unprocessable("resource_cycle", message));
    }
    let height = tree::height(tx, *key).await?;
    let parent = fits(&place, resource_type_slug, Some(target), height)?;
    tree::delete_ancestors(tx, *key, parent).await?;
    tree::insert_ancestors(tx, *key, parent).await?;
    tree::set_parent(tx, *key, parent).await?;
    Ok(place.parent_id)
}

/// Deletes a resource. With `cascade`, all that is below it too, and the roles that were given on any of that; without,
/// only one that has neither.
///
/// Of very many resources it deletes some, the lowest: it is to be done again, in another transaction, until it breaks off.
pub async fn delete(tx: &mut Tx, address: &ResourceAddress, cascade: bool) -> Result<ControlFlow<()>> {
    bounded(remove(tx, address, cascade).await)
}

async fn remove(tx: &mut Tx, address: &ResourceAddress, cascade: bool) -> Result<ControlFlow<()>> {
    let found = editable(tx, address).await?;
    held(tree::lock(tx, &found.organization_id).await?)?;
    let resource = store::resources::lock_for_deletion(tx, found.key).await?;
    let resource = resource.ok_or_else(|| Error::missing(&found.id))?;
    if !cascade && tree::has_dependents(tx, resource.key).await? {
        let message = "The resource has children or role assignments. Delete them first, or set cascade_delete.";
        return Err(Error::conflict("resource_has_dependents", message));
    }
    if cascade && tree::is_large(tx, resource.key).await? {
        tree::delete_some_below(tx, resource.key).await?;
        return Ok(ControlFlow::Continue(()));
    }
    tree::delete(tx, resource.key).await.map(ControlFlow::Break)
}

/// The resource of this address, as it was before anything is held. A root is its organization, and changes with it only.
async fn editable(tx: &mut Tx, address: &ResourceAddress) -> Result<Resource> {
    let resource = match address {
        ResourceAddress::Id(id) => store::resources::get(tx, id).await?,
        ResourceAddress::External { organization_id, resource_type_slug, external_id } => {
            store::resources::get_by_external_id(tx, organization_id, resource_type_slug, external_id).await?
        }
    };
    if resource.parent_resource_id.is_some() {
        return Ok(resource);
    }
    let message = "The resource of an organization is changed and deleted with the organization only.";
    Err(Error::forbidden("organization_resource", message))
}

/// Whether a tree is held: nobody waits for an edit of the types.
fn held(tree: Tree) -> Result<()> {
    if tree.is_held {
        return Ok(());
    }
    let message = "Resource types are being updated. Try again shortly.";
    Err(Error::conflict("resource_type_update_in_progress", message))
}

/// The parent of a place where a resource of this type can stand that has so many levels below it.
fn fits(place: &Place, slug: &str, target: Option<&ResourceTarget>, height: i16) -> Result<ResourceKey> {
    let Some(parent) = place.parent else {
        let name = target.map_or(ORGANIZATION, ResourceTarget::name);
        return Err(Error::missing_named("Authorization resource", name));
    };
    if !place.is_allowed {
        let message = format!("A resource of the type '{slug}' cannot stand below a resource of that type.");
        return Err(Error::unprocessable("invalid_parent_resource_type", message));
    }
    if place.depth + 1 + height > MOST_LEVELS {
        let message = format!("Resources may stand at most {MOST_LEVELS} levels below their organization.");
        return Err(Error::unprocessable("resources_too_deep", message));
    }
    Ok(parent)
}

/// Waiting has an end, which clients are told of in a way of their own.
fn bounded<T>(outcome: Result<T>) -> Result<T> {
    outcome.map_err(|error| {
        if !is_lock_timeout(&error) {
            return error;
        }
        Error::refused("lock_timeout", "Another change of these resources takes too long. Try again shortly.")
    })
}
