//! Protobuf, as far as ONNX files use it: fields read where they lie, none copied.
//!
//! Each field read counts, packed numbers too, so that what is made of a file is bounded: a record of a hundred bytes
//! can stand for a field of two.

use std::cell::Cell;

use crate::error::{Code, Error, Result};
use crate::limits;

/// The fields of one message, in the file's order.
#[derive(Clone)]
pub(super) struct Message<'a> {
    bytes: &'a [u8],
    read: &'a Cell<usize>,
}

/// The content of a field.
pub(super) enum Field<'a> {
    Number(u64),
    Word([u8; 4]),
    Bytes(Message<'a>),
}

impl<'a> Message<'a> {
    /// A message whose fields, and those of the messages within it, are counted in `read`.
    pub(super) fn new(bytes: &'a [u8], read: &'a Cell<usize>) -> Self {
        Self { bytes, read }
    }

    /// The next field and its number; `None` at the end.
    ///
    /// # Errors
    /// `model_damaged`, `too_large`.
    pub(super) fn next(&mut self) -> Result<Option<(u64, Field<'a>)>> {
        while !self.bytes.is_empty() {
            let key = self.varint()?;
            let field = match key & 7 {
                0 => Field::Number(self.varint()?),
                2 => {
                    let length = self.varint()?;
                    Field::Bytes(Self { bytes: self.take(length)?, read: self.read })
                }
                5 => Field::Word(self.take(4)?.try_into().unwrap_or_default()),
                1 => {
                    self.take(8)?;
                    continue;
                }
                other => return Err(damaged(format!("a field of the wire type {other}."))),
            };
            self.count()?;
            return Ok(Some((key >> 3, field)));
        }
        Ok(None)
    }

    /// The bytes as they are.
    pub(super) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes as text.
    pub(super) fn text(&self) -> Result<String> {
        let text = std::str::from_utf8(self.bytes).map_err(|_| damaged("a name that is no text.".into()))?;
        Ok(text.to_owned())
    }

    /// The bytes as packed integers.
    pub(super) fn integers(&mut self) -> Result<Vec<i64>> {
        let mut integers = Vec::new();
        while !self.bytes.is_empty() {
            self.count()?;
            integers.push(self.varint()? as i64);
        }
        Ok(integers)
    }

    fn count(&self) -> Result<()> {
        self.read.set(self.read.get() + 1);
        match self.read.get() <= limits::MODEL_FIELDS {
            true => Ok(()),
            false => Err(Error::new(Code::TooLarge, "a model of too many fields.")),
        }
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?.first().copied().unwrap_or_default();
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(damaged("a number of more than 64 bits.".into()))
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8]> {
        let split = usize::try_from(length).ok().and_then(|length| self.bytes.split_at_checked(length));
        let (taken, rest) = split.ok_or_else(|| damaged("the bytes end within a field.".into()))?;
        self.bytes = rest;
        Ok(taken)
    }
}

fn damaged(detail: String) -> Error {
    Error::new(Code::ModelDamaged, detail)
}
