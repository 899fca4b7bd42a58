//! Protobuf read by hand, by <https://protobuf.dev/programming-guides/encoding/>: no code in common with what wrote it.

/// The value of a field.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Field {
    Number(u64),
    Double(f64),
    Bytes(Vec<u8>),
}

impl Field {
    /// A signed number as `sint` has it.
    pub(super) fn zigzag(&self) -> i64 {
        let Self::Number(number) = self else {
            panic!("no number: {self:?}")
        };
        (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
    }
}

/// The messages of a page, each after its length.
pub(super) fn delimited(mut page: &[u8]) -> Vec<Vec<(u64, Field)>> {
    let mut messages = Vec::new();
    while !page.is_empty() {
        let length = usize::try_from(varint(&mut page)).unwrap();
        let (message, rest) = page.split_at(length);
        messages.push(fields(&Field::Bytes(message.to_vec())));
        page = rest;
    }
    messages
}

/// The fields of a message, in their order.
pub(super) fn fields(message: &Field) -> Vec<(u64, Field)> {
    let Field::Bytes(bytes) = message else {
        panic!("no message: {message:?}")
    };
    let (mut rest, mut found) = (bytes.as_slice(), Vec::new());
    while !rest.is_empty() {
        let tag = varint(&mut rest);
        let value = match tag & 7 {
            0 => Field::Number(varint(&mut rest)),
            1 => Field::Double(f64::from_le_bytes(take(&mut rest, 8).try_into().unwrap())),
            2 => {
                let length = usize::try_from(varint(&mut rest)).unwrap();
                Field::Bytes(take(&mut rest, length).to_vec())
            }
            other => panic!("no such wire type as {other}"),
        };
        found.push((tag >> 3, value));
    }
    found
}

/// All values of a field.
pub(super) fn of(fields: &[(u64, Field)], number: u64) -> Vec<Field> {
    fields
        .iter()
        .filter(|(of, _)| *of == number)
        .map(|(_, value)| value.clone())
        .collect()
}

/// Its one value.
pub(super) fn only(fields: &[(u64, Field)], number: u64) -> Field {
    let [value] = of(fields, number)
        .try_into()
        .unwrap_or_else(|all| panic!("field {number} is there as {all:?}"));
    value
}

pub(super) fn text(field: &Field) -> String {
    let Field::Bytes(bytes) = field else {
        panic!("no text: {field:?}")
    };
    String::from_utf8(bytes.clone()).unwrap()
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> &'a [u8] {
    let (taken, rest) = bytes.split_at(count);
    *bytes = rest;
    taken
}

fn varint(bytes: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(bytes, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return number;
        }
    }
    panic!("a number that does not end");
}
