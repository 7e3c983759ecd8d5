//! The table of routes: what axum serves, and what the sweeps, the README and the metrics read.
//!
//! Every route is declared here with its family and who may call it, because a `Router` cannot be asked. Each
//! family has one `routes()`; `api/mod.rs` puts them together.

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, on};

use super::describe::{Described, Operation};
use super::state::App;

/// Who may call a route. Enforced by the extractor that its handler takes, held against this by a sweep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// An application, with a management key of an environment.
    Key,
    /// The operator, with the operator's token.
    Operator,
    /// Anybody.
    Public,
}

/// A route, as it is declared.
#[derive(Debug, Clone)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The template of the path.
    pub path: &'static str,
    /// The family that it belongs to.
    pub family: &'static str,
    /// Who may call it.
    pub access: Access,
    /// The full name of its handler.
    pub handler: &'static str,
    /// Writes the description of it.
    pub describe: fn(&mut Operation<'_>),
}

/// Routes of one or more families.
#[derive(Debug)]
pub struct Routes {
    router: Router<App>,
    table: Vec<Route>,
    family: &'static str,
    access: Access,
}

impl Routes {
    /// The routes of a family, none yet; they are for applications until said otherwise.
    pub fn family(family: &'static str) -> Self {
        Self { router: Router::new(), table: Vec::new(), family, access: Access::Key }
    }

    /// The routes declared from here on are for these callers.
    #[must_use]
    pub fn access(mut self, access: Access) -> Self {
        self.access = access;
        self
    }

    /// Declares a GET route.
    #[must_use]
    pub fn get<H: Handler<T, App> + Described<T>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.declare(Method::GET, MethodFilter::GET, path, handler)
    }

    /// Declares a POST route.
    #[must_use]
    pub fn post<H: Handler<T, App> + Described<T>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.declare(Method::POST, MethodFilter::POST, path, handler)
    }

    /// Declares a PUT route.
    #[must_use]
    pub fn put<H: Handler<T, App> + Described<T>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.declare(Method::PUT, MethodFilter::PUT, path, handler)
    }

    /// Declares a PATCH route.
    #[must_use]
    pub fn patch<H: Handler<T, App> + Described<T>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.declare(Method::PATCH, MethodFilter::PATCH, path, handler)
    }

    /// Declares a DELETE route.
    #[must_use]
    pub fn delete<H: Handler<T, App> + Described<T>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.declare(Method::DELETE, MethodFilter::DELETE, path, handler)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that declares routes")]
    fn declare<H, T>(mut self, method: Method, filter: MethodFilter, path: &'static str, handler: H) -> Self
    where
        H: Handler<T, App> + Described<T>,
        T: 'static,
    {
        let handler_name = std::any::type_name::<H>();
        let (family, access) = (self.family, self.access);
        self.table.push(Route { method, path, family, access, handler: handler_name, describe: H::describe });
        self.router = self.router.route(path, on(filter, handler));
        self
    }

    /// Adds the routes of other families.
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.table.extend(other.table);
        self
    }

    /// The table of what has been declared.
    pub fn table(&self) -> &[Route] {
        &self.table
    }

    /// The router.
    pub fn into_router(self) -> Router<App> {
        self.router
    }
}
