//! An independent reader of protobuf messages, by
//! <https://protobuf.dev/programming-guides/encoding/>. It shares no code with the encoder.

/// The value of a field.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Field {
    Number(u64),
    Double(f64),
    Bytes(Vec<u8>),
}

impl Field {
    /// Returns the number decoded as the type `sint64`, which is zigzag-encoded.
    pub(super) fn zigzag(&self) -> i64 {
        let Self::Number(number) = self else {
            panic!("not a number: {self:?}")
        };
        (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
    }
}

/// Returns the messages of a delimited stream, each after its length.
pub(super) fn delimited(mut stream: &[u8]) -> Vec<Vec<(u64, Field)>> {
    let mut messages = Vec::new();
    while !stream.is_empty() {
        let length = usize::try_from(varint(&mut stream)).unwrap();
        let (message, rest) = stream.split_at(length);
        messages.push(fields(&Field::Bytes(message.to_vec())));
        stream = rest;
    }
    messages
}

/// Returns the numbers and values of the fields of a message, in their order.
pub(super) fn fields(message: &Field) -> Vec<(u64, Field)> {
    let Field::Bytes(bytes) = message else {
        panic!("not a message: {message:?}")
    };
    let mut rest = bytes.as_slice();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let tag = varint(&mut rest);
        let value = match tag & 7 {
            0 => Field::Number(varint(&mut rest)),
            1 => Field::Double(f64::from_le_bytes(take(&mut rest, 8).try_into().unwrap())),
            2 => {
                let length = usize::try_from(varint(&mut rest)).unwrap();
                Field::Bytes(take(&mut rest, length).to_vec())
            }
            other => panic!("unexpected wire type {other}"),
        };
        found.push((tag >> 3, value));
    }
    found
}

/// Returns all values of the field with this number.
pub(super) fn of(fields: &[(u64, Field)], number: u64) -> Vec<Field> {
    fields
        .iter()
        .filter(|(tag, _)| *tag == number)
        .map(|(_, value)| value.clone())
        .collect()
}

/// Returns the only value of the field with this number.
pub(super) fn only(fields: &[(u64, Field)], number: u64) -> Field {
    let [value] = of(fields, number)
        .try_into()
        .unwrap_or_else(|all| panic!("field {number} has the values {all:?}"));
    value
}

/// Returns the value of a string field.
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
    panic!("varint of more than 10 bytes");
}
