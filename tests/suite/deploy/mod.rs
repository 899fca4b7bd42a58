//! What hosts and clusters are given: units, manifests, packages; checked with the tools that will read them.

mod containers;
mod dependencies;
mod joins;
mod kubernetes;
mod manual;
mod notify;
mod package;
mod textfile;
mod units;
mod workflows;
