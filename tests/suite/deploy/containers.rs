//! Tests of the container image and the compose stack, as far as they need no container engine.

use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::netns::Laboratory;
use crate::netns::exporter::PROGRAM;
use crate::program::{file, has_tool, stderr, stdout, tool};

const DOCKERFILE: &str = "deploy/docker/Dockerfile";
const IMAGE_SCRIPT: &str = "tests/suite/deploy/image.sh";

#[test]
fn dockerfiles_pass_hadolint() {
    let Some(hadolint) = tool("hadolint") else {
        return;
    };
    let output = Command::new(hadolint)
        .args([DOCKERFILE, "deploy/compose/testbed/Dockerfile"].map(file))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
}

/// Repeats the steps of the Dockerfile's last stage. The script contains the command of its health
/// check.
#[test]
fn image_contains_all_files_of_the_program() {
    let Some(_laboratory) = Laboratory::open("image_contains_all_files_of_the_program") else {
        return;
    };
    if !has_tool("curl") || !has_tool("/bin/busybox") {
        return;
    }
    let dockerfile = fs::read_to_string(file(DOCKERFILE)).unwrap();
    let script = fs::read_to_string(file(IMAGE_SCRIPT)).unwrap();
    let check = dockerfile
        .lines()
        .find_map(|line| line.trim().strip_prefix("CMD "))
        .unwrap();
    let check: Vec<String> = serde_json::from_str(check).unwrap();
    assert!(
        script.contains(&check.join(" ")),
        "the script does not run {check:?}"
    );
    let folder = tempfile::tempdir().unwrap();
    let mut run = Command::new("unshare");
    run.args([
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--propagation",
        "private",
        "sh",
        &file(IMAGE_SCRIPT),
    ]);
    let ran = run
        .arg(PROGRAM)
        .arg(folder.path())
        .arg(file("deploy/docker/closure"))
        .output()
        .unwrap();
    let expected = "not healthy before it runs\nhealthy\ntcp_handshake_exporter_capture_up{interface=\"any\"} 1\nstopped\n";
    assert_eq!(stdout(&ran), expected, "{}", stderr(&ran));
}

#[test]
fn compose_stack_follows_the_compose_specification() {
    let Some(check) = tool("check-jsonschema") else {
        return;
    };
    let stack = file("deploy/compose/compose.yaml");
    let output = Command::new(check)
        .args(["--builtin-schema", "vendor.compose-spec", &stack])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        stdout(&output),
        stderr(&output)
    );
    // Each file of the repository that the stack mounts exists.
    let stack: Value = serde_saphyr::from_str(&fs::read_to_string(stack).unwrap()).unwrap();
    let services = stack["services"].as_object().unwrap();
    let volumes = services
        .values()
        .filter_map(|service| service["volumes"].as_array())
        .flatten();
    let sources: Vec<_> = volumes
        .map(|volume| volume.as_str().unwrap().split(':').next().unwrap())
        .collect();
    assert!(sources.len() > 4, "{sources:?}");
    for source in sources {
        let path = file(&format!("deploy/compose/{source}"));
        assert!(fs::exists(&path).unwrap(), "no {source}");
    }
}

#[test]
fn compose_prometheus_and_grafana_name_existing_files() {
    let provider =
        fs::read_to_string(file("deploy/compose/grafana/dashboards/tcp_handshake.yml")).unwrap();
    let provider: Value = serde_saphyr::from_str(&provider).unwrap();
    assert_eq!(
        (&provider["apiVersion"], &provider["providers"][0]["type"]),
        (&1.into(), &"file".into())
    );
    let stack = fs::read_to_string(file("deploy/compose/compose.yaml")).unwrap();
    let path = provider["providers"][0]["options"]["path"]
        .as_str()
        .unwrap();
    assert!(
        stack.contains(&format!(":{path}:ro")),
        "no dashboards at {path}"
    );
    let source =
        fs::read_to_string(file("deploy/compose/grafana/datasources/prometheus.yml")).unwrap();
    let source: Value = serde_saphyr::from_str(&source).unwrap();
    assert_eq!(
        (&source["apiVersion"], &source["datasources"][0]["type"]),
        (&1.into(), &"prometheus".into())
    );
    if !has_tool("promtool") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let config = fs::read_to_string(file("deploy/compose/prometheus/prometheus.yml")).unwrap();
    let local = config.replace("/etc/prometheus/rules", &file("deploy/prometheus/rules"));
    assert_ne!(local, config);
    fs::write(folder.path().join("prometheus.yml"), local).unwrap();
    let mut check = Command::new("promtool");
    let checked = check
        .args(["check", "config"])
        .arg(folder.path().join("prometheus.yml"))
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "{}{}",
        stdout(&checked),
        stderr(&checked)
    );
    assert!(
        stdout(&checked).contains("2 rule files found"),
        "{}",
        stdout(&checked)
    );
}

#[test]
fn firewall_script_switches_faults() {
    let Some(laboratory) = Laboratory::open("firewall_script_switches_faults") else {
        return;
    };
    let host = laboratory.host("firewall");
    let fault = file("deploy/compose/testbed/fault");
    for (name, rule) in [
        ("drop", "tcp dport 443 drop"),
        ("reject", "reject with icmpx admin-prohibited"),
        ("reset", "reject with tcp reset"),
        ("reply", "tcp sport 443 drop"),
        ("loss", "numgen random mod 100 < 30 drop"),
        ("none", "policy accept"),
    ] {
        let output = host.command(&fault).arg(name).output().unwrap();
        assert!(
            output.status.success() && stdout(&output) == format!("fault: {name}\n"),
            "{name}: {}",
            stderr(&output)
        );
        let rules = stdout(
            &host
                .command("nft")
                .args(["list", "ruleset"])
                .output()
                .unwrap(),
        );
        assert!(rules.contains(rule), "{name}: {rules}");
        assert_eq!(
            rules.matches("443").count(),
            usize::from(name != "none"),
            "one fault at a time: {rules}"
        );
    }
    let output = host.command(&fault).arg("fire").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}
