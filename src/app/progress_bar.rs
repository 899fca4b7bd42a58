//! A progress bar for long capture files: on a terminal only, never in a pipe.

use indicatif::{ProgressDrawTarget, ProgressFinish, ProgressStyle};

const KNOWN_SIZE: &str = "{bar:30} {binary_bytes} of {binary_total_bytes}, {msg}, {eta} left";
const UNKNOWN_SIZE: &str = "{spinner} {binary_bytes}, {msg}";
/// Bytes read before the bar appears: shorter files are read before a person could look at it.
const MIN_BYTES: u64 = 16 << 20;

/// Draws itself once [`MIN_BYTES`] are read, and clears itself when it is dropped.
pub(super) struct ProgressBar {
    bar: indicatif::ProgressBar,
    packets: u64,
    is_drawn: bool,
}

impl ProgressBar {
    /// Creates a hidden bar for these capture files. A pipe has no size: then the bar shows no
    /// total.
    pub(super) fn new(files: &[String]) -> Self {
        let size = |file: &String| {
            let metadata = std::fs::metadata(file).ok()?;
            metadata.is_file().then_some(metadata.len())
        };
        let total: Option<u64> = files.iter().map(size).sum();
        let template = if total.is_some() {
            KNOWN_SIZE
        } else {
            UNKNOWN_SIZE
        };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = indicatif::ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden())
            .with_style(style.progress_chars("=> "))
            .with_finish(ProgressFinish::AndClear);
        Self {
            bar,
            packets: 0,
            is_drawn: false,
        }
    }

    /// Adds `packets`, and sets how many bytes were read so far.
    pub(super) fn advance(&mut self, packets: u64, bytes_read: u64) {
        self.packets += packets;
        if !self.is_drawn && bytes_read >= MIN_BYTES {
            self.is_drawn = true;
            // indicatif draws nothing where standard error is not a terminal.
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
        if self.is_drawn {
            self.bar.set_message(format!("{} packets", self.packets));
            self.bar.set_position(bytes_read);
        }
    }
}
