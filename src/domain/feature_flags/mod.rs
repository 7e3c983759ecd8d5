//! Feature flags: made, changed and deleted; who has them is changed in [`targets`] and [`rules`].
//!
//! Who has a flag is decided in `store::feature_flags`, where lists and tokens ask. Each change of that is announced
//! with the audience before and after it, so the flag is held while it is changed.

pub mod rules;
pub mod targets;

use crate::db::Tx;
use crate::kernel::check::Faults;
use crate::kernel::event::Event;
use crate::kernel::id::FeatureFlagId;
use crate::kernel::patch::Patch;
use crate::kernel::{Error, Result};
use crate::model::events::Actor;
use crate::model::feature_flags::events::{Audience, Author};
use crate::model::feature_flags::{FeatureFlag, Owner};
use crate::store;

/// An environment has at most that many flags: each client polls all of them, with their targets.
pub const MOST_FLAGS: i64 = 1000;

/// What people write about a flag, in whichever door.
#[derive(Debug, Default)]
pub struct Description<'d> {
    /// The name that people use.
    pub name: Option<&'d str>,
    /// What it is for.
    pub description: Option<&'d str>,
    /// The address and the names of who looks after it.
    pub owner: Option<(&'d str, [Option<&'d str>; 2])>,
    /// Labels.
    pub tags: &'d [String],
}

impl Description<'_> {
    /// Notes what is wrong with it; `at` gives the place of a field.
    pub fn check(&self, faults: &mut Faults, at: impl Fn(&str) -> String) {
        if let Some(name) = self.name {
            faults.not_blank(&at("name"), name);
            faults.max(&at("name"), name, 255);
        }
        faults.max(&at("description"), self.description.unwrap_or_default(), 1000);
        if let Some((email, [first, last])) = self.owner {
            faults.email(&at("owner.email"), email);
            faults.max(&at("owner.first_name"), first.unwrap_or_default(), 255);
            faults.max(&at("owner.last_name"), last.unwrap_or_default(), 255);
        }
        faults.most(&at("tags"), self.tags.len(), 50);
        for (i, tag) in self.tags.iter().enumerate() {
            let field = at(&format!("tags[{i}]"));
            faults.not_blank(&field, tag);
            faults.max(&field, tag, 64);
        }
    }
}

/// Notes what is wrong with the slug of a flag.
pub fn check_slug(faults: &mut Faults, field: &str, slug: &str) {
    faults.slug(field, slug, "-_.");
}

/// What a new flag is made of.
#[derive(Debug, Default)]
pub struct Create {
    /// Its id, where a seed pins it.
    pub id: Option<FeatureFlagId>,
    /// The name that programs use.
    pub slug: String,
    /// The name that people use.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who looks after it.
    pub owner: Option<Owner>,
    /// Labels.
    pub tags: Vec<String>,
    /// Whether anybody has it at all.
    pub enabled: bool,
    /// Whether those have it about whom nothing else is said.
    pub default_value: bool,
}

/// What an update of a flag changes.
#[derive(Debug, Default)]
pub struct Update {
    /// A new name.
    pub name: Option<String>,
    /// What it is for.
    pub description: Patch<String>,
    /// Who looks after it.
    pub owner: Patch<Owner>,
    /// Labels, all of them.
    pub tags: Option<Vec<String>>,
    /// Whether anybody has it at all.
    pub enabled: Option<bool>,
    /// Whether those have it about whom nothing else is said.
    pub default_value: Option<bool>,
}

/// Makes a flag, which names nobody yet.
pub async fn create(tx: &mut Tx, actor: &Actor, input: Create) -> Result<FeatureFlag> {
    let Create { id, slug, name, description, owner, tags, enabled, default_value } = input;
    if store::feature_flags::count(tx).await? >= MOST_FLAGS {
        let message = format!("An environment may have at most {MOST_FLAGS} feature flags.");
        return Err(Error::refused("too_many_feature_flags", message));
    }
    let flag = FeatureFlag {
        id: id.unwrap_or_else(|| tx.mint()),
        slug,
        name: name.trim().to_owned(),
        description,
        owner,
        tags,
        enabled,
        default_value,
        created_at: tx.now(),
        updated_at: tx.now(),
    };
    store::feature_flags::insert(tx, &flag).await?;
    let author = author(tx, actor).await?;
    emit(tx, flag.created(&author))?;
    Ok(flag)
}

/// Changes a flag. A change that changes nothing is no event and leaves `updated_at` alone.
pub async fn update(tx: &mut Tx, actor: &Actor, slug: &str, input: Update) -> Result<FeatureFlag> {
    let Update { name, description, owner, tags, enabled, default_value } = input;
    let change = Change::begin(tx, actor, slug).await?;
    let mut flag = change.flag.clone();
    if let Some(name) = name {
        flag.name = name.trim().to_owned();
    }
    flag.description = description.or(flag.description);
    flag.owner = owner.or(flag.owner);
    flag.tags = tags.unwrap_or(flag.tags);
    flag.enabled = enabled.unwrap_or(flag.enabled);
    flag.default_value = default_value.unwrap_or(flag.default_value);
    if flag == change.flag {
        return Ok(flag);
    }
    flag.updated_at = tx.now();
    store::feature_flags::update(tx, &flag).await?;
    emit(tx, flag.updated(&change.author, &change.flag)?.map(Ok))?;
    if (flag.enabled, flag.default_value) != (change.flag.enabled, change.flag.default_value) {
        change.announce(tx, &flag).await?;
    }
    Ok(flag)
}

/// Deletes a flag with its rules and targets, each of which says so.
pub async fn delete(tx: &mut Tx, actor: &Actor, slug: &str) -> Result<()> {
    let flag = store::feature_flags::lock(tx, slug).await?;
    let author = author(tx, actor).await?;
    for target in store::feature_flags::targets::list_all(tx, &flag.id).await? {
        tx.emit(target.deleted(&author))?;
    }
    for rule in store::feature_flags::rules::list(tx, &flag.id).await? {
        tx.emit(rule.rule.deleted(&author))?;
    }
    store::feature_flags::delete(tx, &flag.id).await?;
    emit(tx, flag.deleted(&author))
}

/// Somebody, in the environment of this transaction.
async fn author(tx: &mut Tx, actor: &Actor) -> Result<Author> {
    Ok(Author { environment: store::environments::get_identity(tx).await?, actor: actor.clone() })
}

/// Who has the flag, for events.
async fn audience(tx: &mut Tx, flag: &FeatureFlag) -> Result<Audience> {
    let (named, targets) = store::feature_flags::targets::find_configured(tx, &flag.id).await?;
    Ok(Audience::of(flag, named, targets))
}

fn emit(tx: &mut Tx, events: [Result<Event>; 2]) -> Result<()> {
    events.into_iter().try_for_each(|event| tx.emit(event))
}

/// A change of who has a flag: the flag, held, and its audience before.
struct Change {
    author: Author,
    flag: FeatureFlag,
    audience: Audience,
}

impl Change {
    /// Holds the flag. Users and organizations that the change is about are held before.
    async fn begin(tx: &mut Tx, actor: &Actor, slug: &str) -> Result<Self> {
        let flag = store::feature_flags::lock(tx, slug).await?;
        let author = author(tx, actor).await?;
        Self::of(tx, author, flag).await
    }

    /// The same for a flag that is held already.
    async fn of(tx: &mut Tx, author: Author, flag: FeatureFlag) -> Result<Self> {
        let audience = audience(tx, &flag).await?;
        Ok(Self { author, flag, audience })
    }

    /// Announces who has the flag now.
    async fn announce(&self, tx: &mut Tx, flag: &FeatureFlag) -> Result<()> {
        let audience = audience(tx, flag).await?;
        tx.emit(flag.rule_updated(&self.author, &audience, (&self.flag, &self.audience)))
    }
}
