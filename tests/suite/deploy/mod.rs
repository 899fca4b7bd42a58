//! Tests of the deployment files: units, manifests, packages, checked with the tools that read them
//! in use.

mod containers;
mod dependencies;
mod integrations;
mod kubernetes;
mod manual;
mod notify;
mod package;
mod textfile;
mod units;
mod workflows;
