//! Messages of Protocol Buffers, as far as a graph of ONNX needs them: whole numbers, texts, bytes, messages in messages.
//!
//! What is read is taken apart field by field, so that what is not changed is written again as it was, known here or not.

use anyhow::{Context as _, bail};

/// A message that is being written.
#[derive(Debug, Default, Clone)]
pub(crate) struct Message(Vec<u8>);

/// How a field's value is written.
const VARINT: u64 = 0;
const EIGHT_BYTES: u64 = 1;
const LENGTH: u64 = 2;
const FOUR_BYTES: u64 = 5;

impl Message {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn number(mut self, field: u64, value: u64) -> Self {
        self.key(field, VARINT);
        self.varint(value);
        self
    }

    pub(crate) fn bytes(mut self, field: u64, value: &[u8]) -> Self {
        self.key(field, LENGTH);
        self.varint(value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    pub(crate) fn text(self, field: u64, value: &str) -> Self {
        self.bytes(field, value.as_bytes())
    }

    pub(crate) fn message(self, field: u64, value: Self) -> Self {
        self.bytes(field, &value.0)
    }

    /// A field as it was read.
    pub(crate) fn field(mut self, field: &Field<'_>) -> Self {
        self.0.extend_from_slice(field.whole);
        self
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    fn key(&mut self, field: u64, kind: u64) {
        self.varint(field << 3 | kind);
    }

    /// Seven bits a byte, the lowest first.
    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

/// A field of a message that is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    pub(crate) number: u64,
    /// The text, bytes or message in it; nothing in one that holds a number.
    pub(crate) content: &'a [u8],
    /// Key, length and content.
    whole: &'a [u8],
}

/// The fields of a message, in their order.
///
/// # Errors
/// When the bytes are no message.
pub(crate) fn fields(mut rest: &[u8]) -> anyhow::Result<Vec<Field<'_>>> {
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let begin = rest;
        let key = varint(&mut rest)?;
        let mut content: &[u8] = &[];
        match key & 7 {
            VARINT => _ = varint(&mut rest)?,
            EIGHT_BYTES => _ = taken(&mut rest, 8)?,
            FOUR_BYTES => _ = taken(&mut rest, 4)?,
            LENGTH => {
                let length = varint(&mut rest)?;
                content = taken(&mut rest, length)?;
            }
            kind => bail!("a field of the kind {kind}, which there is not"),
        }
        fields.push(Field { number: key >> 3, content, whole: &begin[..begin.len() - rest.len()] });
    }
    Ok(fields)
}

fn varint(rest: &mut &[u8]) -> anyhow::Result<u64> {
    let mut value = 0;
    for shift in (0..u64::BITS).step_by(7) {
        let byte = taken(rest, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    bail!("a number of more than 64 bits")
}

/// So many bytes from the front of what is left.
fn taken<'a>(rest: &mut &'a [u8], count: u64) -> anyhow::Result<&'a [u8]> {
    let (front, back) = rest.split_at_checked(usize::try_from(count)?).context("it is cut off")?;
    *rest = back;
    Ok(front)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_written_again_as_it_was() {
        let inner = Message::new().number(1, 150);
        let mut bytes = Message::new().number(1, 7).text(2, "testing").message(3, inner).into_bytes();
        // Fields of eight and of four bytes.
        bytes.extend([4 << 3 | 1, 1, 2, 3, 4, 5, 6, 7, 8, 5 << 3 | 5, 1, 2, 3, 4]);
        let read = fields(&bytes).unwrap();
        let contents: Vec<(u64, &[u8])> = read.iter().map(|field| (field.number, field.content)).collect();
        assert_eq!(contents, [(1, &[][..]), (2, b"testing"), (3, &[0x08, 0x96, 0x01]), (4, &[]), (5, &[])]);
        assert_eq!(read.iter().fold(Message::new(), Message::field).into_bytes(), bytes);
        for wrong in [&bytes[..bytes.len() - 1], &[1 << 3 | 3], &[0xff; 11]] {
            assert!(fields(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn messages_are_those_of_the_specifications_examples() {
        assert_eq!(Message::new().number(1, 150).into_bytes(), [0x08, 0x96, 0x01]);
        assert_eq!(Message::new().text(2, "testing").into_bytes(), b"\x12\x07testing");
        let inner = Message::new().number(1, 150);
        assert_eq!(Message::new().message(3, inner).into_bytes(), [0x1a, 0x03, 0x08, 0x96, 0x01]);
    }
}
