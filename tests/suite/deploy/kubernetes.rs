//! Tests of the Kubernetes manifests by kustomize and by Helm.
//!
//! The objects are valid by their schemas, the container has one capability, and rules and
//! dashboards equal the files of `deploy/prometheus` and `dashboards`.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::program::{file, stderr, stdout, tool};

const CHART_PATH: &str = "deploy/helm/tcp-handshake-exporter";
const MONITORING_PATH: &str = "deploy/kubernetes/monitoring";
const RULES: [&str; 2] = ["tcp_handshake_alerts", "tcp_handshake_recording"];

const BASE_OBJECTS: &str = "\
monitoring/ServiceAccount/tcp-handshake-exporter
monitoring/Service/tcp-handshake-exporter
monitoring/DaemonSet/tcp-handshake-exporter
";

const MONITORING_OBJECTS: &str = "\
monitoring/ServiceMonitor/tcp-handshake-exporter
monitoring/PrometheusRule/tcp-handshake-alerts
monitoring/PrometheusRule/tcp-handshake-recording
monitoring/ConfigMap/tcp-handshake-overview
monitoring/ConfigMap/tcp-handshake-port-peer
monitoring/ConfigMap/tcp-handshake-path
monitoring/ConfigMap/tcp-handshake-exporter-itself
";

const CHART_MONITORING_OBJECTS: &str = "\
monitoring/ServiceMonitor/tcp-handshake-exporter
monitoring/PrometheusRule/tcp-handshake-alerts
monitoring/PrometheusRule/tcp-handshake-recording
monitoring/ConfigMap/tcp-handshake-exporter-dashboard-overview
monitoring/ConfigMap/tcp-handshake-exporter-dashboard-port-peer
monitoring/ConfigMap/tcp-handshake-exporter-dashboard-path
monitoring/ConfigMap/tcp-handshake-exporter-dashboard-exporter
";

#[test]
fn kustomizations_render_valid_objects() {
    for (path, wanted) in [
        ("deploy/kubernetes/base", BASE_OBJECTS.to_owned()),
        (
            MONITORING_PATH,
            format!("{BASE_OBJECTS}{MONITORING_OBJECTS}"),
        ),
    ] {
        let Some(manifests) = kustomized(path) else {
            return;
        };
        assert_eq!(
            sorted(&objects(&manifests, &["1.27", "1.37"])),
            sorted(&wanted),
            "{path}"
        );
        assert_exporter_confined(&manifests);
    }
}

#[test]
fn chart_renders_valid_objects() {
    let Some(plain) = rendered(&[]) else { return };
    assert_eq!(
        sorted(&objects(&plain, &["1.27", "1.37"])),
        sorted(BASE_OBJECTS)
    );
    assert_exporter_confined(&plain);
    let values = file("tests/suite/deploy/values.yaml");
    let full = rendered(&["--values", &values]).unwrap();
    assert_eq!(
        sorted(&objects(&full, &["1.37"])),
        sorted(&format!("{BASE_OBJECTS}{CHART_MONITORING_OBJECTS}"))
    );
    for text in [
        "--capture.local=10.244.0.0/16",
        "registry.example.net/tools/exporter@sha256:",
        "scheme: HTTPS",
    ] {
        assert!(full.contains(text), "{text} is not in\n{full}");
    }
    let lint = helm(&["lint", "--strict", "--values", &values, CHART_PATH]).unwrap();
    assert!(lint.status.success(), "{}{}", stdout(&lint), stderr(&lint));
}

#[test]
fn chart_rejects_invalid_values() {
    for (wrong, message) in [
        ("port=0", "/port"),
        ("extraArgs={eth0}", "/extraArgs/0"),
        ("serviceMonitor.intervall=15s", "intervall"),
        ("image.digest=sha256:1", "/image/digest"),
        ("replicas=2", "replicas"),
    ] {
        let Some(output) = helm(&["template", "x", CHART_PATH, "--set", wrong]) else {
            return;
        };
        assert!(
            !output.status.success() && stderr(&output).contains(message),
            "{wrong}: {}",
            stderr(&output)
        );
    }
}

/// The chart contains links to rules and dashboards, and kustomize reads the dashboards in place.
/// kustomize cannot put rules into an object, so that a generated file contains them.
#[test]
fn rules_and_dashboards_are_the_same_everywhere() {
    let generated = RULES.map(rule_object).concat();
    let path = file("deploy/kubernetes/monitoring/rules.yaml");
    if std::env::var_os("UPDATE_RULES").is_some() {
        fs::write(&path, &generated).unwrap();
    }
    assert!(
        fs::read_to_string(&path).unwrap() == generated,
        "{path} has other rules: `make rules` rewrites it"
    );
    let values = file("tests/suite/deploy/values.yaml");
    let Some(chart_manifests) = rendered(&["--values", &values]) else {
        return;
    };
    for manifests in [chart_manifests, kustomized(MONITORING_PATH).unwrap()] {
        let documents = documents(&manifests);
        let rules = of_kind(&documents, "PrometheusRule").map(|one| one["spec"].clone());
        let expected = RULES.map(|name| {
            yaml(&fs::read_to_string(file(&format!("deploy/prometheus/rules/{name}.yml"))).unwrap())
        });
        assert!(rules.eq(expected), "other rules");
        let dashboards = of_kind(&documents, "ConfigMap")
            .flat_map(|one| one["data"].as_object().unwrap().clone());
        let dashboards: BTreeMap<String, Value> = dashboards.collect();
        assert_eq!(dashboards.len(), 4);
        for (name, text) in dashboards {
            let dashboard: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
            let file = fs::read_to_string(file(&format!("dashboards/{name}"))).unwrap();
            assert_eq!(
                dashboard,
                serde_json::from_str::<Value>(&file).unwrap(),
                "{name}"
            );
        }
    }
}

/// Panics unless the container has one capability, a read-only file system and no privilege
/// escalation.
fn assert_exporter_confined(manifests: &str) {
    let documents = documents(manifests);
    let pod = &of_kind(&documents, "DaemonSet")
        .next()
        .expect("a DaemonSet")["spec"]["template"]["spec"];
    let context = &pod["containers"][0]["securityContext"];
    assert_eq!(
        context["capabilities"],
        serde_json::json!({"drop": ["ALL"], "add": ["NET_RAW"]})
    );
    let settings = [
        "readOnlyRootFilesystem",
        "allowPrivilegeEscalation",
        "privileged",
    ]
    .map(|key| &context[key]);
    assert_eq!(settings, [true, false, false]);
    assert_eq!(pod["automountServiceAccountToken"], false);
    assert_eq!(pod["hostNetwork"], true);
}

fn of_kind<'d>(documents: &'d [Value], kind: &str) -> impl Iterator<Item = &'d Value> {
    documents
        .iter()
        .filter(move |document| document["kind"] == kind)
}

fn documents(manifests: &str) -> Vec<Value> {
    let parts = format!("\n{manifests}");
    parts
        .split("\n---\n")
        .filter(|part| part.contains("kind:"))
        .map(yaml)
        .collect()
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap_or_else(|error| panic!("{error}:\n{text}"))
}

fn rule_object(name: &str) -> String {
    let rules = fs::read_to_string(file(&format!("deploy/prometheus/rules/{name}.yml"))).unwrap();
    let indented = rules.lines().map(|line| {
        if line.is_empty() {
            "\n".to_owned()
        } else {
            format!("  {line}\n")
        }
    });
    let name = name.replace('_', "-");
    format!(
        "# From deploy/prometheus/rules: `make rules` rewrites it.\napiVersion: monitoring.coreos.com/v1\n\
         kind: PrometheusRule\nmetadata:\n  name: {name}\nspec:\n{}---\n",
        indented.collect::<String>()
    )
}

fn kustomized(path: &str) -> Option<String> {
    let output = Command::new(tool("kubectl")?)
        .args(["kustomize", &file(path)])
        .output()
        .unwrap();
    assert!(output.status.success(), "{path}: {}", stderr(&output));
    Some(stdout(&output))
}

fn rendered(values: &[&str]) -> Option<String> {
    let arguments = [
        &[
            "template",
            "tcp-handshake-exporter",
            CHART_PATH,
            "--namespace",
            "monitoring",
        ],
        values,
    ]
    .concat();
    let output = helm(&arguments)?;
    assert!(output.status.success(), "{}", stderr(&output));
    Some(stdout(&output))
}

fn helm(arguments: &[&str]) -> Option<Output> {
    let mut helm = Command::new(tool("helm")?);
    let home = tempfile::tempdir().unwrap();
    helm.current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("HOME", home.path())
        .args(arguments);
    Some(helm.output().unwrap())
}

/// Returns one line per object of the manifests, after validating each by these versions of
/// Kubernetes.
fn objects(manifests: &str, versions: &[&str]) -> String {
    let mut check = Command::new(file("target/tools/python/bin/python"));
    check
        .arg(file("tests/suite/deploy/manifests.py"))
        .args(versions);
    let mut check = check
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    check
        .stdin
        .take()
        .unwrap()
        .write_all(manifests.as_bytes())
        .unwrap();
    let output = check.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

fn sorted(lines: &str) -> Vec<&str> {
    let mut lines: Vec<_> = lines.lines().collect();
    lines.sort_unstable();
    lines
}
