//! Pages over HTTP/1.1: where to listen, what is served to whom, and who has to wait or leave; the pages are given.

mod activation;
mod address;
mod body;
mod connection;
mod doors;
mod forms;
mod greeting;
mod guard;
mod limits;
mod origin;
mod page;
mod ranges;
mod routes;
mod seats;
mod server;
mod shared;

pub use activation::{ActivationError, activated};
pub use address::{AddressError, BindError, ListenAddress};
pub use doors::ServeError;
pub use forms::WritePage;
pub use guard::{AccessControl, WebConfigError};
pub use hyper::StatusCode;
pub use limits::ServerLimits;
pub use page::Reply;
pub use routes::{RouteError, Routes};
pub use server::serve;
pub use shared::Render;

#[cfg(test)]
mod tests;
