//! Every byte string is a packet or a named skip, whatever stands before it and however little of it is here.

mod any;
mod links;
mod parts;
