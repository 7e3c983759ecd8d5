//! Very many resources of one organization at once, as a file names them: the tree made to agree.
//!
//! The rules are those of one resource at a time. New resources are written level by level, so that what they stand below
//! is there, but under keys that were reserved in the order of the file, which is therefore the order of lists. Moves are
//! made one by one: they are few, and each is about all that is below.

use std::collections::HashMap;

use super::{MOST_LEVELS, Update, bounded, change, fits, held};
use crate::db::Tx;
use crate::kernel::id::{OrganizationId, ResourceId};
use crate::kernel::patch::Patch;
use crate::kernel::{Error, Result};
use crate::model::keys::{ResourceKey, ResourceTypeKey};
use crate::model::resource_types::{ORGANIZATION, ResourceType};
use crate::model::resources::{ResourceAddress, ResourceTarget};
use crate::store;
use crate::store::resources::New;
use crate::store::resources::many::{self, AT_ONCE, Found};
use crate::store::resources::tree::{self, Place};
use crate::store::role_assignments::targets;

/// A resource, as it is to be.
#[derive(Debug)]
pub struct Wanted<'w> {
    /// How errors name it.
    pub at: &'w str,
    /// Its id, if it is pinned.
    pub id: Option<&'w ResourceId>,
    /// The slug of its type. It is known by this and the next.
    pub resource_type_slug: &'w str,
    /// What the application calls it.
    pub external_id: &'w str,
    /// The name that people use.
    pub name: &'w str,
    /// What it is; nothing leaves it as it is.
    pub description: Option<&'w str>,
    /// What it stands below. Without, a new one stands below the root, and one that is there stays where it is.
    pub parent: Option<&'w ResourceTarget>,
}

/// What became of a resource that was wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was made.
    Made,
    /// It was there, and otherwise.
    Changed,
    /// It was there.
    Same,
}

/// Makes the tree of an organization agree with these, of which no two are the same; what became of each. What else is in
/// the tree stays.
pub async fn settle(tx: &mut Tx, organization: &OrganizationId, wanted: &[Wanted<'_>]) -> Result<Vec<Outcome>> {
    bounded(agree(tx, organization, wanted).await)
}

async fn agree(tx: &mut Tx, organization: &OrganizationId, wanted: &[Wanted<'_>]) -> Result<Vec<Outcome>> {
    // Something may have to be moved, and who shares a tree cannot begin to have it for themselves.
    held(tree::lock(tx, organization).await?)?;
    let types = store::resource_types::list(tx).await?;
    let mut work = Work::look(tx, organization, &types, wanted).await?;
    work.describe(tx).await?;
    work.place(tx).await?;
    Ok(work.entries.into_iter().map(|entry| entry.outcome).collect())
}

/// Where a resource is to stand.
#[derive(Debug, Clone)]
enum Above {
    /// Where it is.
    Here,
    /// Below another one that is wanted.
    Wanted(usize),
    /// Below one that is there, and not among those that are wanted.
    There { key: ResourceKey, id: ResourceId, type_slug: String },
}

/// What is known of a resource that is wanted.
#[derive(Debug)]
struct Entry {
    /// The place of its type.
    kind: usize,
    /// Its key and id, once there is one.
    there: Option<(ResourceKey, ResourceId)>,
    /// What it stands below now.
    parent: Option<ResourceKey>,
    above: Above,
    outcome: Outcome,
    /// How it differs, if it is there and it does: by what it is called from now on.
    is_renamed: bool,
    description: Option<String>,
}

struct Work<'w> {
    organization: &'w OrganizationId,
    types: &'w [ResourceType],
    wanted: &'w [Wanted<'w>],
    entries: Vec<Entry>,
}

impl<'w> Work<'w> {
    /// Finds what is there of what is wanted.
    async fn look(
        tx: &mut Tx,
        organization: &'w OrganizationId,
        types: &'w [ResourceType],
        wanted: &'w [Wanted<'w>],
    ) -> Result<Self> {
        let mut entries = Vec::with_capacity(wanted.len());
        for chunk in wanted.chunks(AT_ONCE) {
            let kinds = chunk.iter().map(|one| kind(types, one)).collect::<Result<Vec<_>>>()?;
            let names: Vec<_> =
                chunk.iter().zip(&kinds).map(|(one, (_, kind))| (one.id, kind.key, one.external_id)).collect();
            let mut found = many::find_all(tx, organization, &names).await?.into_iter().peekable();
            for (place, (one, (kind, _))) in (1..).zip(chunk.iter().zip(kinds)) {
                let mut own = Vec::new();
                while let Some(next) = found.next_if(|next| next.place == place) {
                    own.push(next);
                }
                entries.push(entry(one, kind, meant(organization, one, own)?));
            }
        }
        let mut work = Self { organization, types, wanted, entries };
        work.look_above(tx).await?;
        Ok(work)
    }

    /// Finds what each is to stand below: another one that is wanted, or one that is there.
    async fn look_above(&mut self, tx: &mut Tx) -> Result<()> {
        let (mut by_id, mut by_name, mut by_key) = (HashMap::new(), HashMap::new(), HashMap::new());
        for (place, (one, entry)) in self.wanted.iter().zip(&self.entries).enumerate() {
            by_name.insert((one.resource_type_slug, one.external_id), place);
            by_id.extend(one.id.map(|id| (id, place)));
            by_key.extend(entry.there.as_ref().map(|(key, _)| (*key, place)));
        }
        let mut elsewhere = Vec::new();
        for (place, (one, entry)) in self.wanted.iter().zip(&mut self.entries).enumerate() {
            let other = match one.parent {
                None if entry.there.is_some() => continue,
                None => None,
                Some(ResourceTarget::Id(id)) => by_id.get(id),
                Some(ResourceTarget::External { resource_type_slug, external_id }) => {
                    by_name.get(&(resource_type_slug.as_str(), external_id.as_str()))
                }
            };
            match other {
                Some(&other) => entry.above = Above::Wanted(other),
                None => elsewhere.push(place),
            }
        }
        for places in elsewhere.chunks(AT_ONCE) {
            let named: Vec<_> = places.iter().filter_map(|&place| self.wanted.get(place)).collect();
            let targets: Vec<_> = named.iter().map(|one| one.parent).collect();
            let found = targets::find_all(tx, self.organization, &targets).await?;
            for ((&place, one), target) in places.iter().zip(named).zip(found) {
                let target = target.ok_or_else(|| missing(one))?;
                let above = match by_key.get(&target.key) {
                    Some(&other) => Above::Wanted(other),
                    None => Above::There {
                        key: target.key,
                        id: target.resource.id,
                        type_slug: target.resource.resource_type_slug,
                    },
                };
                self.entry(place)?.above = above;
            }
        }
        Ok(())
    }

    fn entry(&mut self, place: usize) -> Result<&mut Entry> {
        self.entries.get_mut(place).ok_or_else(lost)
    }

    fn one(&self, place: usize) -> Result<(&'w Wanted<'w>, &Entry)> {
        self.wanted.get(place).zip(self.entries.get(place)).ok_or_else(lost)
    }

    /// The key, id and type of what an entry is to stand below, None if it is where it is to be.
    fn above<'a>(&'a self, entry: &'a Entry) -> Option<(Option<ResourceKey>, Option<&'a ResourceId>, &'a str)> {
        match &entry.above {
            Above::Here => None,
            Above::There { key, id, type_slug } => Some((Some(*key), Some(id), type_slug)),
            Above::Wanted(other) => {
                let other = self.entries.get(*other)?;
                let kind = self.types.get(other.kind)?;
                let (key, id) = other.there.as_ref().map(|(key, id)| (*key, id)).unzip();
                Some((key, id, &kind.slug))
            }
        }
    }

    /// Writes what those are called that are there, and do not move.
    async fn describe(&mut self, tx: &mut Tx) -> Result<()> {
        let moving: Vec<_> = (0..self.entries.len()).filter(|&place| self.is_to_be_placed(place)).collect();
        let mut described = Vec::new();
        for (place, (one, entry)) in self.wanted.iter().zip(&mut self.entries).enumerate() {
            if let Some((key, _)) = entry.there.as_ref().filter(|_| entry.is_renamed)
                && moving.binary_search(&place).is_err()
            {
                entry.outcome = Outcome::Changed;
                described.push((*key, one.name.trim(), one.description.or(entry.description.as_deref())));
            }
        }
        let now = tx.now();
        for chunk in described.chunks(AT_ONCE) {
            many::describe(tx, chunk, now).await?;
        }
        Ok(())
    }

    /// Whether a resource is to be made or moved.
    fn is_to_be_placed(&self, place: usize) -> bool {
        let Some(entry) = self.entries.get(place) else { return false };
        match self.above(entry) {
            None => false,
            Some((above, _, _)) => entry.there.is_none() || above.is_none() || above != entry.parent,
        }
    }

    /// Makes what is not there, and moves what stands elsewhere, each after what it is to stand below.
    async fn place(&mut self, tx: &mut Tx) -> Result<()> {
        let levels = self.levels()?;
        let new = self.entries.iter().filter(|entry| entry.there.is_none()).count();
        let keys = self.reserve(tx, new).await?;
        let mut waiting = Vec::new();
        for level in levels {
            let (moves, news): (Vec<_>, Vec<_>) =
                level.into_iter().partition(|&place| self.entries.get(place).is_some_and(|it| it.there.is_some()));
            waiting.extend(moves);
            waiting = self.move_all(tx, waiting, false).await?;
            for chunk in news.chunks(AT_ONCE) {
                self.make(tx, chunk, &keys).await?;
            }
        }
        self.move_all(tx, waiting, true).await.map(drop)
    }

    /// Those that are to be placed, in the order in which they can be: each level needs those before it only.
    fn levels(&self) -> Result<Vec<Vec<usize>>> {
        let mut below: HashMap<usize, Vec<usize>> = HashMap::new();
        let (mut level, mut levels) = (Vec::new(), Vec::new());
        for (place, entry) in self.entries.iter().enumerate().filter(|(place, _)| self.is_to_be_placed(*place)) {
            match entry.above {
                Above::Wanted(other) if self.is_to_be_placed(other) => below.entry(other).or_default().push(place),
                Above::Wanted(_) | Above::There { .. } | Above::Here => level.push(place),
            }
        }
        while !level.is_empty() {
            let mut next: Vec<_> = level.iter().filter_map(|place| below.remove(place)).flatten().collect();
            next.sort_unstable();
            levels.push(std::mem::replace(&mut level, next));
        }
        match below.into_values().flatten().min() {
            None => Ok(levels),
            Some(place) => {
                let message = "the resources above it stand below one another in a circle.";
                Err(at_parent(self.one(place)?.0, Error::unprocessable("resource_cycle", message)))
            }
        }
    }

    /// Keys and ids for those that are to be made, in their order.
    async fn reserve(&self, tx: &mut Tx, many: usize) -> Result<HashMap<usize, (ResourceKey, ResourceId)>> {
        let mut keys = Vec::with_capacity(many);
        while keys.len() < many {
            keys.extend(many::reserve_keys(tx, AT_ONCE.min(many - keys.len())).await?);
        }
        let new = self.wanted.iter().zip(&self.entries).enumerate().filter(|(_, (_, entry))| entry.there.is_none());
        let id = |one: &Wanted<'_>| one.id.cloned().unwrap_or_else(|| tx.mint());
        Ok(new.zip(keys).map(|((place, (one, _)), key)| (place, (key, id(one)))).collect())
    }

    /// Makes resources below others that are there.
    async fn make(
        &mut self,
        tx: &mut Tx,
        places: &[usize],
        keys: &HashMap<usize, (ResourceKey, ResourceId)>,
    ) -> Result<()> {
        let mut above = Vec::with_capacity(places.len());
        for &place in places {
            above.extend(self.above(self.one(place)?.1).and_then(|(key, _, _)| key));
        }
        above.sort_unstable();
        above.dedup();
        let depths: HashMap<_, _> = many::list_depths(tx, &above).await?.into_iter().collect();
        let mut new = Vec::with_capacity(places.len());
        for place in places {
            let (one, entry) = self.one(*place)?;
            let (key, id) = keys.get(place).ok_or_else(lost)?;
            let (parent, resource_type) = self.fitting(one, entry, &depths)?;
            let (external_id, name, description) = (one.external_id, one.name.trim(), one.description);
            let organization_id = self.organization;
            new.push((*key, New { id, organization_id, resource_type, parent, external_id, name, description }));
        }
        let now = tx.now();
        many::insert(tx, self.organization, &new, now).await?;
        for place in places {
            let there = keys.get(place).cloned();
            let entry = self.entry(*place)?;
            entry.there = there;
        }
        Ok(())
    }

    /// What a new resource is put below, and its type, if it can stand there.
    fn fitting(
        &self,
        one: &Wanted<'_>,
        entry: &Entry,
        depths: &HashMap<ResourceKey, i16>,
    ) -> Result<(ResourceKey, ResourceTypeKey)> {
        let kind = self.types.get(entry.kind).ok_or_else(lost)?;
        let (parent, _, slug) = self.above(entry).ok_or_else(lost)?;
        let place = Place {
            resource_type: Some(kind.key),
            parent,
            parent_id: None,
            is_allowed: kind.parents.iter().any(|parent| parent == slug),
            depth: parent.and_then(|parent| depths.get(&parent).copied()).unwrap_or(MOST_LEVELS),
        };
        let parent = fits(&place, &kind.slug, one.parent, 0).map_err(|error| at_parent(one, error))?;
        Ok((parent, kind.key))
    }

    /// Moves resources, each below one that is there; those that cannot be moved yet. One that would stand below itself, or
    /// too deep, may be able to when another one has made way: as long as any of them moves, the others are tried again.
    async fn move_all(&mut self, tx: &mut Tx, mut moves: Vec<usize>, is_last: bool) -> Result<Vec<usize>> {
        loop {
            let (mut left, mut first) = (Vec::new(), None);
            for &place in &moves {
                let (one, entry) = self.one(place)?;
                match self.move_one(tx, one, entry).await {
                    Ok(()) => self.entry(place)?.outcome = Outcome::Changed,
                    Err(error) if matches!(error.code(), Some("resource_cycle" | "resources_too_deep")) => {
                        first.get_or_insert_with(|| at_parent(one, error));
                        left.push(place);
                    }
                    Err(error) => return Err(at_parent(one, error)),
                }
            }
            match first {
                None => return Ok(left),
                Some(error) if is_last && left.len() == moves.len() => return Err(error),
                Some(_) if left.len() == moves.len() => return Ok(left),
                Some(_) => moves = left,
            }
        }
    }

    async fn move_one(&self, tx: &mut Tx, one: &Wanted<'_>, entry: &Entry) -> Result<()> {
        let (_, id) = entry.there.as_ref().ok_or_else(lost)?;
        let parent = self.above(entry).and_then(|(_, id, _)| id).ok_or_else(lost)?;
        let input = Update {
            name: Some(one.name.to_owned()),
            description: one.description.map_or(Patch::Absent, |text| Patch::Value(text.to_owned())),
            parent: Some(ResourceTarget::Id(parent.clone())),
        };
        change(tx, &ResourceAddress::Id(id.clone()), input).await.map(drop)
    }
}

/// A place that is none of those that there are.
fn lost() -> Error {
    Error::internal("a resource of the file is lost")
}

/// The type of a resource, with its place.
fn kind<'t>(types: &'t [ResourceType], one: &Wanted<'_>) -> Result<(usize, &'t ResourceType)> {
    let slug = one.resource_type_slug;
    let field = || format!("{}.resource_type_slug", one.at);
    if slug == ORGANIZATION {
        let message = "it cannot be that of organizations: their resources come with them.";
        return Err(Error::field(field(), "invalid_value", message));
    }
    let found = types.iter().enumerate().find(|(_, kind)| kind.slug == slug);
    found.ok_or_else(|| Error::field(field(), "entity_not_found", format!("there is no resource type '{slug}'.")))
}

/// The one of those that were found that is meant. What a resource goes by does not change.
fn meant(organization: &OrganizationId, one: &Wanted<'_>, found: Vec<Found>) -> Result<Option<Found>> {
    let goes_by = |found: &Found| {
        found.organization_id == *organization
            && found.resource_type_slug == one.resource_type_slug
            && found.external_id.as_deref() == Some(one.external_id)
    };
    let (mut named, others): (Vec<_>, Vec<_>) = found.into_iter().partition(goes_by);
    let field = || format!("{}.id", one.at);
    match (named.pop(), others.first()) {
        (Some(found), _) if one.id.is_some_and(|id| *id != found.id) => {
            let message = format!("it exists with the id {}, and an id does not change.", found.id);
            Err(Error::field(field(), "id_differs", message))
        }
        (None, Some(other)) if other.organization_id == *organization => {
            let message = "the resource of this id exists with another type or external id, and these do not change.";
            Err(Error::field(field(), "id_differs", message))
        }
        (None, Some(_)) => {
            let message = "a resource of this id already exists, in another organization.";
            Err(Error::field(field(), "authorization_resource_already_exists", message))
        }
        (found, _) => Ok(found),
    }
}

fn entry(one: &Wanted<'_>, kind: usize, found: Option<Found>) -> Entry {
    let Some(found) = found else {
        let (outcome, above) = (Outcome::Made, Above::Here);
        return Entry { kind, there: None, parent: None, above, outcome, is_renamed: false, description: None };
    };
    let is_described = one.description.is_none() || one.description == found.description.as_deref();
    Entry {
        kind,
        there: Some((found.key, found.id)),
        parent: found.parent,
        above: Above::Here,
        outcome: Outcome::Same,
        is_renamed: found.name.as_deref() != Some(one.name.trim()) || !is_described,
        description: found.description,
    }
}

fn missing(one: &Wanted<'_>) -> Error {
    let name = one.parent.map_or(ORGANIZATION, ResourceTarget::name);
    at_parent(one, Error::missing_named("Authorization resource", name))
}

/// Says where in the file it is that a resource cannot stand where it is to.
fn at_parent(one: &Wanted<'_>, error: Error) -> Error {
    let field = match one.parent {
        None => "resource_type_slug",
        Some(ResourceTarget::Id(_)) => "parent_resource_id",
        Some(ResourceTarget::External { .. }) => "parent_resource_external_id",
    };
    error.of_field(format!("{}.{field}", one.at))
}
