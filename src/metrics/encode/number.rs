//! Numbers as Prometheus' own libraries write them in OpenMetrics.

use std::fmt;

/// A value.
pub(super) struct Number(pub(super) f64);

/// An upper bound as the label `le`: as Go's `%g` has it, and with a dot in whole ones.
pub(super) struct Bound(pub(super) f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            value => value.fmt(f),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exponent = format!("{:e}", self.0);
        let exponent = exponent.split_once('e').and_then(|(digits, power)| Some((digits, power.parse::<i32>().ok()?)));
        match exponent {
            Some((digits, power)) if !(-4..21).contains(&power) => {
                let sign = if power < 0 { '-' } else { '+' };
                write!(f, "{digits}e{sign}{:02}", power.abs())
            }
            _ if self.0.is_finite() && self.0.fract() == 0.0 => write!(f, "{}.0", self.0),
            _ => Number(self.0).fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_written_as_go_writes_them() {
        for (value, words) in [(0.00025, "0.00025"), (0.00001, "1e-05"), (2.5e-7, "2.5e-07"), (f64::INFINITY, "+Inf")] {
            assert_eq!(Bound(value).to_string(), words);
        }
        assert_eq!((Bound(5.0).to_string(), Bound(1e21).to_string()), ("5.0".to_owned(), "1e+21".to_owned()));
        assert_eq!(Number(f64::INFINITY).to_string(), "+Inf");
        assert_eq!(Number(12.5).to_string(), "12.5");
    }
}
