//! The Debian package: built from what Cargo.toml says, installed into a copy of this host, started, purged.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::lab::Laboratory;
use crate::lab::exporter::PROGRAM;
use crate::program::{file, has_tool, printed, said, tool};

#[test]
fn the_package_installs_starts_and_purges_cleanly() {
    let Some(_laboratory) = Laboratory::open("the_package_installs_starts_and_purges_cleanly")
    else {
        return;
    };
    if !["dpkg-deb", "dpkg-shlibdeps", "setpriv", "curl", "man"]
        .iter()
        .all(|tool| has_tool(tool))
    {
        return;
    }
    let Some(cargo_deb) = tool("cargo-deb") else {
        return;
    };
    let changes = fs::read_to_string(file("deploy/debian/changelog")).unwrap();
    assert!(
        changes.contains(&format!("({}-1)", env!("CARGO_PKG_VERSION"))),
        "another version: {changes}"
    );
    let folder = tempfile::tempdir().unwrap();
    // The program under test stands in for the release.
    let release = folder.path().join("target/release");
    fs::create_dir_all(&release).unwrap();
    symlink(PROGRAM, release.join("tcp_handshake_exporter")).unwrap();
    let package = folder.path().join("package.deb");
    let mut build = Command::new(cargo_deb);
    build.args([
        "deb",
        "--no-build",
        "--strip",
        "--fast",
        "--offline",
        "--manifest-path",
        &file("Cargo.toml"),
        "-o",
    ]);
    let built = build
        .arg(&package)
        .env("CARGO_TARGET_DIR", folder.path().join("target"))
        .output()
        .unwrap();
    assert!(built.status.success(), "{}", said(&built));
    let scratch = folder.path().join("scratch");
    fs::create_dir(&scratch).unwrap();
    let mut visit = Command::new("unshare");
    visit.args([
        "--mount",
        "--net",
        "--pid",
        "--fork",
        "--kill-child",
        "--propagation",
        "private",
        "sh",
        &file("tests/suite/deploy/package.sh"),
    ]);
    let visited = visit.arg(&package).arg(&scratch).output().unwrap();
    assert_eq!(printed(&visited), FACTS, "{}", said(&visited));
}

const FACTS: &str = r#"installed: install ok installed
enabled: /lib/systemd/system/tcp_handshake_exporter.service
verified: 
manual: /usr/share/man/man1/tcp_handshake_exporter-diagnose.1.gz
ready: ready
captures: tcp_handshake_exporter_capture_up{interface="lo"} 1
stopped: with status 0
kept: ARGS="-i lo --web.listen-address 127.0.0.1:10099"
removed: gone, settings /etc/default/tcp_handshake_exporter
purged: dpkg-query: no packages found matching tcp-handshake-exporter
"#;
