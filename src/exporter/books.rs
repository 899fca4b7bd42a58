//! The books: the numbers and the diagnosis, which hear the same events and do not know each other.

use std::sync::Arc;

use parking_lot::Mutex;

use crate::capture::ANY;
use crate::cli::{Counting, Watch};
use crate::diagnosis::{CaptureFacts, Diagnosis, Span};
use crate::handshake::Kind;
use crate::labels::{SetId, SetName};
use crate::metrics::{About, Ledger};
use crate::time::Timestamp;

/// The books as the pump and the pages share them.
pub(super) type Shared = Arc<Mutex<Books>>;

/// What is written as the river flows.
pub(super) struct Books {
    pub(super) ledger: Ledger,
    pub(super) diagnosis: Diagnosis,
    one_interface: bool,
}

impl Books {
    /// Nothing is written yet. The diagnosis is about this span.
    pub(super) fn open(source: &Watch, counting: &Counting, span: Span) -> Shared {
        let ledger = Ledger::new(about(counting), counting.bounds.clone(), counting.native_histograms);
        let diagnosis = Diagnosis::new(span, counting.limits.timeout);
        let one_interface =
            matches!(source, Watch::Interfaces(names, ..) if names.len() == 1 && !names.iter().any(|name| name == ANY));
        Arc::new(Mutex::new(Self { ledger, diagnosis, one_interface }))
    }

    /// A set begins, at zero.
    pub(super) fn create(&mut self, set: SetId, name: &SetName, since: Timestamp) {
        self.ledger.create(set, name, since);
        self.diagnosis.create(set, name);
    }

    /// A set ends.
    pub(super) fn remove(&mut self, set: SetId) {
        self.ledger.remove(set);
        self.diagnosis.remove(set);
    }

    /// Lets the diagnosis know how the capture is.
    pub(super) fn note_capture(&mut self, listen_overflows: Option<u64>) {
        let own = &self.ledger.own;
        let interfaces = || own.interfaces.iter();
        self.diagnosis.note_capture(CaptureFacts {
            packets: interfaces().map(|interface| interface.captured).sum(),
            dropped: interfaces().map(|counts| counts.dropped_by_kernel + counts.dropped_by_interface).sum(),
            unmatched_synacks: own.unmatched_of(Kind::SynAck),
            clock_steps: own.clock_steps,
            answers_missing: own.one_sided.answers_missing,
            syns_missing: own.one_sided.syns_missing,
            listen_overflows,
            one_interface: self.one_interface,
        });
    }
}

/// What the program was told to count.
pub(super) fn about(counting: &Counting) -> About {
    let ports: Vec<String> = counting.ports.iter().map(ToString::to_string).collect();
    About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ports: ports.join(","),
        filter: counting.filter.expression.clone().unwrap_or_default(),
        peer_prefix_v4: counting.peer_prefixes.0,
        peer_prefix_v6: counting.peer_prefixes.1,
        peer_groups: counting.peer_groups.clone(),
        max_attempts: counting.limits.max_attempts,
        acks: counting.filter.acks,
    }
}
