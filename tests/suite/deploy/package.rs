//! Test of the Debian package: built by Cargo.toml, installed into an overlay of this host,
//! started, removed, purged.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::netns::Laboratory;
use crate::netns::exporter::PROGRAM;
use crate::program::{file, has_tool, stderr, stdout, tool};

const EXPECTED_OUTPUT: &str = r#"installed: install ok installed
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

#[test]
fn package_installs_starts_and_purges_cleanly() {
    let Some(_laboratory) = Laboratory::open("package_installs_starts_and_purges_cleanly") else {
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
        "the changelog has another version: {changes}"
    );
    let folder = tempfile::tempdir().unwrap();
    // Packages the program under test instead of a release build.
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
    assert!(built.status.success(), "{}", stderr(&built));
    let scratch = folder.path().join("scratch");
    fs::create_dir(&scratch).unwrap();
    let mut install = Command::new("unshare");
    install.args([
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
    let installed = install.arg(&package).arg(&scratch).output().unwrap();
    assert_eq!(
        stdout(&installed),
        EXPECTED_OUTPUT,
        "{}",
        stderr(&installed)
    );
}
