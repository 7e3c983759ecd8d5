//! Organizations.

use crate::body;
use crate::domain;
use crate::domain::organization_domains::{Claim, Pinned};
use crate::http::extract::{Json, Path, Query};
use crate::http::{Accepted, Created, Routes, Scope};
use crate::kernel::check::{Check, Faults};
use crate::kernel::id::{OrganizationId, OrganizationKind};
use crate::kernel::page::{List, Page};
use crate::kernel::patch::Patch;
use crate::kernel::{Error, Result};
use crate::model::metadata;
use crate::model::organizations::Organization;
use crate::protocol::dns_name;
use crate::store;
use crate::words;

/// The routes of the family.
pub fn routes() -> Routes {
    Routes::family("organizations")
        .get("/organizations", list)
        .post("/organizations", create)
        .get("/organizations/external_id/{external_id}", find_by_external_id)
        .get("/organizations/{id}", find)
        .put("/organizations/{id}", update)
        .delete("/organizations/{id}", delete)
}

body! {
    struct ListQuery {
        domains: Option<Vec<String>>,
        search: Option<String>;
        page: Page<OrganizationKind>
    }
}

impl Check for ListQuery {}

words! {
    enum DomainState {
        Pending = "pending",
        Verified = "verified",
    }
}

body! {
    struct DomainBody {
        domain: String,
        state: DomainState,
    }
}

body! {
    struct CreateBody {
        name: String,
        allow_profiles_outside_organization: Option<bool>,
        domains: Option<Vec<String>>,
        domain_data: Option<Vec<DomainBody>>,
        metadata: metadata::Change,
        external_id: Option<String>,
    }
}

impl Check for CreateBody {
    fn check(&self, faults: &mut Faults) {
        faults.not_blank("name", &self.name);
        faults.max("name", &self.name, 255);
        check_domains(faults, self.domains.as_deref(), self.domain_data.as_deref());
        if let Some(external_id) = &self.external_id {
            faults.external_id("external_id", external_id);
        }
    }
}

body! {
    struct UpdateBody {
        name: Option<String>,
        allow_profiles_outside_organization: Option<bool>,
        domains: Option<Vec<String>>,
        domain_data: Option<Vec<DomainBody>>,
        metadata: metadata::Change,
        external_id: Patch<String>,
        stripe_customer_id: Patch<String>,
    }
}

impl Check for UpdateBody {
    fn check(&self, faults: &mut Faults) {
        check_domains(faults, self.domains.as_deref(), self.domain_data.as_deref());
        if let Some(name) = &self.name {
            faults.not_blank("name", name);
            faults.max("name", name, 255);
        }
        if let Some(external_id) = self.external_id.as_value() {
            faults.external_id("external_id", external_id);
        }
        if let Some(id) = self.stripe_customer_id.as_value() {
            faults.not_blank("stripe_customer_id", id);
            faults.max("stripe_customer_id", id, 255);
        }
    }
}

fn check_domains(faults: &mut Faults, domains: Option<&[String]>, domain_data: Option<&[DomainBody]>) {
    faults.most("domains", domains.map_or(0, <[_]>::len), domain::organization_domains::MOST);
    faults.most("domain_data", domain_data.map_or(0, <[_]>::len), domain::organization_domains::MOST);
}

/// The domains of a body. `domain_data` says of each whether it is vouched for; the older `domains` is taken at its
/// word, as it was when there was no verification.
fn claims(domains: Option<Vec<String>>, domain_data: Option<Vec<DomainBody>>) -> Option<Vec<Claim>> {
    let described = domain_data.map(|data| {
        let claim = |(i, body): (usize, DomainBody)| Claim {
            field: format!("domain_data[{i}].domain"),
            domain: body.domain,
            verified: body.state == DomainState::Verified,
            pinned: Pinned::default(),
        };
        data.into_iter().enumerate().map(claim).collect()
    });
    described.or_else(|| {
        let claim =
            |(i, domain)| Claim { field: format!("domains[{i}]"), domain, verified: true, pinned: Pinned::default() };
        domains.map(|domains| domains.into_iter().enumerate().map(claim).collect())
    })
}

async fn list(scope: Scope, Query(query): Query<ListQuery>) -> Result<Json<List<Organization>>> {
    // In the form in which they are stored; what cannot be a domain finds nothing.
    let domains =
        query.domains.map(|domains| domains.iter().filter_map(|domain| dns_name::normalize(domain)).collect());
    let filter = store::organizations::Filter { domains, search: query.search };
    store::organizations::list(&mut scope.read().await?, &filter, &query.page).await.map(Json)
}

async fn create(scope: Scope, Json(body): Json<CreateBody>) -> Result<Created<Organization>> {
    let input = domain::organizations::Create {
        id: None,
        name: body.name,
        allow_profiles_outside_organization: body.allow_profiles_outside_organization.unwrap_or(false),
        domains: claims(body.domains, body.domain_data).unwrap_or_default(),
        metadata: body.metadata,
        external_id: body.external_id,
    };
    scope.write(async |tx| domain::organizations::create(tx, input).await).await.map(Created)
}

async fn find(scope: Scope, Path(id): Path<OrganizationId>) -> Result<Json<Organization>> {
    store::organizations::get(&mut scope.read().await?, &id).await.map(Json)
}

async fn find_by_external_id(scope: Scope, Path(external_id): Path<String>) -> Result<Json<Organization>> {
    let found = store::organizations::find_by_external_id(&mut scope.read().await?, &external_id).await?;
    found.map(Json).ok_or_else(|| Error::missing_named("Organization", &external_id))
}

async fn update(
    scope: Scope,
    Path(id): Path<OrganizationId>,
    Json(body): Json<UpdateBody>,
) -> Result<Json<Organization>> {
    let input = domain::organizations::Update {
        name: body.name,
        allow_profiles_outside_organization: body.allow_profiles_outside_organization,
        domains: claims(body.domains, body.domain_data),
        metadata: body.metadata,
        external_id: body.external_id,
        stripe_customer_id: body.stripe_customer_id,
    };
    scope.write(async |tx| domain::organizations::update(tx, &id, input).await).await.map(Json)
}

async fn delete(scope: Scope, Path(id): Path<OrganizationId>) -> Result<Accepted> {
    while scope.write(async |tx| domain::organizations::delete(tx, &id).await).await?.is_continue() {}
    Ok(Accepted)
}
