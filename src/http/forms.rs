//! One page in several forms and codings, and which of them a request prefers (RFC 9110 section 12).

use std::io::{self, BufWriter, IntoInnerError};
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use hyper::header::{ACCEPT, ACCEPT_ENCODING, HeaderMap, HeaderName};

use super::page::Reply;
use super::ranges::{MediaType, Range, ranges};
use super::shared::SharedPage;

/// Writes a page as it is now. It may block and take tens of milliseconds; what it writes is compressed as it comes.
pub type WritePage = Arc<dyn Fn(&mut dyn io::Write) -> io::Result<()> + Send + Sync>;

/// A page that can be had in several forms, each as it is or compressed. All who wait for the same form share a render,
/// which is kept compressed: many that are read slowly would else take much room.
pub(super) struct Forms(Vec<Form>);

struct Form {
    media: MediaType<'static>,
    page: Arc<SharedPage>,
}

/// A form of a page as somebody wants it.
pub(super) struct Wanted<'a> {
    pub(super) page: &'a Arc<SharedPage>,
    /// As it is, not compressed.
    pub(super) unpacked: bool,
}

impl Forms {
    /// The first one is for those who do not say what they want, or want what there is not.
    pub(super) fn new(forms: Vec<(&'static str, WritePage)>) -> Self {
        let form = |(content_type, write): (&'static str, WritePage)| Form {
            media: MediaType::parse(content_type),
            page: SharedPage::new(Arc::new(move || rendered(content_type, &write))),
        };
        Self(forms.into_iter().map(form).collect())
    }

    /// The page that these headers ask for.
    pub(super) fn choose(&self, headers: &HeaderMap) -> Option<Wanted<'_>> {
        let form = self.form(&listed(headers, ACCEPT))?;
        Some(Wanted {
            page: &form.page,
            unpacked: !takes_gzip(&listed(headers, ACCEPT_ENCODING)),
        })
    }

    /// The one with the greatest weight, which the most specific range that fits it gives it; of several, the one whose
    /// range is named first. To answer with 406 instead would help nobody.
    fn form(&self, accept: &str) -> Option<&Form> {
        let ranges = ranges(accept);
        let weigh = |form: &Form| {
            let fitting = ranges
                .iter()
                .enumerate()
                .filter(|(_, range)| range.fits(&form.media));
            let best =
                fitting.max_by_key(|(place, range)| (range.specificity(), usize::MAX - place))?;
            let (place, range) = best;
            (range.weight > 0).then_some((range.weight, usize::MAX - place))
        };
        let weighed = self
            .0
            .iter()
            .rev()
            .filter_map(|form| Some((weigh(form)?, form)));
        weighed
            .max_by_key(|(weight, _)| *weight)
            .map(|(_, form)| form)
            .or(self.0.first())
    }
}

/// Whether gzip is named, or what is not named may be sent. Who takes it, wants it: nobody asks for a scrape to be large.
fn takes_gzip(accept_encoding: &str) -> bool {
    let ranges = ranges(accept_encoding);
    let named = |name: &str| {
        ranges
            .iter()
            .find(|range: &&Range<'_>| range.media.is(name))
    };
    named("gzip")
        .or_else(|| named("x-gzip"))
        .or_else(|| named("*"))
        .is_some_and(|range| range.weight > 0)
}

/// All lines of a header as one (RFC 9110 section 5.3). One that is no text is as if it were not there.
fn listed(headers: &HeaderMap, name: HeaderName) -> String {
    let lines: Vec<_> = headers
        .get_all(name)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .collect();
    lines.join(",")
}

fn rendered(content_type: &'static str, write: &WritePage) -> Reply {
    // Each write to the coder has its price, and series are written word by word.
    let mut chunks = BufWriter::with_capacity(
        CHUNK,
        Counted {
            coder: GzEncoder::new(Vec::new(), Compression::fast()),
            length: 0,
        },
    );
    let compressed = write(&mut chunks)
        .and_then(|()| chunks.into_inner().map_err(IntoInnerError::into_error))
        .and_then(|Counted { coder, length }| Ok((coder.finish()?, length)));
    match compressed {
        // What is sent may depend on both headers.
        Ok((gzip, length)) => Reply::compressed(content_type, gzip, length)
            .with_header("vary", "accept, accept-encoding"),
        Err(_) => Reply::broken(),
    }
}

/// Compresses, and knows how much it was.
struct Counted {
    coder: GzEncoder<Vec<u8>>,
    length: u64,
}

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.coder.write(bytes)?;
        self.length += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.coder.flush()
    }
}

/// What is compressed at once.
const CHUNK: usize = 64 * 1024;
