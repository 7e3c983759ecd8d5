//! What the log says about feature flags.
//!
//! Each change of a flag is told twice: under the older names (`flag.*`), and under those of newer clients
//! (`feature_flags.*`), which also tell of single rules and targets. All of them say who did it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{FeatureFlag, FlagRule, FlagTarget};
use crate::kernel::event::Event;
use crate::kernel::id::{EnvironmentId, OrganizationId, UserId};
use crate::kernel::{Error, Result};
use crate::model::environments::Identity;
use crate::model::events::Actor;

/// How many targets of each type an event lists. A flag may have thousands; the list of its targets has them all.
pub const MOST_LISTED: i64 = 100;

/// Where something happens, and who does it.
#[derive(Debug, Clone)]
pub struct Author {
    /// The environment.
    pub environment: Identity,
    /// Who it is.
    pub actor: Actor,
}

/// What every event about flags says besides its object.
#[derive(Debug, Serialize)]
struct Context<'c, P> {
    client_id: &'c str,
    actor: &'c Actor,
    #[serde(flatten)]
    more: P,
}

/// Nothing more to say.
#[derive(Debug, Serialize)]
struct Nothing {}

/// What it was before.
#[derive(Debug, Serialize)]
struct Before {
    previous_attributes: Previous,
}

#[derive(Debug, Serialize)]
struct Previous {
    data: Map<String, Value>,
}

/// A flag as events show it.
#[derive(Debug, Serialize)]
struct Logged<'l> {
    #[serde(flatten)]
    flag: &'l FeatureFlag,
    environment_id: &'l EnvironmentId,
}

impl Author {
    fn context<P>(&self, more: P) -> Context<'_, P> {
        Context { client_id: &self.environment.client_id, actor: &self.actor, more }
    }

    fn event(&self, name: &'static str, data: &impl Serialize, more: impl Serialize) -> Result<Event> {
        Event::new(name, None, data)?.with_context(&self.context(more))
    }
}

impl FeatureFlag {
    fn logged<'l>(&'l self, author: &'l Author) -> Logged<'l> {
        Logged { flag: self, environment_id: &author.environment.id }
    }

    /// The events of a new flag.
    pub fn created(&self, author: &Author) -> [Result<Event>; 2] {
        let data = self.logged(author);
        ["flag.created", "feature_flags.flag.created"].map(|name| author.event(name, &data, Nothing {}))
    }

    /// The events of a changed flag, with what changed as it was before.
    pub fn updated(&self, author: &Author, before: &Self) -> Result<[Event; 2]> {
        let data = self.logged(author);
        let event = |name| {
            let previous_attributes = Previous { data: before.difference(self)? };
            author.event(name, &data, Before { previous_attributes })
        };
        Ok([event("flag.updated")?, event("feature_flags.flag.updated")?])
    }

    /// The events of a deleted flag.
    pub fn deleted(&self, author: &Author) -> [Result<Event>; 2] {
        let data = self.logged(author);
        ["flag.deleted", "feature_flags.flag.deleted"].map(|name| author.event(name, &data, Nothing {}))
    }

    /// The event of a change in who has the flag.
    pub fn rule_updated(
        &self,
        author: &Author,
        audience: &Audience,
        (before, audience_before): (&Self, &Audience),
    ) -> Result<Event> {
        let changed = |was: bool, is: bool| (was != is).then_some(was);
        let previous_attributes = PreviousAudience {
            data: PreviousValues {
                enabled: changed(before.enabled, self.enabled),
                default_value: changed(before.default_value, self.default_value),
            },
            context: audience_before.difference(audience),
        };
        let more = AudienceUpdated { audience, previous_attributes };
        author.event("flag.rule_updated", &self.logged(author), more)
    }

    /// The keys of this flag that another state of it shows otherwise, with the values of this one. That it was changed
    /// is no difference.
    fn difference(&self, other: &Self) -> Result<Map<String, Value>> {
        let pairs = |flag: &Self| match serde_json::to_value(flag).map_err(Error::internal)? {
            Value::Object(pairs) => Ok(pairs),
            _ => Err(Error::internal("a flag is no object")),
        };
        let other = pairs(other)?;
        let differs = |(key, value): &(String, Value)| key != "updated_at" && other.get(key) != Some(value);
        Ok(pairs(self)?.into_iter().filter(differs).collect())
    }
}

impl FlagRule {
    /// The event of a new rule.
    pub fn created(&self, author: &Author) -> Result<Event> {
        author.event("feature_flags.flag_rule.created", self, Nothing {})
    }

    /// The event of a changed rule, with the value that it had if that is what changed.
    pub fn updated(&self, author: &Author, before: &Self) -> Result<Event> {
        let value = (before.value != self.value).then(|| ("value".to_owned(), before.value.into()));
        let previous_attributes = Previous { data: value.into_iter().collect() };
        author.event("feature_flags.flag_rule.updated", self, Before { previous_attributes })
    }

    /// The event of a deleted rule.
    pub fn deleted(&self, author: &Author) -> Result<Event> {
        author.event("feature_flags.flag_rule.deleted", self, Nothing {})
    }
}

impl FlagTarget {
    /// The event of a new target.
    pub fn created(&self, author: &Author) -> Result<Event> {
        author.event("feature_flags.flag_target.created", self, Nothing {})
    }

    /// The event of a target that is gone.
    pub fn deleted(&self, author: &Author) -> Result<Event> {
        author.event("feature_flags.flag_target.deleted", self, Nothing {})
    }
}

crate::words! {
    /// How many have a flag.
    pub enum AccessType {
        /// Nobody.
        None = "none",
        /// Those whom a target or a rule names.
        Some = "some",
        /// Everybody, but for those whom a target or a rule excepts.
        All = "all",
    }
}

/// Who has a flag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audience {
    /// How many.
    pub access_type: AccessType,
    /// Those who have it by name: the first of each type.
    pub configured_targets: ConfiguredTargets,
}

/// Organizations and users that a flag, or a rule of it, gives the feature to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, sqlx::FromRow)]
pub struct ConfiguredTargets {
    /// The organizations.
    #[sqlx(json)]
    pub organizations: Vec<TargetedOrganization>,
    /// The users.
    #[sqlx(json)]
    pub users: Vec<TargetedUser>,
}

/// An organization that a flag names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetedOrganization {
    id: OrganizationId,
    name: String,
}

/// A user that a flag names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetedUser {
    id: UserId,
    email: String,
}

#[derive(Debug, Serialize)]
struct AudienceUpdated<'a> {
    #[serde(flatten)]
    audience: &'a Audience,
    previous_attributes: PreviousAudience<'a>,
}

#[derive(Debug, Serialize)]
struct PreviousAudience<'a> {
    data: PreviousValues,
    context: AudienceBefore<'a>,
}

#[derive(Debug, Serialize)]
struct PreviousValues {
    #[serde(skip_serializing_if = "Option::is_none")]
    enabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default_value: Option<bool>,
}

#[derive(Debug, Serialize)]
struct AudienceBefore<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    access_type: Option<AccessType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    configured_targets: Option<&'a ConfiguredTargets>,
}

impl Audience {
    /// Who has this flag, of which these are named, and `named` tells whether anybody is.
    pub fn of(flag: &FeatureFlag, named: bool, configured_targets: ConfiguredTargets) -> Self {
        let access_type = match (flag.enabled, flag.default_value, named) {
            (false, _, _) | (true, false, false) => AccessType::None,
            (true, true, _) => AccessType::All,
            (true, false, true) => AccessType::Some,
        };
        Self { access_type, configured_targets }
    }

    fn difference(&self, other: &Self) -> AudienceBefore<'_> {
        AudienceBefore {
            access_type: (self.access_type != other.access_type).then_some(self.access_type),
            configured_targets: (self.configured_targets != other.configured_targets)
                .then_some(&self.configured_targets),
        }
    }
}
