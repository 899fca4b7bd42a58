//! What the kernel says of this process (proc(5)): CPU time to the hundredth of a second, memory, descriptors.

use procfs::WithCurrentSystemInfo;
use procfs::process::{LimitValue, Process};
use prometheus::proto::MetricFamily;

use super::exposition::Family;
use super::table::{
    PROCESS_CPU, PROCESS_MAX_FDS, PROCESS_OPEN_FDS, PROCESS_RESIDENT, PROCESS_START_TIME, PROCESS_THREADS,
    PROCESS_VIRTUAL,
};

/// The process families; fewer where /proc cannot be read.
pub(super) fn families() -> Vec<MetricFamily> {
    let Ok(process) = Process::myself() else { return Vec::new() };
    let mut families = Vec::new();
    if let Ok(stat) = process.stat() {
        let ticks = procfs::ticks_per_second() as f64;
        families.push(Family::of(&PROCESS_CPU).with([], (stat.utime + stat.stime) as f64 / ticks).done());
        families.push(Family::of(&PROCESS_THREADS).with([], stat.num_threads as f64).done());
        families.push(Family::of(&PROCESS_VIRTUAL).with([], stat.vsize as f64).done());
        families.push(Family::of(&PROCESS_RESIDENT).with([], stat.rss_bytes().get() as f64).done());
        if let Ok(boot) = procfs::boot_time_secs() {
            let start = boot as f64 + stat.starttime as f64 / ticks;
            families.push(Family::of(&PROCESS_START_TIME).with([], start).done());
        }
    }
    if let Ok(open) = process.fd_count() {
        families.push(Family::of(&PROCESS_OPEN_FDS).with([], open as f64).done());
    }
    if let Ok(limits) = process.limits() {
        let most = match limits.max_open_files.soft_limit {
            LimitValue::Value(limit) => limit as f64,
            LimitValue::Unlimited => f64::INFINITY,
        };
        families.push(Family::of(&PROCESS_MAX_FDS).with([], most).done());
    }
    families
}
