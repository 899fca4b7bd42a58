//! The program and the oracle agree on every capture file of a folder.

use std::net::IpAddr;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::{
    Acks, Agreement, ELSEWHERE, Fact, IN_TRANSIT, agree, facts_of_any, page_of_any, tshark,
};
use crate::golden::arguments;

/// Compares each file of `ORACLE_CAPTURES`, by default of tests/captures. Prints a line for each difference and a summary.
#[test]
fn every_capture_file_agrees() {
    if !tshark::is_installed() {
        return;
    }
    let folder = std::env::var_os("ORACLE_CAPTURES")
        .map_or_else(|| PathBuf::from("tests/captures"), PathBuf::from);
    let files = files_in(&folder);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut all = FolderSummary::default();
        while let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
            all.add(file);
        }
        all
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let all = thread::scope(|scope| {
        let started: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        started
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .fold(FolderSummary::default(), FolderSummary::and)
    });
    println!("{all}");
    assert!(
        all.compared > 0,
        "there is no capture in {}",
        folder.display()
    );
    assert!(
        all.agreement.differences.is_empty(),
        "the program differs from the oracle, see above"
    );
}

/// Result of comparing the files of a folder.
#[derive(Default)]
struct FolderSummary {
    compared: usize,
    packets: usize,
    /// Number of files read by neither, by the oracle alone, by the program alone.
    unread: [usize; 3],
    /// Number of differing files with timestamps that tshark shows wrong.
    inexact: usize,
    agreement: Agreement,
}

impl FolderSummary {
    fn add(&mut self, file: &Path) {
        let shown = file.display();
        match (facts_of_any(file), page_of_any(file, "")) {
            (Ok(facts), Ok(_)) => self.compare(file, &facts),
            (Ok(facts), Err(_)) if facts.is_empty() => self.unread[0] += 1,
            (Err(_), Err(error)) => {
                println!("{shown}: neither side reads it: {}", error.trim());
                self.unread[0] += 1;
            }
            (Ok(facts), Err(error)) => {
                println!(
                    "{shown}: the program does not read {} packets: {}",
                    facts.len(),
                    error.trim()
                );
                self.unread[1] += 1;
            }
            (Err(error), Ok(_)) => {
                println!("{shown}: tshark does not read it: {}", error.trim());
                self.unread[2] += 1;
            }
        }
    }

    fn compare(&mut self, file: &Path, facts: &[Fact]) {
        let shown = file.display();
        let mut agreement =
            catch_unwind(|| agreement_on(file, facts)).unwrap_or_else(|_| Agreement {
                differences: vec!["the oracle panicked".to_owned()],
                ..Agreement::default()
            });
        let is_inexact =
            facts.iter().any(|fact| !fact.is_timestamp_exact) && !agreement.differences.is_empty();
        for difference in &agreement.differences {
            println!(
                "{shown}: {difference}{}",
                if is_inexact {
                    " (inexact timestamps)"
                } else {
                    ""
                }
            );
        }
        if is_inexact {
            agreement.differences.clear();
            self.inexact += 1;
        }
        self.compared += 1;
        self.packets += facts.len();
        self.agreement = std::mem::take(&mut self.agreement).and(agreement);
    }

    fn and(self, other: Self) -> Self {
        let [neither, oracle, program] = self.unread;
        let [more_neither, more_oracle, more_program] = other.unread;
        Self {
            compared: self.compared + other.compared,
            packets: self.packets + other.packets,
            unread: [
                neither + more_neither,
                oracle + more_oracle,
                program + more_program,
            ],
            inexact: self.inexact + other.inexact,
            agreement: self.agreement.and(other.agreement),
        }
    }
}

impl std::fmt::Display for FolderSummary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            compared,
            packets,
            unread: [neither, oracle, program],
            inexact,
            agreement,
        } = self;
        let Agreement {
            series,
            attempts,
            differences,
        } = agreement;
        writeln!(
            f,
            "{compared} captures, {packets} packets, {attempts} attempts, {series} series: the program differs from the \
             oracle in {}",
            differences.len()
        )?;
        write!(
            f,
            "not compared: {inexact} captures with timestamps that tshark shows wrong; read by tshark alone \
             {oracle}, by the program alone {program}, by neither {neither}"
        )
    }
}

/// Returns all files of a folder and its subfolders, by name.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("cannot list {}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let files = |path: PathBuf| {
        if path.is_dir() {
            files_in(&path)
        } else {
            vec![path]
        }
    };
    paths.into_iter().flat_map(files).collect()
}

/// Compares a file without local addresses, then with final ACKs, and then with the addresses of its host if they are known.
fn agreement_on(file: &Path, facts: &[Fact]) -> Agreement {
    let unknown = agree(file, facts, (&[], ""), Acks::Ignored);
    let in_transit = agree(file, facts, (&[ELSEWHERE], IN_TRANSIT), Acks::Counted);
    let arguments = arguments(file);
    let local: Vec<IpAddr> = arguments.split_whitespace().filter_map(host).collect();
    let known = match local[..] {
        [] => Agreement::default(),
        _ => agree(file, facts, (&local, &arguments), Acks::Ignored),
    };
    // Each comparison has the same attempts.
    Agreement {
        attempts: unknown.attempts,
        ..unknown.and(in_transit).and(known)
    }
}

/// Returns the address of an argument like `10.0.0.2/32`. In these tests each `--capture.local` is one host.
fn host(argument: &str) -> Option<IpAddr> {
    let (address, _) = argument.split_once('/')?;
    address.parse().ok()
}
