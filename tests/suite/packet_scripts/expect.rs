//! The part of a script line right of the arrow: `a: open, syn; 1 pending`.

use tcp_handshake_exporter::handshake::Answer;

use super::definitions::Definitions;
use super::event::{EventKind, PHRASES, ScriptEvent};
use super::icmp;
use super::line::millis;
use super::script::Expected;

/// The attempts of one script, by name. A single attempt needs no name.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    names: Vec<Option<String>>,
}

/// Parses expectations such as `duplicate syn`, `a: failed refused, b: evicted`, `nothing; 1 pending, 2 tracked`.
pub(super) fn parse(
    text: &str,
    definitions: &mut Definitions,
    attempts: &mut Attempts,
) -> Result<Expected, String> {
    let (events, counts) = match text.split_once(';') {
        Some((events, counts)) => (events, Some(counts)),
        None => (text, None),
    };
    let mut expected = Expected::default();
    let mut attempt = None;
    if events.trim() != "nothing" {
        for words in events.split(',') {
            let phrase = match words.split_once(':') {
                Some((name, phrase)) => {
                    attempt = Some(name.trim().to_string());
                    phrase
                }
                None => words,
            };
            let kind = event_kind(phrase.trim(), definitions)?;
            let attempt = if kind.has_attempt() {
                attempts.check(attempt.clone(), &kind)?
            } else {
                None
            };
            expected.events.push(ScriptEvent { attempt, kind });
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

fn event_kind(phrase: &str, definitions: &mut Definitions) -> Result<EventKind, String> {
    if let Some((_, kind)) = PHRASES.iter().find(|(fixed, _)| *fixed == phrase) {
        return Ok(kind.clone());
    }
    match phrase.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["answered", after] => Ok(EventKind::Answered(Answer {
            latency: millis(after)?,
            late: false,
        })),
        ["answered", "late", after] => Ok(EventKind::Answered(Answer {
            latency: millis(after)?,
            late: true,
        })),
        ["completed", after] => Ok(EventKind::Completed(millis(after)?)),
        ["icmp", name, "by", reporter] => {
            let code = icmp::CODES
                .into_iter()
                .find(|code| icmp::name(*code) == *name);
            let code = code.ok_or_else(|| format!("`{name}` is not an ICMP error"))?;
            Ok(EventKind::Icmp(code, definitions.host(reporter)?))
        }
        _ => Err(format!("`{phrase}` is not an event")),
    }
}

impl Attempts {
    /// Returns an error unless an attempt is opened exactly once, and before its other events.
    fn check(&mut self, name: Option<String>, kind: &EventKind) -> Result<Option<String>, String> {
        let known = self.names.contains(&name);
        let opens = *kind == EventKind::Open;
        let shown = name.as_deref().unwrap_or("without a name");
        match (opens, known) {
            (true, false)
                if self.names.contains(&None) || (name.is_none() && !self.names.is_empty()) =>
            {
                Err("a script with several attempts names each of them".into())
            }
            (true, false) => {
                self.names.push(name.clone());
                Ok(name)
            }
            (true, true) => Err(format!("attempt {shown} opens twice: name each attempt")),
            (false, true) => Ok(name),
            (false, false) => Err(format!("attempt {shown} was never opened")),
        }
    }
}
