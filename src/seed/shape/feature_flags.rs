//! Feature flags of a seed. The emulator's file has none; the keys are those of the API.

use super::super::place::{Entry, Place};
use crate::body;
use crate::kernel::id::{FeatureFlagId, FlagRuleId, FlagTargetId};

body! {
    /// A feature flag.
    pub struct FeatureFlag {
        /// Its id, if it is pinned.
        id: Option<FeatureFlagId>,
        /// The name that programs use.
        slug: String,
        /// The name that people use: the slug, unless this says another.
        name: Option<String>,
        /// What it is for.
        description: Option<String>,
        /// Who looks after it.
        owner: Option<FlagOwner>,
        /// Labels, all of them.
        tags: Option<Vec<String>>,
        /// Whether anybody has it at all.
        enabled: Option<bool>,
        /// Whether those have it about whom nothing else is said.
        default_value: Option<bool>,
        /// Whom it names, beside others.
        targets: Option<Vec<FlagTarget>>,
        /// Its rules, all of them.
        rules: Option<Vec<FlagRule>>;
        at: Place<FeatureFlag>
    }
}

impl Entry for FeatureFlag {
    const LATER: &'static [&'static str] = &[];
}

body! {
    /// Who looks after a flag.
    pub struct FlagOwner {
        /// Their address.
        email: String,
        /// Their first name.
        first_name: Option<String>,
        /// Their last name.
        last_name: Option<String>;
        _at: Place<FlagOwner>
    }
}

impl Entry for FlagOwner {
    const LATER: &'static [&'static str] = &[];
}

body! {
    /// Whom a flag names.
    pub struct FlagTarget {
        /// Its id, if it is pinned.
        id: Option<FlagTargetId>,
        /// `user`, `organization`, or a type of the application's own.
        target_type: String,
        /// What it names, by its id.
        target_id: String,
        /// Whether the target has the feature: it does unless this says otherwise.
        value: Option<bool>;
        at: Place<FlagTarget>
    }
}

impl Entry for FlagTarget {
    const LATER: &'static [&'static str] = &[];
}

body! {
    /// A rule of a flag.
    pub struct FlagRule {
        /// Its id, if it is pinned.
        id: Option<FlagRuleId>,
        /// What the flag is where it holds: on, unless this says otherwise.
        value: Option<bool>,
        /// What must be met, all of it.
        conditions: Vec<FlagCondition>;
        at: Place<FlagRule>
    }
}

impl Entry for FlagRule {
    const LATER: &'static [&'static str] = &[];
}

body! {
    /// A condition of a rule.
    pub struct FlagCondition {
        /// The type of the targets.
        target_type: String,
        /// Their ids.
        values: Vec<String>;
        _at: Place<FlagCondition>
    }
}

impl Entry for FlagCondition {
    const LATER: &'static [&'static str] = &[];
}
