//! Resources: nodes of the tree that every organization has.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use sqlx::FromRow;

use super::keys::ResourceKey;
use crate::kernel::clock::Timestamp;
use crate::kernel::id::{OrganizationId, ResourceId};
use crate::kernel::read::{Read, ReadFields, Reader};
use crate::kernel::schema::{self, Fields};

/// Something of an organization that roles can be given on: a node of its tree. The root is the organization itself, and
/// goes by the organization's name and external id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromRow, JsonSchema)]
#[serde(tag = "object", rename = "authorization_resource")]
#[schemars(transform = schema::object::<Self>)]
pub struct Resource {
    /// The key by which rows name it.
    #[serde(skip)]
    pub key: ResourceKey,
    /// The name that people use.
    pub name: String,
    /// What it is.
    pub description: Option<String>,
    /// The organization.
    pub organization_id: OrganizationId,
    /// The resource that it stands below; only a root has none.
    pub parent_resource_id: Option<ResourceId>,
    /// Its id.
    pub id: ResourceId,
    /// What the application calls it, among those of its type in the organization.
    pub external_id: String,
    /// Its type.
    pub resource_type_slug: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

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

impl ResourceTarget {
    /// The name that it was given, for the message that there is nothing of that name.
    pub fn name(&self) -> &str {
        match self {
            Self::Id(id) => id.as_str(),
            Self::External { external_id, .. } => external_id,
        }
    }
}

/// How a request names a resource where nothing else tells its organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ResourceAddress {
    /// By our id.
    Id(ResourceId),
    /// By what the application calls it.
    External {
        /// The organization.
        organization_id: OrganizationId,
        /// The slug of its type.
        resource_type_slug: String,
        /// What the application calls it.
        external_id: String,
    },
}

impl ResourceAddress {
    /// Its organization, where that is part of the address.
    pub fn organization_id(&self) -> Option<&OrganizationId> {
        match self {
            Self::Id(_) => None,
            Self::External { organization_id, .. } => Some(organization_id),
        }
    }

    /// Its name within its organization.
    pub fn target(&self) -> ResourceTarget {
        match self {
            Self::Id(id) => ResourceTarget::Id(id.clone()),
            Self::External { organization_id: _, resource_type_slug, external_id } => ResourceTarget::External {
                resource_type_slug: resource_type_slug.clone(),
                external_id: external_id.clone(),
            },
        }
    }
}

/// Exactly one of the two ways: what named two resources would have to choose between them in silence.
impl ReadFields for ResourceTarget {
    fn describe(fields: &mut Fields) {
        TARGET.describe(fields);
    }

    fn read_fields(map: &mut Map<String, Value>, at: &mut Reader<'_>) -> Option<Self> {
        let Names { id, external_id, resource_type } = TARGET;
        TARGET.read(map, at)?.or_else(|| {
            at.field(id).fault("required", &format!("is required, or {external_id} and {resource_type} in its place"))
        })
    }
}

/// The resource that another is put below, if one is named: in one of the two ways, or in neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentTarget(pub Option<ResourceTarget>);

impl ReadFields for ParentTarget {
    fn describe(fields: &mut Fields) {
        PARENT.describe(fields);
    }

    fn read_fields(map: &mut Map<String, Value>, at: &mut Reader<'_>) -> Option<Self> {
        PARENT.read(map, at).map(Self)
    }
}

/// The same in the query of a list, which has another name for the external id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParentFilter(pub Option<ResourceTarget>);

impl ReadFields for ParentFilter {
    fn describe(fields: &mut Fields) {
        PARENT_FILTER.describe(fields);
    }

    fn read_fields(map: &mut Map<String, Value>, at: &mut Reader<'_>) -> Option<Self> {
        PARENT_FILTER.read(map, at).map(Self)
    }
}

/// The names of the fields that name a resource.
struct Names {
    id: &'static str,
    external_id: &'static str,
    resource_type: &'static str,
}

const TARGET: Names =
    Names { id: "resource_id", external_id: "resource_external_id", resource_type: "resource_type_slug" };
const PARENT: Names = Names {
    id: "parent_resource_id",
    external_id: "parent_resource_external_id",
    resource_type: "parent_resource_type_slug",
};
const PARENT_FILTER: Names = Names { external_id: "parent_external_id", ..PARENT };

impl Names {
    fn describe(&self, fields: &mut Fields) {
        fields.add::<Option<ResourceId>>(self.id);
        fields.add::<Option<String>>(self.external_id);
        fields.add::<Option<String>>(self.resource_type);
    }

    /// The resource that is named, if one is. Null is the same as nothing.
    fn read(&self, map: &mut Map<String, Value>, at: &mut Reader<'_>) -> Option<Option<ResourceTarget>> {
        let id = Option::<ResourceId>::read(map.remove(self.id), &mut at.field(self.id));
        let external_id = Option::<String>::read(map.remove(self.external_id), &mut at.field(self.external_id));
        let kind = Option::<String>::read(map.remove(self.resource_type), &mut at.field(self.resource_type));
        match (id?, external_id?, kind?) {
            (Some(id), None, None) => Some(Some(ResourceTarget::Id(id))),
            (None, Some(external_id), Some(resource_type_slug)) => {
                Some(Some(ResourceTarget::External { resource_type_slug, external_id }))
            }
            (None, Some(_), None) => {
                at.field(self.resource_type).fault("required", &format!("must come with {}", self.external_id))
            }
            (None, None, Some(_)) => {
                at.field(self.external_id).fault("required", &format!("must come with {}", self.resource_type))
            }
            (None, None, None) => Some(None),
            (Some(_), _, _) => at
                .field(self.id)
                .fault("invalid_value", &format!("must not come with {} or {}", self.external_id, self.resource_type)),
        }
    }
}
