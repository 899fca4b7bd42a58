//! A file of stories: comments, the cast, then titles, and indented below each title its lines.

use super::cast::Cast;
use super::expect::{self, Attempts};
use super::line::{self, millis};
use super::options::Options;
use super::story::{LIMITS, Line, Story};

/// All stories of a file, or the first thing in it that makes no sense, with its line.
pub(super) fn stories(text: &str) -> Result<Vec<Story>, String> {
    let mut reader = Reader::default();
    for (number, text) in joined(text) {
        reader
            .line(number, &text)
            .map_err(|wrong| format!("{number}: {wrong}"))?;
    }
    let last = text.lines().count();
    reader
        .end_story()
        .and_then(|()| reader.cast.end_file())
        .map_err(|wrong| format!("{last}: {wrong}"))?;
    if reader.stories.is_empty() {
        Err(format!("{last}: no story in this file"))
    } else {
        Ok(reader.stories)
    }
}

/// The lines that say something, with their numbers; one that begins with the arrow goes on with the line before.
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
struct Reader {
    cast: Cast,
    stories: Vec<Story>,
    attempts: Attempts,
}

impl Reader {
    fn line(&mut self, number: usize, text: &str) -> Result<(), String> {
        let indented = text.starts_with(' ');
        let text = text.trim();
        match (indented, text.split_once(' ')) {
            (_, Some(("cast", names))) if indented != self.stories.is_empty() => names
                .split_whitespace()
                .try_for_each(|name| self.cast.learn(name)),
            (true, Some(("limits", limits))) => self.limits(limits),
            (true, _) => self.moment(number, text),
            (false, _) => self.begin_story(number, text),
        }
    }

    fn begin_story(&mut self, number: usize, title: &str) -> Result<(), String> {
        self.end_story()?;
        if self.stories.iter().any(|story| story.title == title) {
            return Err(format!("another story is called `{title}`"));
        }
        self.cast.begin_story();
        self.attempts = Attempts::default();
        self.stories.push(Story {
            title: title.into(),
            number,
            limits: LIMITS,
            lines: Vec::new(),
        });
        Ok(())
    }

    fn end_story(&mut self) -> Result<(), String> {
        match self.stories.last() {
            None => Ok(()),
            Some(story)
                if story
                    .lines
                    .iter()
                    .all(|line| line.expected.facts.is_empty()) =>
            {
                Err(format!("`{}` expects nothing", story.title))
            }
            Some(_) => self.cast.end_story(),
        }
    }

    fn limits(&mut self, words: &str) -> Result<(), String> {
        let story = self
            .stories
            .last_mut()
            .filter(|story| story.lines.is_empty());
        let story = story.ok_or("limits stand right below a title")?;
        let mut options = Options::of(&mut words.split_whitespace())?;
        if let Some(timeout) = options.take("timeout") {
            story.limits.timeout = millis(timeout)?;
        }
        if let Some(attempts) = options.parsed("attempts")? {
            story.limits.max_attempts = attempts;
        }
        options.end()
    }

    fn moment(&mut self, number: usize, text: &str) -> Result<(), String> {
        let story = self
            .stories
            .last_mut()
            .ok_or("a line stands below a title")?;
        let (met, told) = text
            .split_once("=>")
            .ok_or("what is expected? `=> nothing` perhaps")?;
        let told = told
            .split("=>")
            .map(str::trim)
            .collect::<Vec<_>>()
            .join(", ");
        let (at, act) = line::read(met, &mut self.cast)?;
        let expected = expect::read(&told, &mut self.cast, &mut self.attempts)?;
        story.lines.push(Line {
            number,
            at,
            act,
            expected,
        });
        Ok(())
    }
}
