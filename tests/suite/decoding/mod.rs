//! Every byte string decodes to a packet or to a named discard, behind every link header and at every captured length.

mod arbitrary_bytes;
mod links;
mod truncation;
