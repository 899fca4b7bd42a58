//! Traffic made up at random.

mod chaos;
mod conversation;
mod path;

pub(crate) use chaos::chaos;
pub(crate) use conversation::{conversations, packets};
