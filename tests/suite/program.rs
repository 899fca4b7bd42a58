//! Runs the program with arguments and collects its output and exit status.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs the program to its end.
pub(crate) fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

/// Runs the program to its end with this standard input.
pub(crate) fn run_with_input(arguments: &[&str], input: &[u8]) -> Output {
    let piped = program()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = piped.unwrap();
    // A program that ends early does not read all of it. The caller checks its output.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

/// Returns the program without the settings in the environment of the test run.
pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tcp_handshake_exporter"));
    for (name, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("TCP_HANDSHAKE_EXPORTER_"))
    {
        command.env_remove(name);
    }
    command
}

/// Returns the absolute path of a file in the repository.
pub(crate) fn file(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// Returns standard error as text.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Returns standard output as text.
pub(crate) fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// `true` if a tool is installed. Otherwise a message is printed, and in CI the test fails.
pub(crate) fn has_tool(tool: &str) -> bool {
    let found = Command::new("sh")
        .args(["-c", &format!("command -v {tool}")])
        .output()
        .unwrap()
        .status
        .success();
    if !found {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "{tool} is not installed, and every test must run here"
        );
        eprintln!("NOT TESTED: {tool} is not installed (`make test` installs it)");
    }
    found
}

/// Returns a tool that `scripts/tools` installs into target/tools. If it is missing, a message is printed, and in CI the test
/// fails.
pub(crate) fn tool(name: &str) -> Option<String> {
    let path = file(&format!("target/tools/bin/{name}"));
    has_tool(&path).then_some(path)
}
