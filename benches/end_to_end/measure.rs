//! Runs a command and measures its time and memory.

use std::fmt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Measurements of one run.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// Wall-clock time.
    pub(crate) elapsed: Duration,
    /// User and system CPU time.
    pub(crate) cpu: Duration,
    /// Peak resident memory.
    pub(crate) peak_bytes: u64,
}

/// The distribution of a measurement over several runs.
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
        Self {
            min: at(0),
            median: at(values.len() / 2),
            max: at(values.len().saturating_sub(1)),
        }
    }
}

/// Formats the median, the minimum and the maximum.
impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3} ({:.3}..{:.3})", self.median, self.min, self.max)
    }
}

/// Runs a command. Returns `None` if the program is not installed or fails.
pub(crate) fn run(command: &[&str]) -> Option<Sample> {
    let (program, arguments) = command.split_first()?;
    let start = Instant::now();
    let child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let (status, usage) = wait4(child.id())?;
    let elapsed = start.elapsed();
    let time = |time: libc::timeval| {
        Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0))
            + Duration::from_micros(u64::try_from(time.tv_usec).unwrap_or(0))
    };
    let peak_bytes = u64::try_from(usage.ru_maxrss).unwrap_or(0) * 1024;
    (status == 0).then_some(Sample {
        elapsed,
        cpu: time(usage.ru_utime) + time(usage.ru_stime),
        peak_bytes,
    })
}

/// Waits for a child. Returns its status and its resource usage, which the standard library lacks.
#[allow(
    unsafe_code,
    reason = "wait4(2) has no safe wrapper that returns the usage"
)]
fn wait4(pid: u32) -> Option<(i32, libc::rusage)> {
    let mut status = 0;
    // SAFETY: all-zero bytes are a valid rusage, and both pointers are to locals that outlive the
    // call.
    let (waited, usage) = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        (
            libc::wait4(
                libc::pid_t::try_from(pid).ok()?,
                &raw mut status,
                0,
                &raw mut usage,
            ),
            usage,
        )
    };
    (waited > 0).then_some((status, usage))
}

/// Returns the user and system CPU time of a running process.
pub(crate) fn cpu_of(pid: u32) -> Duration {
    let stat = process(pid).and_then(|process| process.stat().ok());
    let ticks = stat.map_or(0, |stat| stat.utime + stat.stime);
    Duration::from_secs_f64(ticks as f64 / procfs::ticks_per_second() as f64)
}

/// Returns the peak resident memory of a running process, in bytes.
pub(crate) fn peak_resident_of(pid: u32) -> u64 {
    let status = process(pid).and_then(|process| process.status().ok());
    status.and_then(|status| status.vmhwm).unwrap_or(0) * 1024
}

fn process(pid: u32) -> Option<procfs::process::Process> {
    procfs::process::Process::new(i32::try_from(pid).ok()?).ok()
}
