//! Numbers as text, formatted as Prometheus' own libraries format them.
//!
//! `sample_lines` formats values; the two text encoders format bucket bounds.

use std::fmt::{self, Write};

/// 2^53: below it an `f64` represents every whole number exactly.
const EXACT_LIMIT: f64 = 9_007_199_254_740_992.0;

/// The value of a sample.
#[derive(Clone, Copy)]
pub(super) struct Number(pub(super) f64);

/// The upper bound of a bucket as OpenMetrics requires it in the label `le`: as Go's `%g`, and with
/// a dot if it is whole.
pub(super) struct Bound(pub(super) f64);

impl Number {
    /// Appends the number as [`Display`](fmt::Display) formats it. Most numbers are whole and take
    /// a fast path, which needs a fraction of the time.
    pub(super) fn push_to(&self, text: &mut String) {
        let value = self.0;
        if value.is_sign_positive() && value.fract() == 0.0 && value < EXACT_LIMIT {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the value is whole and in range"
            )]
            text.push_str(itoa::Buffer::new().format(value as u64));
        } else {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{self}");
        }
    }
}

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
        let exponent = exponent
            .split_once('e')
            .and_then(|(digits, power)| Some((digits, power.parse::<i32>().ok()?)));
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
    fn bounds_match_go_formatting() {
        for (value, expected) in [
            (0.00025, "0.00025"),
            (0.00001, "1e-05"),
            (2.5e-7, "2.5e-07"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(Bound(value).to_string(), expected);
        }
        assert_eq!(
            (Bound(5.0).to_string(), Bound(1e21).to_string()),
            ("5.0".to_owned(), "1e+21".to_owned())
        );
        assert_eq!(Number(f64::INFINITY).to_string(), "+Inf");
        assert_eq!(Number(12.5).to_string(), "12.5");
    }

    #[test]
    fn pushed_number_equals_displayed_number() {
        for value in [
            0.0,
            -0.0,
            1.0,
            0.5,
            -1.0,
            4.52,
            EXACT_LIMIT - 1.0,
            EXACT_LIMIT,
            1e300,
            1e-7,
            f64::INFINITY,
            f64::NAN,
        ] {
            let mut pushed = String::new();
            Number(value).push_to(&mut pushed);
            assert_eq!(pushed, Number(value).to_string());
        }
    }
}
