//! The bytes of a file: from a path or standard input, decompressed where they are compressed, through one buffer.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::error::CaptureError;

/// A stream of bytes of which the next ones can be looked at before they are taken.
pub(super) struct Input {
    source: Box<dyn Read + Send>,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// How many bytes were taken.
    position: u64,
    /// What comes next may not have been written yet.
    pub(super) is_pipe: bool,
}

impl Input {
    /// Opens a file by its name; `-` is standard input. What it is, it says by its first bytes. The meter hears of all that
    /// is read.
    pub(super) fn open(name: &str, meter: &ByteCounter) -> Result<Self, CaptureError> {
        let unreadable = |error: &io::Error| unreadable(name, &words(error));
        let (source, is_pipe): (Box<dyn Read + Send>, bool) = if name == STANDARD_INPUT {
            (Box::new(io::stdin()), true)
        } else {
            let file = File::open(name).map_err(|error| unreadable(&error))?;
            let kind = file
                .metadata()
                .map_err(|error| unreadable(&error))?
                .file_type();
            if kind.is_dir() {
                return Err(self::unreadable(name, "is a directory"));
            }
            (Box::new(file), !kind.is_file())
        };
        let mut source = Metered {
            source,
            meter: meter.clone(),
        };
        let mut magic = Vec::new();
        source
            .by_ref()
            .take(MAGIC)
            .read_to_end(&mut magic)
            .map_err(|error| unreadable(&error))?;
        let source = decompressed(&magic.clone(), Cursor::new(magic).chain(source))
            .map_err(|error| unreadable(&error))?;
        Ok(Self {
            source,
            buffer: vec![0; BUFFER].into(),
            start: 0,
            end: 0,
            position: 0,
            is_pipe,
        })
    }

    /// The next `length` bytes, or as many as there are before the end.
    #[inline]
    pub(super) fn peek(&mut self, length: usize) -> io::Result<&[u8]> {
        if self.here().len() < length {
            self.fill(length)?;
        }
        let here = self.here();
        Ok(here.get(..length).unwrap_or(here))
    }

    /// What was read, but not yet taken.
    #[inline]
    pub(super) fn here(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Takes bytes that were looked at.
    #[inline]
    pub(super) fn take(&mut self, length: usize) {
        let length = length.min(self.end - self.start);
        self.start += length;
        self.position += u64::try_from(length).unwrap_or(u64::MAX);
    }

    /// Takes bytes without looking at them. Says how many are missing.
    pub(super) fn skip(&mut self, mut length: u64) -> io::Result<u64> {
        while length > 0 {
            let step = usize::try_from(length).unwrap_or(usize::MAX).min(BUFFER);
            let taken = self.peek(step)?.len();
            if taken == 0 {
                break;
            }
            self.take(taken);
            length -= u64::try_from(taken).unwrap_or(u64::MAX);
        }
        Ok(length)
    }

    /// How many bytes were taken.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    fn fill(&mut self, length: usize) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, self.end - self.start);
        if self.buffer.len() < length {
            let mut larger = vec![0; length.next_power_of_two()];
            larger
                .get_mut(..self.end)
                .unwrap_or_default()
                .copy_from_slice(self.here());
            self.buffer = larger.into();
        }
        while self.end < length {
            match self
                .source
                .read(self.buffer.get_mut(self.end..).unwrap_or_default())
            {
                Ok(0) => break,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// How many bytes were read of all files, as they lie there: compressed ones are counted compressed.
#[derive(Clone, Default, Debug)]
pub struct ByteCounter(Arc<AtomicU64>);

impl ByteCounter {
    /// So many up to now.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct Metered<R> {
    source: R,
    meter: ByteCounter,
}

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.meter
            .0
            .fetch_add(u64::try_from(read).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(read)
    }
}

fn decompressed<R: Read + Send + 'static>(
    magic: &[u8],
    source: R,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(
            BufReader::with_capacity(BUFFER, source),
        )),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(source)?),
        _ => Box::new(source),
    })
}

pub(super) fn unreadable(file: &str, reason: &str) -> CaptureError {
    CaptureError::File {
        file: file.to_owned(),
        reason: reason.to_owned(),
    }
}

/// The system's errors without their numbers; all others are those of decompression.
pub(super) fn words(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => error.kind().to_string(),
        None => format!("its compressed data is cut short or damaged ({error})"),
    }
}

pub(super) const STANDARD_INPUT: &str = "-";
const MAGIC: u64 = 4;
const BUFFER: usize = 65_536;
