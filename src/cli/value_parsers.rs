//! Parsers of flag values. An error states the expected notation or range.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytesize::ByteSize;

use crate::config::PortRange;
use crate::metrics::Bounds;

const MIN_BUFFER_BYTES: i32 = 65_536;
const MIN_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_TIMEOUT: Duration = Duration::from_secs(600);
const MIN_IDLE_TIMEOUT: Duration = Duration::from_secs(600);
const MAX_ATTEMPTS: RangeInclusive<usize> = 16..=16_777_216;
const MAX_SETS: RangeInclusive<usize> = 1..=1_000_000;

pub(super) fn port_range(text: &str) -> Result<PortRange, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let port = |text: &str| text.trim().parse::<u16>();
    match (port(first), port(last)) {
        (Ok(first), Ok(last)) if first <= last => Ok(PortRange { first, last }),
        _ => Err("write a port from 0 to 65535, or a range such as 8000-8099".to_owned()),
    }
}

pub(super) fn buffer_size(text: &str) -> Result<i32, String> {
    let size: ByteSize = text
        .parse()
        .map_err(|_| "write a size such as 16MiB".to_owned())?;
    let bytes = i32::try_from(size.as_u64())
        .ok()
        .filter(|bytes| *bytes >= MIN_BUFFER_BYTES);
    bytes.ok_or_else(|| "the ring must have at least 64KiB and less than 2GiB".to_owned())
}

pub(super) fn timeout(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    (MIN_TIMEOUT..=MAX_TIMEOUT)
        .contains(&duration)
        .then_some(duration)
        .ok_or_else(|| "write a duration from 100ms to 10m".to_owned())
}

pub(super) fn idle_timeout(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    (duration >= MIN_IDLE_TIMEOUT)
        .then_some(duration)
        .ok_or_else(|| "write a duration of at least 10m".to_owned())
}

pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    (!duration.is_zero())
        .then_some(duration)
        .ok_or_else(|| "write a duration such as 30s".to_owned())
}

pub(super) fn max_attempts(text: &str) -> Result<usize, String> {
    in_range(text, &MAX_ATTEMPTS)
}

pub(super) fn max_sets(text: &str) -> Result<usize, String> {
    in_range(text, &MAX_SETS)
}

fn in_range(text: &str, range: &RangeInclusive<usize>) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| format!("write a number from {} to {}", range.start(), range.end()))
}

pub(super) fn bounds(text: &str) -> Result<Bounds, String> {
    let number = |text: &str| {
        text.trim()
            .parse::<f64>()
            .map_err(|_| format!("`{text}` is not a number of seconds"))
    };
    let seconds = text
        .split(',')
        .filter(|part| !part.trim().is_empty())
        .map(number)
        .collect::<Result<_, _>>()?;
    Bounds::new(seconds)
}

pub(super) fn telemetry_path(text: &str) -> Result<String, String> {
    // `/-/` is reserved for the management endpoints.
    let is_valid = text.starts_with('/') && text.len() > 1 && !text.starts_with("/-/");
    is_valid
        .then(|| text.to_owned())
        .ok_or_else(|| "write a path such as /metrics".to_owned())
}
