//! Buffered bytes of a capture file or of standard input, decompressed if necessary.
//!
//! The format readers `pcap` and `pcapng` parse records in place in its buffer.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::super::error::CaptureError;

/// The file name that stands for standard input.
pub(super) const STANDARD_INPUT: &str = "-";
/// Bytes that identify the compression format.
const MAGIC_LEN: u64 = 4;
/// Initial size of the buffer, in bytes. It grows to the largest record.
const BUFFER_LEN: usize = 65_536;

/// A buffered byte stream that allows peeking.
pub(super) struct Input {
    source: Box<dyn Read + Send>,
    buffer: Box<[u8]>,
    start: usize,
    end: usize,
    /// Number of consumed bytes.
    position: u64,
    /// `true` if the source is not a plain file: its next bytes may not have been written yet.
    pub(super) is_pipe: bool,
}

impl Input {
    /// Opens a file by name; `-` is standard input.
    ///
    /// The compression is detected by the first bytes. `bytes_read` counts all bytes read.
    pub(super) fn open(name: &str, bytes_read: &ByteCounter) -> Result<Self, CaptureError> {
        let unreadable = |error: &io::Error| unreadable(name, &io_message(error));
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
        let mut source = CountingReader {
            source,
            counter: bytes_read.clone(),
        };
        let mut magic = Vec::new();
        source
            .by_ref()
            .take(MAGIC_LEN)
            .read_to_end(&mut magic)
            .map_err(|error| unreadable(&error))?;
        let source = decompressed(&magic.clone(), Cursor::new(magic).chain(source))
            .map_err(|error| unreadable(&error))?;
        Ok(Self {
            source,
            buffer: vec![0; BUFFER_LEN].into(),
            start: 0,
            end: 0,
            position: 0,
            is_pipe,
        })
    }

    /// Returns the next `length` bytes without consuming them, or fewer at the end of the file.
    pub(super) fn peek(&mut self, length: usize) -> io::Result<&[u8]> {
        if self.buffered().len() < length {
            self.fill(length)?;
        }
        let buffered = self.buffered();
        Ok(buffered.get(..length).unwrap_or(buffered))
    }

    /// Returns the bytes that were read but not consumed.
    pub(super) fn buffered(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    /// Consumes buffered bytes.
    pub(super) fn consume(&mut self, length: usize) {
        let length = length.min(self.end - self.start);
        self.start += length;
        self.position += u64::try_from(length).unwrap_or(u64::MAX);
    }

    /// Consumes bytes, buffered or not. Returns the number of bytes missing at the end of the file.
    pub(super) fn skip(&mut self, mut length: u64) -> io::Result<u64> {
        while length > 0 {
            let step = usize::try_from(length)
                .unwrap_or(usize::MAX)
                .min(BUFFER_LEN);
            let available = self.peek(step)?.len();
            if available == 0 {
                break;
            }
            self.consume(available);
            length -= u64::try_from(available).unwrap_or(u64::MAX);
        }
        Ok(length)
    }

    /// Returns the number of consumed bytes.
    pub(super) const fn position(&self) -> u64 {
        self.position
    }

    /// Reads until `length` bytes are buffered, or to the end of the file.
    fn fill(&mut self, length: usize) -> io::Result<()> {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < length {
            let mut larger = vec![0; length.next_power_of_two()];
            larger
                .get_mut(..self.end)
                .unwrap_or_default()
                .copy_from_slice(self.buffered());
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

/// The number of bytes read from all files. Compressed bytes are counted before decompression.
#[derive(Clone, Default, Debug)]
pub struct ByteCounter(Arc<AtomicU64>);

impl ByteCounter {
    /// Returns the current number of bytes.
    pub fn bytes(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

struct CountingReader<R> {
    source: R,
    counter: ByteCounter,
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.counter
            .0
            .fetch_add(u64::try_from(read).unwrap_or(u64::MAX), Ordering::Relaxed);
        Ok(read)
    }
}

/// Wraps the source in a decompressor if its first bytes are the magic number of gzip or zstd.
fn decompressed<R: Read + Send + 'static>(
    magic: &[u8],
    source: R,
) -> io::Result<Box<dyn Read + Send>> {
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(
            BufReader::with_capacity(BUFFER_LEN, source),
        )),
        [0x28, 0xb5, 0x2f, 0xfd] => Box::new(zstd::Decoder::new(source)?),
        _ => Box::new(source),
    })
}

/// Creates the error of a file that cannot be opened or read.
pub(super) fn unreadable(file: &str, reason: &str) -> CaptureError {
    CaptureError::File {
        file: file.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Returns the message of a system error without its number. All other errors come from
/// decompression.
pub(super) fn io_message(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(_) => error.kind().to_string(),
        None => format!("its compressed data is cut short or damaged ({error})"),
    }
}
