//! The examples of how it fits in with others are what those others read.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::program::{file, has_tool, printed, said};

#[test]
fn promtool_reads_the_readme_s_scrape_configurations() {
    if !has_tool("promtool") {
        return;
    }
    let readme = fs::read_to_string(file("README.md")).unwrap();
    let blocks = readme
        .split("```yaml\n")
        .skip(1)
        .filter_map(|rest| rest.split("\n```").next());
    let configs: Vec<&str> = blocks
        .filter(|block| block.starts_with("scrape_configs:"))
        .collect();
    assert!(configs.len() >= 2, "{configs:?}");
    for config in configs {
        // Where it stands, the files that it names are; here they are not.
        is_read_by_promtool(config);
    }
}

#[test]
fn promtool_reads_what_the_collector_s_receiver_is_told() {
    if !has_tool("promtool") {
        return;
    }
    let collector = fs::read_to_string(file("deploy/otel/collector.yaml")).unwrap();
    let collector: Value = serde_saphyr::from_str(&collector).unwrap();
    // JSON is YAML.
    is_read_by_promtool(&collector["receivers"]["prometheus"]["config"].to_string());
    let pipeline = &collector["service"]["pipelines"]["metrics"];
    for part in ["receivers", "processors", "exporters"] {
        for name in pipeline[part].as_array().unwrap() {
            assert!(
                !collector[part][name.as_str().unwrap()].is_null(),
                "no {part} {name}"
            );
        }
    }
}

fn is_read_by_promtool(config: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("prometheus.yml");
    fs::write(&path, config).unwrap();
    let output = Command::new("promtool")
        .args(["check", "config", "--lint-fatal"])
        .arg(path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}\n{config}",
        printed(&output),
        said(&output)
    );
}
