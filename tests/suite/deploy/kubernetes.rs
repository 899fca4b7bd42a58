//! What clusters are given, by kustomize and by Helm: objects that their schemas know, one capability, the same rules and
//! dashboards as everybody's.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::program::{file, printed, said, tool};

#[test]
fn kustomizations_are_sound() {
    for (path, wanted) in [
        ("deploy/kubernetes/base", BASE.to_owned()),
        (MONITORING, format!("{BASE}{WATCHED}")),
    ] {
        let Some(manifests) = kustomized(path) else {
            return;
        };
        assert_eq!(
            sorted(&objects(&manifests, &["1.27", "1.37"])),
            sorted(&wanted),
            "{path}"
        );
        exporter_is_confined(&manifests);
    }
}

#[test]
fn the_chart_is_sound() {
    let Some(plain) = rendered(&[]) else { return };
    assert_eq!(sorted(&objects(&plain, &["1.27", "1.37"])), sorted(BASE));
    exporter_is_confined(&plain);
    let values = file("tests/suite/deploy/values.yaml");
    let full = rendered(&["--values", &values]).unwrap();
    assert_eq!(
        sorted(&objects(&full, &["1.37"])),
        sorted(&format!("{BASE}{CHARTED}"))
    );
    for word in [
        "--capture.local=10.244.0.0/16",
        "registry.example.net/tools/exporter@sha256:",
        "scheme: HTTPS",
    ] {
        assert!(full.contains(word), "{word} is not in\n{full}");
    }
    let lint = helm(&["lint", "--strict", "--values", &values, CHART]).unwrap();
    assert!(lint.status.success(), "{}{}", printed(&lint), said(&lint));
}

#[test]
fn the_chart_refuses_values_that_are_none() {
    for (wrong, word) in [
        ("port=0", "/port"),
        ("extraArgs={eth0}", "/extraArgs/0"),
        ("serviceMonitor.intervall=15s", "intervall"),
        ("image.digest=sha256:1", "/image/digest"),
        ("replicas=2", "replicas"),
    ] {
        let Some(output) = helm(&["template", "x", CHART, "--set", wrong]) else {
            return;
        };
        assert!(
            !output.status.success() && said(&output).contains(word),
            "{wrong}: {}",
            said(&output)
        );
    }
}

/// The chart has links to them, and kustomize takes dashboards from where they are; it has no way to put rules into an object.
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
    let Some(charted) = rendered(&["--values", &values]) else {
        return;
    };
    for manifests in [charted, kustomized(MONITORING).unwrap()] {
        let documents = documents(&manifests);
        let rules = of_kind(&documents, "PrometheusRule").map(|one| one["spec"].clone());
        let kept = RULES.map(|name| {
            yaml(&fs::read_to_string(file(&format!("deploy/prometheus/rules/{name}.yml"))).unwrap())
        });
        assert!(rules.eq(kept), "other rules");
        let shown = of_kind(&documents, "ConfigMap")
            .flat_map(|one| one["data"].as_object().unwrap().clone());
        let shown: BTreeMap<String, Value> = shown.collect();
        assert_eq!(shown.len(), 4);
        for (name, text) in shown {
            let dashboard: Value = serde_json::from_str(text.as_str().unwrap()).unwrap();
            let kept = fs::read_to_string(file(&format!("dashboards/{name}"))).unwrap();
            assert_eq!(
                dashboard,
                serde_json::from_str::<Value>(&kept).unwrap(),
                "{name}"
            );
        }
    }
}

/// Root in name, with one capability, nothing to write to, and no way to more.
fn exporter_is_confined(manifests: &str) {
    let documents = documents(manifests);
    let pod = &of_kind(&documents, "DaemonSet")
        .next()
        .expect("a DaemonSet")["spec"]["template"]["spec"];
    let context = &pod["containers"][0]["securityContext"];
    assert_eq!(
        context["capabilities"],
        serde_json::json!({"drop": ["ALL"], "add": ["NET_RAW"]})
    );
    let said = [
        "readOnlyRootFilesystem",
        "allowPrivilegeEscalation",
        "privileged",
    ]
    .map(|key| &context[key]);
    assert_eq!(said, [true, false, false]);
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
    assert!(output.status.success(), "{path}: {}", said(&output));
    Some(printed(&output))
}

fn rendered(values: &[&str]) -> Option<String> {
    let arguments = [
        &[
            "template",
            "tcp-handshake-exporter",
            CHART,
            "--namespace",
            "monitoring",
        ],
        values,
    ]
    .concat();
    let output = helm(&arguments)?;
    assert!(output.status.success(), "{}", said(&output));
    Some(printed(&output))
}

fn helm(arguments: &[&str]) -> Option<Output> {
    let mut helm = Command::new(tool("helm")?);
    let home = tempfile::tempdir().unwrap();
    helm.current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("HOME", home.path())
        .args(arguments);
    Some(helm.output().unwrap())
}

/// The objects in these manifests, each sound by these versions of Kubernetes.
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
    assert!(output.status.success(), "{}", said(&output));
    printed(&output)
}

fn sorted(lines: &str) -> Vec<&str> {
    let mut lines: Vec<_> = lines.lines().collect();
    lines.sort_unstable();
    lines
}

const CHART: &str = "deploy/helm/tcp-handshake-exporter";
const MONITORING: &str = "deploy/kubernetes/monitoring";
const RULES: [&str; 2] = ["tcp_handshake_alerts", "tcp_handshake_recording"];
const BASE: &str = "\
monitoring/ServiceAccount/tcp-handshake-exporter
monitoring/Service/tcp-handshake-exporter
monitoring/DaemonSet/tcp-handshake-exporter
";
const WATCHED: &str = "\
monitoring/ServiceMonitor/tcp-handshake-exporter
monitoring/PrometheusRule/tcp-handshake-alerts
monitoring/PrometheusRule/tcp-handshake-recording
monitoring/ConfigMap/tcp-handshake-overview
monitoring/ConfigMap/tcp-handshake-port-peer
monitoring/ConfigMap/tcp-handshake-path
monitoring/ConfigMap/tcp-handshake-exporter-itself
";
const CHARTED: &str = "\
monitoring/ServiceMonitor/tcp-handshake-exporter
monitoring/PrometheusRule/tcp-handshake-alerts
monitoring/PrometheusRule/tcp-handshake-recording
monitoring/ConfigMap/tcp-handshake-exporter-dashboard-overview
monitoring/ConfigMap/tcp-handshake-exporter-dashboard-port-peer
monitoring/ConfigMap/tcp-handshake-exporter-dashboard-path
monitoring/ConfigMap/tcp-handshake-exporter-dashboard-exporter
";
