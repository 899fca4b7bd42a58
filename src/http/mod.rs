//! HTTP/1.1 server: listeners, access control, connection limits, routes and content negotiation.
//!
//! Data flow: the caller passes listeners and [`Routes`] with render functions to [`serve`]. This
//! module imports no other module of the crate.
//!
//! Invariants:
//! - No client can keep the server waiting longer than [`ServerLimits`] allows.
//! - Idle connections and slow readers cannot lock out a scrape.
//! - While the web configuration is invalid, every connection or request is rejected.

mod client_prefix;
mod connection;
mod connection_limit;
mod listen_address;
mod listeners;
mod negotiation;
mod reply;
mod routes;
mod server;
mod single_flight;
mod transport;
mod web_config;

pub use connection_limit::ServerLimits;
pub use hyper::StatusCode;
pub use listen_address::{ActivationError, AddressError, BindError, ListenAddress, activated};
pub use listeners::ServeError;
pub use negotiation::WritePage;
pub use reply::Reply;
pub use routes::{RouteError, Routes};
pub use server::serve;
pub use single_flight::Render;
pub use web_config::{AccessControl, WebConfigError};

#[cfg(test)]
mod tests;
