//! Tests of the integration examples: other programs accept their configurations.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::program::{file, has_tool, stderr, stdout};

#[test]
fn promtool_accepts_scrape_configurations_of_the_readme() {
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
        // Written to a temporary folder, because the files that it names do not exist here.
        assert_promtool_accepts(config);
    }
}

#[test]
fn promtool_accepts_the_collector_receiver_configuration() {
    if !has_tool("promtool") {
        return;
    }
    let collector = fs::read_to_string(file("deploy/otel/collector.yaml")).unwrap();
    let collector: Value = serde_saphyr::from_str(&collector).unwrap();
    // promtool reads YAML, of which JSON is a subset.
    assert_promtool_accepts(&collector["receivers"]["prometheus"]["config"].to_string());
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

fn assert_promtool_accepts(config: &str) {
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
        stdout(&output),
        stderr(&output)
    );
}
