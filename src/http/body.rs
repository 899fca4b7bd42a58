//! What is sent of a page: as it is kept, or unpacked piece by piece on its way to who does not take it compressed. So what
//! slow readers keep waiting is small, however large the page and however many they are.

use std::io::{self, Cursor, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use flate2::bufread::GzDecoder;
use hyper::body::{Body, Bytes, Frame, SizeHint};

/// The body of an answer. Its length is known from the start.
pub(super) enum Sent {
    /// In one piece.
    Whole(Bytes),
    /// What comes out of this, so many bytes.
    Unpacked(Box<GzDecoder<Cursor<Bytes>>>, u64),
}

impl Sent {
    /// What was compressed, as it was before: so many bytes.
    pub(super) fn unpacked(compressed: Bytes, length: u64) -> Self {
        Self::Unpacked(Box::new(GzDecoder::new(Cursor::new(compressed))), length)
    }

    const fn left(&self) -> u64 {
        match self {
            Self::Whole(bytes) => bytes.len() as u64,
            Self::Unpacked(_, left) => *left,
        }
    }

    /// Not more than is sent at once.
    fn piece(&mut self) -> io::Result<Bytes> {
        match self {
            Self::Whole(bytes) => Ok(std::mem::take(bytes)),
            Self::Unpacked(decoder, left) => {
                let mut piece = vec![0; usize::try_from(*left).unwrap_or(PIECE).min(PIECE)];
                decoder.read_exact(&mut piece)?;
                *left -= piece.len() as u64;
                Ok(piece.into())
            }
        }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let more = self.left() > 0;
        Poll::Ready(more.then(|| self.piece().map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left())
    }
}

/// A few of these wait for each reader.
const PIECE: usize = 32 * 1024;
