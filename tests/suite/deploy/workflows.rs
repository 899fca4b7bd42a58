//! Test of the GitHub workflows: valid by their schema, with a timeout for each job. Only GitHub
//! can run them.

use std::process::Command;

use crate::program::{file, stderr, stdout, tool};

#[test]
fn workflows_follow_the_schema_of_github() {
    let Some(check) = tool("check-jsonschema") else {
        return;
    };
    for schema in [
        "vendor.github-workflows",
        "custom.github-workflows-require-timeout",
    ] {
        let workflows =
            ["ci", "release"].map(|name| file(&format!(".github/workflows/{name}.yml")));
        let output = Command::new(&check)
            .args(["--builtin-schema", schema])
            .args(workflows)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{schema}: {}{}",
            stdout(&output),
            stderr(&output)
        );
    }
}
