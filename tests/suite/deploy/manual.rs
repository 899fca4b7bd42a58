//! Manual pages and shell completions are made from the command line's own definition, and kept beside the code.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use clap_complete::Shell;

use crate::program::{file, has_tool, printed, said};

#[test]
fn manual_and_completions_are_those_of_the_command_line() {
    let update = std::env::var_os("UPDATE_MANUAL").is_some();
    for (path, text) in pages().into_iter().chain(completions()) {
        if update {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        } else {
            let kept = fs::read_to_string(&path).unwrap_or_default();
            assert!(
                kept == text,
                "{} is of another command line: `make manual` rewrites it",
                path.display()
            );
        }
    }
}

#[test]
fn man_finds_nothing_wrong_with_the_pages() {
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
            shown.status.success() && said(&shown).is_empty(),
            "{}: {}",
            path.display(),
            said(&shown)
        );
        assert!(printed(&shown).contains("SYNOPSIS"), "{}", path.display());
    }
}

#[test]
fn bash_completes_flags_and_commands() {
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", BASH])
        .env("FOLDER", file("deploy/completions"));
    let answer = bash.output().unwrap();
    assert_eq!(
        (printed(&answer).as_str(), said(&answer).as_str()),
        ("--capture.interface\ndiagnose\nlogfmt json\n", "")
    );
}

#[test]
fn zsh_reads_its_completions() {
    if !has_tool("zsh") {
        return;
    }
    let mut zsh = Command::new("zsh");
    zsh.args(["-f", "-c", ZSH])
        .env("FOLDER", file("deploy/completions"));
    let answer = zsh.output().unwrap();
    assert_eq!(
        (printed(&answer).as_str(), said(&answer).as_str()),
        ("_tcp_handshake_exporter\n", "")
    );
}

fn pages() -> Vec<(PathBuf, String)> {
    let mut commands = vec![tcp_handshake_exporter::cli::command()];
    commands[0].build();
    let below: Vec<_> = commands[0]
        .get_subcommands()
        .filter(|one| one.get_name() != "help")
        .cloned()
        .collect();
    commands.extend(below);
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
    let made = |shell: Shell| {
        let (mut command, mut text) = (tcp_handshake_exporter::cli::command(), Vec::new());
        clap_complete::generate(shell, &mut command, "tcp_handshake_exporter", &mut text);
        let name = clap_complete::Generator::file_name(&shell, "tcp_handshake_exporter");
        (
            PathBuf::from(file("deploy/completions")).join(name),
            String::from_utf8(text).unwrap(),
        )
    };
    // Not fish: its argparse takes no flags with dots, and so completes nothing.
    [Shell::Bash, Shell::Zsh].into_iter().map(made).collect()
}

const BASH: &str = r#"
source "$FOLDER/tcp_handshake_exporter.bash"
ask() {
  COMP_WORDS=(tcp_handshake_exporter "$@"); COMP_CWORD=$#
  _tcp_handshake_exporter tcp_handshake_exporter "${@: -1}" "${COMP_WORDS[COMP_CWORD-1]}"
  echo "${COMPREPLY[@]}"
}
ask --capture.i; ask diag; ask --log.format ""
"#;
const ZSH: &str = r#"
fpath=("$FOLDER" $fpath)
autoload -Uz compinit && compinit -D -u && echo $_comps[tcp_handshake_exporter] && zsh -n "$FOLDER/_tcp_handshake_exporter"
"#;
