//! Routes: which reply belongs to a path and method.
//!
//! Data flow: the caller adds render functions by path; connection tasks find them by method and
//! path.
//!
//! Invariants: an unknown path gets status 404. A method other than GET and HEAD, or POST and PUT
//! for an action, gets status 405.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::http::uri::PathAndQuery;
use hyper::{Method, StatusCode};
use thiserror::Error;

use super::negotiation::{Representations, WritePage};
use super::reply::Reply;
use super::single_flight::{Render, SingleFlight};

/// Path of the health check, as in Prometheus and its exporters.
const HEALTHY_PATH: &str = "/-/healthy";
/// Path of the readiness check, as in Prometheus and its exporters.
const READY_PATH: &str = "/-/ready";

/// Routes by path. `/-/healthy` and `/-/ready` always exist.
pub struct Routes {
    routes: BTreeMap<String, Route>,
}

/// Why a route cannot be added.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum RouteError {
    /// The path is not absolute.
    #[error("no slash at the start of the path {0:?}: write /{0}")]
    Relative(String),
    /// No client can request the path.
    #[error("invalid path {0:?}: use letters, digits, hyphens, dots and slashes")]
    Illegal(String),
    /// The path has a route already.
    #[error("the path {0:?} is already in use: choose another")]
    Taken(String),
}

/// What a path serves.
#[derive(Clone)]
pub(super) enum Route {
    /// A constant reply, available however many requests run.
    Fixed(Reply),
    /// The readiness check, available however many requests run.
    Ready(Arc<SingleFlight>),
    /// A reply of the caller, subject to the limit on concurrent requests.
    Page(Arc<SingleFlight>),
    /// An action of the caller, executed by POST and PUT.
    Action(Arc<SingleFlight>),
    /// One resource in several representations.
    Representations(Arc<Representations>),
}

impl Routes {
    /// Creates routes with the health and readiness checks only.
    ///
    /// `ready` is called for each request of `/-/ready`. If it returns an error, the status is 503
    /// and the error is the text.
    pub fn new(ready: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        let ready = SingleFlight::new(Arc::new(move || match ready() {
            Ok(()) => Reply::text("ready\n"),
            Err(reason) => Reply::text(format!("not ready: {reason}\n"))
                .with_status(StatusCode::SERVICE_UNAVAILABLE),
        }));
        let healthy = Reply::text("healthy\n");
        let routes = [
            (HEALTHY_PATH.to_owned(), Route::Fixed(healthy)),
            (READY_PATH.to_owned(), Route::Ready(ready)),
        ];
        Self {
            routes: BTreeMap::from(routes),
        }
    }

    /// Adds a page.
    ///
    /// # Errors
    /// Returns an error if the path is not absolute, cannot be requested, or is already in use.
    pub fn with_page(self, path: &str, render: Render) -> Result<Self, RouteError> {
        self.with_route(path, Route::Page(SingleFlight::new(render)))
    }

    /// Adds a resource with several representations, given by their content types. Each is also
    /// available with gzip. Requests without a preference get the first one.
    ///
    /// # Errors
    /// Returns an error under the conditions of [`with_page`](Self::with_page).
    pub fn with_representations(
        self,
        path: &str,
        representations: Vec<(&'static str, WritePage)>,
    ) -> Result<Self, RouteError> {
        let representations = Representations::new(representations);
        self.with_route(path, Route::Representations(Arc::new(representations)))
    }

    /// Adds an action that each POST (or PUT) executes. The reply contains its result.
    ///
    /// # Errors
    /// Returns an error under the conditions of [`with_page`](Self::with_page).
    pub fn with_action(self, path: &str, action: Render) -> Result<Self, RouteError> {
        self.with_route(path, Route::Action(SingleFlight::new(action)))
    }

    fn with_route(mut self, path: &str, route: Route) -> Result<Self, RouteError> {
        if !path.starts_with('/') {
            return Err(RouteError::Relative(path.to_owned()));
        }
        if !path
            .parse::<PathAndQuery>()
            .is_ok_and(|parsed| parsed.path() == path)
        {
            return Err(RouteError::Illegal(path.to_owned()));
        }
        if self.routes.contains_key(path) {
            return Err(RouteError::Taken(path.to_owned()));
        }
        self.routes.insert(path.to_owned(), route);
        Ok(self)
    }

    /// Returns the route of a request, which may be an error reply.
    pub(super) fn find(&self, method: &Method, path: &str) -> Route {
        match self.routes.get(path) {
            None => Route::Fixed(Reply::not_found(&self.paths())),
            Some(Route::Action(_)) if !matches!(*method, Method::POST | Method::PUT) => {
                Route::Fixed(Reply::method_not_allowed("POST, PUT"))
            }
            Some(action @ Route::Action(_)) => action.clone(),
            Some(_) if !matches!(*method, Method::GET | Method::HEAD) => {
                Route::Fixed(Reply::method_not_allowed("GET, HEAD"))
            }
            Some(route) => route.clone(),
        }
    }

    fn paths(&self) -> String {
        self.routes
            .keys()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ")
    }
}
