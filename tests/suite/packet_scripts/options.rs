//! The `key=value` words at the end of a line. Each is taken once; a word that is not taken is an error.

use std::str::{FromStr, SplitWhitespace};

/// The words not taken yet.
pub(super) struct Options<'a> {
    words: Vec<(&'a str, Option<&'a str>)>,
}

impl<'a> Options<'a> {
    /// Collects all remaining words of a line.
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

    /// Takes the value of `key=value`.
    pub(super) fn take(&mut self, key: &str) -> Option<&'a str> {
        let index = self
            .words
            .iter()
            .position(|(known, value)| *known == key && value.is_some())?;
        self.words.remove(index).1
    }

    /// Takes the value of `key=value` and parses it.
    pub(super) fn parsed<N: FromStr>(&mut self, key: &str) -> Result<Option<N>, String> {
        let parse = |value: &str| {
            value
                .parse()
                .map_err(|_| format!("`{value}` is not a valid {key}"))
        };
        self.take(key).map(parse).transpose()
    }

    /// Takes the bare word `key`. `true` if it was present.
    pub(super) fn flag(&mut self, key: &str) -> bool {
        let index = self.words.iter().position(|word| *word == (key, None));
        index.map(|index| self.words.remove(index)).is_some()
    }

    /// Takes the first word if it is a bare word.
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

    /// Returns an error if a word was not taken.
    pub(super) fn end(self) -> Result<(), String> {
        match self.words.first() {
            Some((key, _)) => Err(format!("`{key}` is unknown here")),
            None => Ok(()),
        }
    }
}
