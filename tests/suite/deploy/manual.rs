//! Tests of manual pages and shell completions, which are generated from the definition of the
//! command line.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use clap_complete::Shell;

use crate::program::{file, has_tool, stderr, stdout};

const BASH_SCRIPT: &str = r#"
source "$FOLDER/tcp_handshake_exporter.bash"
complete_line() {
  COMP_WORDS=(tcp_handshake_exporter "$@"); COMP_CWORD=$#
  _tcp_handshake_exporter tcp_handshake_exporter "${@: -1}" "${COMP_WORDS[COMP_CWORD-1]}"
  echo "${COMPREPLY[@]}"
}
complete_line --capture.i; complete_line diag; complete_line --log.format ""
"#;

const ZSH_SCRIPT: &str = r#"
fpath=("$FOLDER" $fpath)
autoload -Uz compinit && compinit -D -u && echo $_comps[tcp_handshake_exporter] && zsh -n "$FOLDER/_tcp_handshake_exporter"
"#;

#[test]
fn manual_and_completions_match_the_command_line() {
    let update = std::env::var_os("UPDATE_MANUAL").is_some();
    for (path, text) in pages().into_iter().chain(completions()) {
        if update {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        } else {
            let current = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                current == text,
                "{} does not match the command line: `make manual` rewrites it",
                path.display()
            );
        }
    }
}

#[test]
fn manual_pages_render_without_warnings() {
    if !has_tool("man") {
        return;
    }
    for (path, _) in pages() {
        let mut man = Command::new("man");
        man.args(["--warnings=all", "--local-file", "--pager=cat"])
            .arg(&path)
            .env("MANWIDTH", "100")
            .env("LC_ALL", "C.UTF-8");
        let shown = man.output().unwrap();
        assert!(
            shown.status.success() && stderr(&shown).is_empty(),
            "{}: {}",
            path.display(),
            stderr(&shown)
        );
        assert!(stdout(&shown).contains("SYNOPSIS"), "{}", path.display());
    }
}

#[test]
fn bash_completes_flags_and_commands() {
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", BASH_SCRIPT])
        .env("FOLDER", file("deploy/completions"));
    let output = bash.output().unwrap();
    assert_eq!(
        (stdout(&output).as_str(), stderr(&output).as_str()),
        ("--capture.interface\ndiagnose\nlogfmt json\n", "")
    );
}

#[test]
fn zsh_loads_completions() {
    if !has_tool("zsh") {
        return;
    }
    let mut zsh = Command::new("zsh");
    zsh.args(["-f", "-c", ZSH_SCRIPT])
        .env("FOLDER", file("deploy/completions"));
    let output = zsh.output().unwrap();
    assert_eq!(
        (stdout(&output).as_str(), stderr(&output).as_str()),
        ("_tcp_handshake_exporter\n", "")
    );
}

fn pages() -> Vec<(PathBuf, String)> {
    let mut commands = vec![tcp_handshake_exporter::cli::command()];
    commands[0].build();
    let subcommands: Vec<_> = commands[0]
        .get_subcommands()
        .filter(|one| one.get_name() != "help")
        .cloned()
        .collect();
    commands.extend(subcommands);
    let page = |command: clap::Command| {
        let name = command
            .get_display_name()
            .unwrap_or(command.get_name())
            .to_owned();
        let command = command.disable_help_subcommand(true);
        let mut text = Vec::new();
        clap_mangen::Man::new(command).render(&mut text).unwrap();
        (
            PathBuf::from(file("deploy/man")).join(format!("{name}.1")),
            String::from_utf8(text).unwrap(),
        )
    };
    commands.into_iter().map(page).collect()
}

fn completions() -> Vec<(PathBuf, String)> {
    let completion = |shell: Shell| {
        let mut command = tcp_handshake_exporter::cli::command();
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut command, "tcp_handshake_exporter", &mut text);
        let name = clap_complete::Generator::file_name(&shell, "tcp_handshake_exporter");
        (
            PathBuf::from(file("deploy/completions")).join(name),
            String::from_utf8(text).unwrap(),
        )
    };
    // Without fish, because its argparse accepts no flags with dots, and so completes none of them.
    [Shell::Bash, Shell::Zsh]
        .into_iter()
        .map(completion)
        .collect()
}
