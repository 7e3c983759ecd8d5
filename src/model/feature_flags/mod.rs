//! Feature flags: features that some have and others have not, with the targets and the rules that decide it.
//!
//! What the log says about them is in [`events`], what the clients that evaluate for themselves are told in [`payload`].

pub mod events;
pub mod payload;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

use crate::kernel::clock::Timestamp;
use crate::kernel::id::{EnvironmentId, FeatureFlagId, FlagRuleId, FlagTargetId};
use crate::kernel::schema;

/// The type of targets that are users.
pub const USER: &str = "user";
/// The type of targets that are organizations.
pub const ORGANIZATION: &str = "organization";

/// A feature that some have and others have not.
///
/// Where it is enabled, the first of these decides that has something to say: a target that is the user, one that is the
/// organization, one of another type, the rules in their order, the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "feature_flag")]
#[schemars(transform = schema::object::<Self>)]
pub struct FeatureFlag {
    /// Its id.
    pub id: FeatureFlagId,
    /// The name that programs use. It does not change.
    pub slug: String,
    /// The name that people use.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who looks after it.
    #[sqlx(json(nullable))]
    pub owner: Option<Owner>,
    /// Labels, for whoever looks for it.
    pub tags: Vec<String>,
    /// Whether anybody has it at all.
    pub enabled: bool,
    /// Whether those have it about whom nothing else is said.
    pub default_value: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// Who looks after a flag. It need not be a user of the application.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FeatureFlagOwner")]
pub struct Owner {
    /// Their address.
    pub email: String,
    /// Their first name.
    pub first_name: Option<String>,
    /// Their last name.
    pub last_name: Option<String>,
}

/// Somebody or something that a flag, or a rule of it, names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "flag_target")]
#[schemars(transform = schema::object::<Self>)]
pub struct FlagTarget {
    /// Its id.
    pub id: FlagTargetId,
    /// The flag.
    pub flag_id: FeatureFlagId,
    /// The flag, by the name that programs use.
    pub flag_slug: String,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// `user`, `organization`, or a type of the application's own.
    pub target_type: String,
    /// What it names.
    pub target_id: String,
    /// The rule that names it, if it is not the flag itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule_id: Option<FlagRuleId>,
    /// Of what sort the value is, if it has one of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_type: Option<ValueType>,
    /// Whether the target has the feature; of a rule's targets the rule says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<bool>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

crate::words! {
    /// Of what sort the values of a flag are. There is one.
    pub enum ValueType {
        /// On or off.
        Boolean = "boolean",
    }
}

/// A rule of a flag: a value for those who meet all of its conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "flag_rule")]
#[schemars(transform = schema::object::<Self>)]
pub struct FlagRule {
    /// Its id.
    pub id: FlagRuleId,
    /// The flag.
    pub flag_id: FeatureFlagId,
    /// The flag, by the name that programs use.
    pub flag_slug: String,
    /// The environment.
    pub environment_id: EnvironmentId,
    /// The type of its targets, if it has one condition.
    pub target_type: Option<String>,
    /// Its place among the rules of the flag: 0 is tried first.
    pub position: i32,
    /// Of what sort the value is.
    pub value_type: ValueType,
    /// What the flag is where the rule holds.
    pub value: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// A condition of a rule: the target of this type is one of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "FlagRuleCondition")]
pub struct Condition {
    /// The type of the targets.
    pub target_type: String,
    /// How they are compared.
    #[serde(default)]
    pub operator: Operator,
    /// Their ids. With none left the condition is met by nobody.
    pub values: Vec<String>,
}

crate::words! {
    /// How a condition compares. There is one way.
    #[derive(Default)]
    pub enum Operator {
        /// The id is among the values, exactly.
        #[default]
        OneOf = "one_of",
    }
}

/// A rule with its conditions, as the operator sees it. Events show the rule alone, and its targets each by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[schemars(rename = "FlagRuleWithConditions")]
pub struct Rule {
    /// The rule.
    #[serde(flatten)]
    #[sqlx(flatten)]
    pub rule: FlagRule,
    /// Its conditions, all of which must be met.
    #[sqlx(json)]
    pub conditions: Vec<Condition>,
}
