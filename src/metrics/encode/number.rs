//! Numbers as text, as Prometheus' own libraries write them.

use std::fmt::{self, Write};

/// A value.
#[derive(Clone, Copy)]
pub(super) struct Number(pub(super) f64);

/// An upper bound as the label `le`: as Go's `%g` has it, and with a dot in whole ones.
pub(super) struct Bound(pub(super) f64);

impl Number {
    /// As it is displayed; most are whole, and those take a fraction of the time.
    pub(super) fn push_to(&self, text: &mut String) {
        let value = self.0;
        if value.is_sign_positive() && value.fract() == 0.0 && value < EXACT {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is whole and in range"
            )]
            text.push_str(itoa::Buffer::new().format(value as u64));
        } else {
            // A text takes all that is written to it.
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

/// 2^53: below it each whole number is one.
const EXACT: f64 = 9_007_199_254_740_992.0;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_written_as_go_writes_them() {
        for (value, words) in [
            (0.00025, "0.00025"),
            (0.00001, "1e-05"),
            (2.5e-7, "2.5e-07"),
            (f64::INFINITY, "+Inf"),
        ] {
            assert_eq!(Bound(value).to_string(), words);
        }
        assert_eq!(
            (Bound(5.0).to_string(), Bound(1e21).to_string()),
            ("5.0".to_owned(), "1e+21".to_owned())
        );
        assert_eq!(Number(f64::INFINITY).to_string(), "+Inf");
        assert_eq!(Number(12.5).to_string(), "12.5");
    }

    #[test]
    fn numbers_are_pushed_as_they_are_displayed() {
        for value in [
            0.0,
            -0.0,
            1.0,
            0.5,
            -1.0,
            4.52,
            EXACT - 1.0,
            EXACT,
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
