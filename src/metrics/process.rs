//! What the kernel says of this process (proc(5)): CPU time to the hundredth of a second, memory, descriptors.

use std::io;
use std::time::Duration;

use procfs::WithCurrentSystemInfo;
use procfs::process::{LimitValue, Process, Stat};

use super::encode::Encoder;
use super::exposition::single;
use super::table::{
    PROCESS_CPU, PROCESS_MAX_FDS, PROCESS_OPEN_FDS, PROCESS_RESIDENT, PROCESS_START_TIME,
    PROCESS_THREADS, PROCESS_VIRTUAL,
};
use crate::time::Timestamp;

/// The process families; fewer where /proc cannot be read.
pub(super) fn write(to: &mut dyn Encoder) -> io::Result<()> {
    let Ok(process) = Process::myself() else {
        return Ok(());
    };
    if let Ok(stat) = process.stat() {
        let started = started(&stat);
        let ticks = procfs::ticks_per_second() as f64;
        single(
            &PROCESS_CPU,
            to,
            started,
            (stat.utime + stat.stime) as f64 / ticks,
        )?;
        single(&PROCESS_THREADS, to, None, stat.num_threads as f64)?;
        single(&PROCESS_VIRTUAL, to, None, stat.vsize as f64)?;
        single(&PROCESS_RESIDENT, to, None, stat.rss_bytes().get() as f64)?;
        if let Some(started) = started {
            single(&PROCESS_START_TIME, to, None, started.as_secs_f64())?;
        }
    }
    if let Ok(open) = process.fd_count() {
        single(&PROCESS_OPEN_FDS, to, None, open as f64)?;
    }
    if let Ok(limits) = process.limits() {
        let most = match limits.max_open_files.soft_limit {
            LimitValue::Value(limit) => limit as f64,
            LimitValue::Unlimited => f64::INFINITY,
        };
        single(&PROCESS_MAX_FDS, to, None, most)?;
    }
    Ok(())
}

/// When this process began, where /proc can be read.
pub(super) fn start() -> Option<Timestamp> {
    started(&Process::myself().ok()?.stat().ok()?)
}

fn started(stat: &Stat) -> Option<Timestamp> {
    let boot = Timestamp::from_parts(i64::try_from(procfs::boot_time_secs().ok()?).ok()?, 0);
    let millis = stat.starttime.saturating_mul(1000) / procfs::ticks_per_second();
    Some(boot + Duration::from_millis(millis))
}
