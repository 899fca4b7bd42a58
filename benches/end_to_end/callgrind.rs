//! What does not depend on the machine's mood: instructions and allocations a packet, counted by valgrind.

use std::path::Path;
use std::process::{Command, Stdio};

use super::input::{SERVERS, Traffic};

/// Counts and prints both for each kind of traffic, where valgrind is installed.
pub(crate) fn measure(folder: &Path) {
    if Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        return println!(
            "instructions and allocations: not counted, for valgrind is not installed\n"
        );
    }
    println!("counted by valgrind: what {MORE} packets take more than {FEW}, a packet");
    let views: [(&str, &[&str]); 2] = [("", &[]), ("server's view", &["--capture.local", SERVERS])];
    for (traffic, (seen, view)) in [Traffic::Mix, Traffic::Flood]
        .into_iter()
        .flat_map(|of| views.map(|view| (of, view)))
    {
        let [few, more] = [FEW, MORE].map(|packets| traffic.write_some(folder, packets));
        let a_packet = |count: fn(&Path, &[&str]) -> Option<u64>| {
            let more = count(&more, view)?.saturating_sub(count(&few, view)?);
            Some(more as f64 / (MORE - FEW) as f64)
        };
        let word = |count: Option<f64>| count.map_or("?".to_owned(), |count| format!("{count:.2}"));
        let (instructions, allocations) = (a_packet(instructions), a_packet(allocations));
        let name = traffic.name();
        println!(
            "  {name:6} {seen:14} {} instructions, {} allocations",
            word(instructions),
            word(allocations)
        );
    }
    println!();
}

fn instructions(file: &Path, view: &[&str]) -> Option<u64> {
    let said = valgrind(
        &["--tool=callgrind", "--callgrind-out-file=/dev/null"],
        file,
        view,
    )?;
    number_after(&said, "Collected : ")
}

fn allocations(file: &Path, view: &[&str]) -> Option<u64> {
    let said = valgrind(&["--tool=dhat", "--dhat-out-file=/dev/null"], file, view)?;
    let total = said.lines().find(|line| line.contains("Total:"))?;
    number_after(total, "bytes in ")
}

fn valgrind(flags: &[&str], file: &Path, view: &[&str]) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_tcp_handshake_exporter");
    let mut command = Command::new("valgrind");
    command
        .args(flags)
        .arg(program)
        .args(["diagnose", "--output", "metrics"])
        .args(view)
        .arg(file);
    let output = command.stdout(Stdio::null()).output().ok()?;
    Some(String::from_utf8_lossy(&output.stderr).into_owned())
}

fn number_after(text: &str, words: &str) -> Option<u64> {
    let (_, number) = text.split_once(words)?;
    let end = number
        .find(|sign: char| !sign.is_ascii_digit() && sign != ',')
        .unwrap_or(number.len());
    number.get(..end)?.replace(',', "").parse().ok()
}

/// Past the filling of the table, so that both have a full one.
const FEW: u64 = 400_000;
const MORE: u64 = 600_000;
