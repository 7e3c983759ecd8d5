//! Types of resources of a seed.

use super::super::place::{Entry, Place};
use crate::body;

body! {
    /// A type of resources. The file knows it by its slug.
    pub struct ResourceType {
        /// The name that programs use.
        slug: String,
        /// The name that people use.
        name: String,
        /// What it is for.
        description: Option<String>,
        /// The slugs of the types that its resources may stand below, all of them.
        parents: Option<Vec<String>>;
        at: Place<ResourceType>
    }
}

impl Entry for ResourceType {
    const LATER: &'static [&'static str] = &[];
}

impl ResourceType {
    /// The parents that it says.
    pub fn parents(&self) -> &[String] {
        self.parents.as_deref().unwrap_or_default()
    }
}
