//! Parses a file of scripts: comments, definitions, then titles, and the indented lines of a script below each title.

use super::definitions::Definitions;
use super::expect::{self, Attempts};
use super::line::{self, millis};
use super::options::Options;
use super::script::{LIMITS, Line, Script};

/// The most words that a title may have. More detail belongs in a comment below the title.
const MAX_TITLE_WORDS: usize = 8;

/// Returns all scripts of a file, or the first error with its line number.
pub(super) fn parse(text: &str) -> Result<Vec<Script>, String> {
    let mut parser = Parser::default();
    for (number, text) in joined(text) {
        parser
            .line(number, &text)
            .map_err(|wrong| format!("{number}: {wrong}"))?;
    }
    let last = text.lines().count();
    parser
        .end_script()
        .and_then(|()| parser.definitions.end_file())
        .map_err(|wrong| format!("{last}: {wrong}"))?;
    if parser.scripts.is_empty() {
        Err(format!("{last}: the file has no script"))
    } else {
        Ok(parser.scripts)
    }
}

/// Returns the lines with content and their numbers. A line that begins with the arrow continues the line before it.
fn joined(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let bare = line.trim();
        match lines.last_mut() {
            _ if bare.is_empty() || bare.starts_with('#') => {}
            Some((_, before)) if bare.starts_with("=>") => *before = format!("{before} {bare}"),
            _ => lines.push((number, line.trim_end().to_string())),
        }
    }
    lines
}

#[derive(Default)]
struct Parser {
    definitions: Definitions,
    scripts: Vec<Script>,
    attempts: Attempts,
}

impl Parser {
    fn line(&mut self, number: usize, text: &str) -> Result<(), String> {
        let indented = text.starts_with(' ');
        let text = text.trim();
        match (indented, text.split_once(' ')) {
            (_, Some(("define", names))) if indented != self.scripts.is_empty() => names
                .split_whitespace()
                .try_for_each(|name| self.definitions.define(name)),
            (true, Some(("limits", limits))) => self.limits(limits),
            (true, _) => self.action(number, text),
            (false, _) => self.begin_script(number, text),
        }
    }

    fn begin_script(&mut self, number: usize, title: &str) -> Result<(), String> {
        self.end_script()?;
        if self.scripts.iter().any(|script| script.title == title) {
            return Err(format!("another script has the title `{title}`"));
        }
        if title.split_whitespace().count() > MAX_TITLE_WORDS {
            return Err(format!("a title has at most {MAX_TITLE_WORDS} words"));
        }
        self.definitions.begin_script();
        self.attempts = Attempts::default();
        self.scripts.push(Script {
            title: title.into(),
            number,
            limits: LIMITS,
            lines: Vec::new(),
        });
        Ok(())
    }

    fn end_script(&mut self) -> Result<(), String> {
        match self.scripts.last() {
            None => Ok(()),
            Some(script)
                if script
                    .lines
                    .iter()
                    .all(|line| line.expected.events.is_empty()) =>
            {
                Err(format!("`{}` expects nothing", script.title))
            }
            Some(_) => self.definitions.end_script(),
        }
    }

    fn limits(&mut self, words: &str) -> Result<(), String> {
        let script = self
            .scripts
            .last_mut()
            .filter(|script| script.lines.is_empty());
        let script = script.ok_or("limits must directly follow a title")?;
        let mut options = Options::of(&mut words.split_whitespace())?;
        if let Some(timeout) = options.take("timeout") {
            script.limits.timeout = millis(timeout)?;
        }
        if let Some(attempts) = options.parsed("attempts")? {
            script.limits.max_attempts = attempts;
        }
        options.end()
    }

    fn action(&mut self, number: usize, text: &str) -> Result<(), String> {
        let script = self
            .scripts
            .last_mut()
            .ok_or("an indented line must follow a title")?;
        let (action, expected) = text
            .split_once("=>")
            .ok_or("the expectation is missing: write `=> nothing` if there is none")?;
        let expected = expected
            .split("=>")
            .map(str::trim)
            .collect::<Vec<_>>()
            .join(", ");
        let (at, action) = line::parse(action, &mut self.definitions)?;
        let expected = expect::parse(&expected, &mut self.definitions, &mut self.attempts)?;
        script.lines.push(Line {
            number,
            at,
            action,
            expected,
        });
        Ok(())
    }
}
