//! Which page is at which path; everything else is 404, every method but GET and HEAD is 405, or but POST where
//! something is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::http::uri::PathAndQuery;
use hyper::{Method, StatusCode};
use thiserror::Error;

use super::forms::{Forms, WritePage};
use super::page::Reply;
use super::shared::{Render, SharedPage};

/// The pages by their paths. `/-/healthy` and `/-/ready` are always among them.
pub struct Routes {
    routes: BTreeMap<String, Route>,
}

/// Why a page cannot be served at a path.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub enum RouteError {
    /// It is not absolute.
    #[error("no slash at the start of the path {0:?}: write /{0}")]
    Relative(String),
    /// No client could ask for it.
    #[error("no client can ask for the path {0:?}: use letters, digits, hyphens, dots and slashes")]
    Illegal(String),
    /// Another page is there.
    #[error("the path {0:?} is taken by another page: choose another")]
    Taken(String),
}

/// What is at a path.
#[derive(Clone)]
pub(super) enum Route {
    /// Words that do not change, there however busy the pages are.
    Fixed(Reply),
    /// Whether the program is ready.
    Ready(Arc<SharedPage>),
    /// A page of the caller's, of which only so many may be asked for at once.
    Reply(Arc<SharedPage>),
    /// Done when somebody posts.
    Action(Arc<SharedPage>),
    /// The same in several forms.
    Forms(Arc<Forms>),
}

impl Routes {
    /// No pages yet. `ready` is asked at each request of `/-/ready`; where it says why not, the answer is 503.
    pub fn new(ready: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Self {
        let ready = SharedPage::new(Arc::new(move || match ready() {
            Ok(()) => Reply::text("ready\n"),
            Err(why) => Reply::text(format!("not ready: {why}\n"))
                .with_status(StatusCode::SERVICE_UNAVAILABLE),
        }));
        let healthy = Reply::text("healthy\n");
        let routes = [
            (HEALTHY.to_owned(), Route::Fixed(healthy)),
            (READY.to_owned(), Route::Ready(ready)),
        ];
        Self {
            routes: BTreeMap::from(routes),
        }
    }

    /// The same with one page more.
    ///
    /// # Errors
    /// Where the path is not absolute, could not be asked for, or is taken.
    pub fn with_page(self, path: &str, render: Render) -> Result<Self, RouteError> {
        self.with(path, Route::Reply(SharedPage::new(render)))
    }

    /// The same with one page more that can be had in several forms, by their content types, and compressed. Who does
    /// not say what he wants gets the first.
    ///
    /// # Errors
    /// As [`with_page`](Self::with_page).
    pub fn with_forms(
        self,
        path: &str,
        forms: Vec<(&'static str, WritePage)>,
    ) -> Result<Self, RouteError> {
        self.with(path, Route::Forms(Arc::new(Forms::new(forms))))
    }

    /// The same with something to be done at each POST (or PUT), of which the page tells how it went.
    ///
    /// # Errors
    /// As [`with_page`](Self::with_page).
    pub fn with_action(self, path: &str, act: Render) -> Result<Self, RouteError> {
        self.with(path, Route::Action(SharedPage::new(act)))
    }

    fn with(mut self, path: &str, route: Route) -> Result<Self, RouteError> {
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

    /// What a request of that method gets at that path.
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

/// Where Prometheus and its exporters have these two.
const HEALTHY: &str = "/-/healthy";
const READY: &str = "/-/ready";
