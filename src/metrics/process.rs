//! Metrics about this process from `/proc` (proc(5)): CPU time, memory, file descriptors, threads,
//! start time.
//!
//! `exposition` calls [`write()`] at each scrape; the families go to the encoder.
//!
//! Invariant: a value that cannot be read from `/proc` is left out. CPU time has a resolution of a
//! hundredth of a second.

use std::io;
use std::time::Duration;

use procfs::WithCurrentSystemInfo;
use procfs::process::{LimitValue, Process, Stat};

use super::descriptors::{
    PROCESS_CPU, PROCESS_MAX_FDS, PROCESS_OPEN_FDS, PROCESS_RESIDENT, PROCESS_START_TIME,
    PROCESS_THREADS, PROCESS_VIRTUAL,
};
use super::encode::{Encoder, write_single};
use crate::time::Timestamp;

/// Writes the process families that can be read from `/proc`.
pub(super) fn write(encoder: &mut dyn Encoder) -> io::Result<()> {
    let Ok(process) = Process::myself() else {
        return Ok(());
    };
    if let Ok(stat) = process.stat() {
        let start = start_of(&stat);
        let cpu = (stat.utime + stat.stime) as f64 / procfs::ticks_per_second() as f64;
        write_single(&PROCESS_CPU, encoder, start, cpu)?;
        write_single(&PROCESS_THREADS, encoder, None, stat.num_threads as f64)?;
        write_single(&PROCESS_VIRTUAL, encoder, None, stat.vsize as f64)?;
        let resident = stat.rss_bytes().get() as f64;
        write_single(&PROCESS_RESIDENT, encoder, None, resident)?;
        if let Some(start) = start {
            write_single(&PROCESS_START_TIME, encoder, None, start.as_secs_f64())?;
        }
    }
    if let Ok(open) = process.fd_count() {
        write_single(&PROCESS_OPEN_FDS, encoder, None, open as f64)?;
    }
    if let Ok(limits) = process.limits() {
        let limit = match limits.max_open_files.soft_limit {
            LimitValue::Value(limit) => limit as f64,
            LimitValue::Unlimited => f64::INFINITY,
        };
        write_single(&PROCESS_MAX_FDS, encoder, None, limit)?;
    }
    Ok(())
}

/// Returns the start time of this process; `None` if it cannot be read from `/proc`.
pub(super) fn start() -> Option<Timestamp> {
    start_of(&Process::myself().ok()?.stat().ok()?)
}

fn start_of(stat: &Stat) -> Option<Timestamp> {
    let boot = Timestamp::from_parts(i64::try_from(procfs::boot_time_secs().ok()?).ok()?, 0);
    let millis = stat.starttime.saturating_mul(1000) / procfs::ticks_per_second();
    Some(boot + Duration::from_millis(millis))
}
