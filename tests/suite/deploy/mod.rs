//! What hosts and clusters are given: units, manifests, packages; checked with the tools that will read them.

mod kubernetes;
mod manual;
mod notify;
mod package;
mod units;
