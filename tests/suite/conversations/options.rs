//! The `key=value` words at the end of a line, each taken once; what nobody takes is an error.

use std::str::{FromStr, SplitWhitespace};

/// What is left to take.
pub(super) struct Options<'a> {
    words: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Options<'a> {
    /// All words that are left of a line.
    pub(super) fn of(words: &mut SplitWhitespace<'a>) -> Result<Self, String> {
        let mut options = Self { words: Vec::new() };
        for word in words {
            let (key, value) = match word.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (word, None),
            };
            if options.has(key) {
                return Err(format!("`{key}` twice in one line"));
            }
            options.words.push((key, value));
        }
        Ok(options)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.words.iter().any(|(known, _)| *known == key)
    }

    /// The value of `key=value`.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a str> {
        let place = self
            .words
            .iter()
            .position(|(known, value)| *known == key && value.is_some())?;
        self.words.remove(place).1
    }

    /// The same, as a number.
    pub(super) fn parsed<N: FromStr>(&mut self, key: &str) -> Result<Option<N>, String> {
        let parse = |value: &str| value.parse().map_err(|_| format!("`{value}` is no {key}"));
        self.take(key).map(parse).transpose()
    }

    /// Whether the bare word `key` stands there.
    pub(super) fn flag(&mut self, key: &str) -> bool {
        let place = self.words.iter().position(|word| *word == (key, None));
        place.map(|place| self.words.remove(place)).is_some()
    }

    /// The first word, if it is a bare one that stands before all others.
    pub(super) fn unnamed(&mut self) -> Option<&'a str> {
        match self.words.first() {
            Some((word, None)) => {
                let word = *word;
                self.words.remove(0);
                Some(word)
            }
            _ => None,
        }
    }

    /// Nothing may be left.
    pub(super) fn end(self) -> Result<(), String> {
        match self.words.first() {
            Some((key, _)) => Err(format!("`{key}` means nothing here")),
            None => Ok(()),
        }
    }
}
