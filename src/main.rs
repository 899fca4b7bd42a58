//! The door: see `exporter` for what happens inside.

fn main() {}
