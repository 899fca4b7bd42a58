//! Instructions and allocations a packet, counted by valgrind (callgrind and dhat).
//!
//! Unlike times, they do not depend on the load of the machine.

use std::path::Path;
use std::process::{Command, Stdio};

use super::input::{SERVERS, Traffic};

/// Packets of the shorter run. They fill the table of attempts, so that both runs have a full one.
const BASELINE_PACKETS: u64 = 400_000;
/// Packets of the longer run.
const MEASURED_PACKETS: u64 = 600_000;

/// Counts and prints both for each kind of traffic, if valgrind is installed.
pub(crate) fn measure(folder: &Path) {
    if Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status()
        .is_err()
    {
        return println!("instructions and allocations: not counted, valgrind is not installed\n");
    }
    println!(
        "counted by valgrind: difference of {MEASURED_PACKETS} and {BASELINE_PACKETS} packets, per packet"
    );
    let views: [(&str, &[&str]); 2] = [("", &[]), ("server's view", &["--capture.local", SERVERS])];
    for (traffic, (view, flags)) in [Traffic::Mix, Traffic::Flood]
        .into_iter()
        .flat_map(|traffic| views.map(|view| (traffic, view)))
    {
        let [baseline, measured] = [BASELINE_PACKETS, MEASURED_PACKETS]
            .map(|packets| traffic.write_packets(folder, packets));
        let per_packet = |count: fn(&Path, &[&str]) -> Option<u64>| {
            let difference = count(&measured, flags)?.saturating_sub(count(&baseline, flags)?);
            Some(difference as f64 / (MEASURED_PACKETS - BASELINE_PACKETS) as f64)
        };
        let format =
            |count: Option<f64>| count.map_or("?".to_owned(), |count| format!("{count:.2}"));
        let name = traffic.name();
        println!(
            "  {name:6} {view:14} {} instructions, {} allocations",
            format(per_packet(instructions)),
            format(per_packet(allocations))
        );
    }
    println!();
}

fn instructions(file: &Path, flags: &[&str]) -> Option<u64> {
    let report = valgrind(
        &["--tool=callgrind", "--callgrind-out-file=/dev/null"],
        file,
        flags,
    )?;
    number_after(&report, "Collected : ")
}

fn allocations(file: &Path, flags: &[&str]) -> Option<u64> {
    let report = valgrind(&["--tool=dhat", "--dhat-out-file=/dev/null"], file, flags)?;
    let total = report.lines().find(|line| line.contains("Total:"))?;
    number_after(total, "bytes in ")
}

/// Runs the program under valgrind and returns the report of the tool.
fn valgrind(tool: &[&str], file: &Path, flags: &[&str]) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_tcp_handshake_exporter");
    let mut command = Command::new("valgrind");
    command
        .args(tool)
        .arg(program)
        .args(["diagnose", "--output", "metrics"])
        .args(flags)
        .arg(file);
    let output = command.stdout(Stdio::null()).output().ok()?;
    Some(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Returns the number that follows `label` in the text.
fn number_after(text: &str, label: &str) -> Option<u64> {
    let (_, number) = text.split_once(label)?;
    let end = number
        .find(|char: char| !char.is_ascii_digit() && char != ',')
        .unwrap_or(number.len());
    number.get(..end)?.replace(',', "").parse().ok()
}
