//! One line of a story, right of the arrow: `a: open, syn; 1 pending`.

use tcp_handshake_exporter::handshake::Answer;

use super::cast::Cast;
use super::fact::{Fact, PHRASES, What};
use super::icmp;
use super::line::millis;
use super::story::Expected;

/// The attempts of one story, by name. The only one may go without.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    names: Vec<Option<String>>,
}

/// What must be told, from text like `copy syn`, `a: failed refused, b: evicted`, `nothing; 1 pending, 2 tracked`.
pub(super) fn read(
    text: &str,
    cast: &mut Cast,
    attempts: &mut Attempts,
) -> Result<Expected, String> {
    let (told, counts) = match text.split_once(';') {
        Some((told, counts)) => (told, Some(counts)),
        None => (text, None),
    };
    let mut expected = Expected::default();
    let mut attempt = None;
    if told.trim() != "nothing" {
        for words in told.split(',') {
            let phrase = match words.split_once(':') {
                Some((name, phrase)) => {
                    attempt = Some(name.trim().to_string());
                    phrase
                }
                None => words,
            };
            let what = what(phrase.trim(), cast)?;
            let attempt = if what.has_attempt() {
                attempts.meet(attempt.clone(), &what)?
            } else {
                None
            };
            expected.facts.push(Fact { attempt, what });
        }
    }
    for count in counts.iter().flat_map(|counts| counts.split(',')) {
        match count.split_whitespace().collect::<Vec<_>>().as_slice() {
            [number, "pending"] => {
                expected.pending = Some(number.parse().map_err(|_| format!("`{count}`?"))?);
            }
            [number, "tracked"] => {
                expected.tracked = Some(number.parse().map_err(|_| format!("`{count}`?"))?);
            }
            _ => {
                return Err(format!(
                    "`{}` is neither `1 pending` nor `1 tracked`",
                    count.trim()
                ));
            }
        }
    }
    Ok(expected)
}

fn what(phrase: &str, cast: &mut Cast) -> Result<What, String> {
    if let Some((_, what)) = PHRASES.iter().find(|(fixed, _)| *fixed == phrase) {
        return Ok(what.clone());
    }
    match phrase.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["answered", after] => Ok(What::Answered(Answer {
            latency: millis(after)?,
            late: false,
        })),
        ["answered", "late", after] => Ok(What::Answered(Answer {
            latency: millis(after)?,
            late: true,
        })),
        ["completed", after] => Ok(What::Completed(millis(after)?)),
        ["icmp", said, "by", reporter] => {
            let code = icmp::CODES
                .into_iter()
                .find(|code| icmp::name(*code) == *said);
            let code = code.ok_or_else(|| format!("`{said}` is no ICMP error"))?;
            Ok(What::Icmp(code, cast.host(reporter)?))
        }
        _ => Err(format!("`{phrase}` is nothing that is ever told")),
    }
}

impl Attempts {
    /// An attempt must be opened before anything else is told of it, and opened once.
    fn meet(&mut self, name: Option<String>, what: &What) -> Result<Option<String>, String> {
        let known = self.names.contains(&name);
        let opens = *what == What::Open;
        let spoken = name.as_deref().unwrap_or("without a name");
        match (opens, known) {
            (true, false)
                if self.names.contains(&None) || (name.is_none() && !self.names.is_empty()) =>
            {
                Err("a story of several attempts names each of them".into())
            }
            (true, false) => {
                self.names.push(name.clone());
                Ok(name)
            }
            (true, true) => Err(format!("attempt {spoken} opens twice: name each")),
            (false, true) => Ok(name),
            (false, false) => Err(format!("attempt {spoken} was never opened")),
        }
    }
}
