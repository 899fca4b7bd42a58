//! The workflows are what GitHub reads, and end by themselves. That they run can only be seen there.

use std::process::Command;

use crate::program::{file, printed, said, tool};

#[test]
fn the_workflows_are_of_github_s_schema() {
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
            printed(&output),
            said(&output)
        );
    }
}
