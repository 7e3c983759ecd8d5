//! Resources: nodes of the tree that every organization has.

use serde_json::{Map, Value};

use crate::kernel::id::ResourceId;
use crate::kernel::read::{Read, ReadFields, Reader};
use crate::kernel::schema::Fields;

/// How a request names a resource of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceTarget {
    /// By our id.
    Id(ResourceId),
    /// By its type and what the application calls it. The root of the organization's tree goes by the organization's
    /// external id or by its id.
    External {
        /// The slug of its type.
        resource_type_slug: String,
        /// What the application calls it.
        external_id: String,
    },
}

/// Exactly one of the two ways: what named two resources would have to choose between them in silence.
impl ReadFields for ResourceTarget {
    fn describe(fields: &mut Fields) {
        fields.add::<Option<ResourceId>>("resource_id");
        fields.add::<Option<String>>("resource_external_id");
        fields.add::<Option<String>>("resource_type_slug");
    }

    fn read_fields(map: &mut Map<String, Value>, at: &mut Reader<'_>) -> Option<Self> {
        let id = Option::<ResourceId>::read(map.remove("resource_id"), &mut at.field("resource_id"));
        let key = "resource_external_id";
        let external_id = Option::<String>::read(map.remove(key), &mut at.field(key));
        let key = "resource_type_slug";
        let resource_type_slug = Option::<String>::read(map.remove(key), &mut at.field(key));
        match (id?, external_id?, resource_type_slug?) {
            (Some(id), None, None) => Some(Self::Id(id)),
            (None, Some(external_id), Some(resource_type_slug)) => {
                Some(Self::External { resource_type_slug, external_id })
            }
            (None, Some(_), None) => {
                at.field("resource_type_slug").fault("required", "must come with resource_external_id")
            }
            (None, None, Some(_)) => {
                at.field("resource_external_id").fault("required", "must come with resource_type_slug")
            }
            (None, None, None) => at
                .field("resource_id")
                .fault("required", "is required, or resource_external_id and resource_type_slug in its place"),
            (Some(_), _, _) => at
                .field("resource_id")
                .fault("invalid_value", "must not come with resource_external_id or resource_type_slug"),
        }
    }
}
