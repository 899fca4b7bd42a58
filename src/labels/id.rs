//! What sets are called among rooms: a number each.

/// Names a set while it exists: a small number, used again, and which use of it this is. So what is said late about a
/// set that left is not taken for its successor's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LabelSetId(u32);

impl LabelSetId {
    /// From a number that [`LabelSetId::number`] gave.
    pub const fn from_number(number: u32) -> Self {
        Self(number)
    }

    /// All of it as one number.
    pub const fn number(self) -> u32 {
        self.0
    }

    /// The small number.
    pub const fn place(self) -> usize {
        (self.0 & ((1 << PLACE_BITS) - 1)) as usize
    }

    pub(super) fn new(place: usize) -> Self {
        Self(u32::try_from(place).unwrap_or(0))
    }

    /// The same place, for the next set.
    pub(super) const fn next_use(self) -> Self {
        Self(self.0.wrapping_add(1 << PLACE_BITS))
    }
}

/// Bits of a set's number that say where it is; the others count its uses.
const PLACE_BITS: u32 = 21;
