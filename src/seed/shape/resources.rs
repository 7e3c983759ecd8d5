//! Resources of an organization in a seed. The keys are those of the API.

use super::super::place::{Entry, Place};
use crate::body;
use crate::kernel::id::ResourceId;
use crate::model::resources::{ParentTarget, ResourceTarget};

body! {
    /// A resource. The file knows it by its type and what the application calls it.
    pub struct Resource {
        /// Its id, if it is pinned.
        id: Option<ResourceId>,
        /// The slug of its type.
        resource_type_slug: String,
        /// What the application calls it, among those of its type in the organization.
        external_id: String,
        /// The name that people use.
        name: String,
        /// What it is.
        description: Option<String>;
        rest: (ParentTarget, Place<Resource>)
    }
}

impl Entry for Resource {
    const LATER: &'static [&'static str] = &[];
}

impl Resource {
    /// Where it stands in the file.
    pub fn at(&self) -> &Place<Self> {
        &self.rest.1
    }

    /// What it stands below, if the file says so.
    pub fn parent(&self) -> Option<&ResourceTarget> {
        self.rest.0.0.as_ref()
    }
}
