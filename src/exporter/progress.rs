//! How far the reading of long files is: a bar on a terminal, and nothing in a pipe.

use indicatif::{ProgressDrawTarget, ProgressFinish, ProgressStyle};

use crate::capture::ByteCounter;

/// A bar that shows itself when the files turn out to be long, and goes when it is dropped.
pub(super) struct ProgressBar {
    bar: indicatif::ProgressBar,
    read: ByteCounter,
    packets: u64,
    is_shown: bool,
}

impl ProgressBar {
    /// For the reading of these files, of which the meter tells. How much there is, pipes do not say.
    pub(super) fn over(files: &[String], read: ByteCounter) -> Self {
        let size = |file: &String| {
            std::fs::metadata(file)
                .ok()
                .filter(std::fs::Metadata::is_file)
                .map(|data| data.len())
        };
        let total: Option<u64> = files.iter().map(size).sum();
        let bar = indicatif::ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden());
        let template = if total.is_some() { OF_ALL } else { OF_UNKNOWN };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = bar
            .with_style(style.progress_chars("=> "))
            .with_finish(ProgressFinish::AndClear);
        Self {
            bar,
            read,
            packets: 0,
            is_shown: false,
        }
    }

    /// So many packets more were read.
    pub(super) fn advance(&mut self, packets: u64) {
        self.packets += packets;
        let read = self.read.bytes();
        if !self.is_shown && read >= LONG {
            self.is_shown = true;
            // It hides itself where standard error is no terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        if self.is_shown {
            self.bar.set_message(format!("{} packets", self.packets));
            self.bar.set_position(read);
        }
    }
}

const OF_ALL: &str = "{bar:30} {binary_bytes} of {binary_total_bytes}, {msg}, {eta} left";
const OF_UNKNOWN: &str = "{spinner} {binary_bytes}, {msg}";
/// Shorter files are read before anybody could look.
const LONG: u64 = 16 << 20;
