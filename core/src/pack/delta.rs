//! A pack as what changed against an earlier one of the same client.
//!
//! A delta is signed like a pack, and nothing of it is read before. It names the pack it changes and the one it makes by
//! their hashes, so what comes out is the very bytes that the service signed, to be accepted as any pack is.
//!
//! Its script is a row of steps in the manner of VCDIFF (RFC 3284): bytes to take as they are, then a stretch to copy from
//! the earlier pack. Following a script costs as much as the pack has bytes.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::error::{Code, Error, Result};
use crate::limits;
use crate::trust::envelope::{self, Purpose};
use crate::trust::{PublicKey, hash};

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Delta {
    /// Version of this record.
    format: u16,
    /// SHA-256 of the signed pack that is changed, in hexadecimal.
    base: String,
    /// SHA-256 of the signed pack that is made.
    target: String,
    /// Its bytes.
    bytes: u32,
    /// Steps: the number of bytes to take, these bytes, the number of bytes to copy, and from where, counted from the end of
    /// what was copied before; the last step may end after its bytes. Numbers are LEB128, the last of them signed (zigzag).
    script: ByteBuf,
}

/// The version that this program writes and reads.
const FORMAT: u16 = 1;

/// The signed pack that `delta`, signed by `key`, makes of the signed pack `base`.
///
/// # Errors
/// `too_large`, `envelope_damaged`, `signer_unknown`, `signature_invalid`, `format_unknown`, `payload_damaged`;
/// `hash_mismatch` where it is about another pack than `base`. In any case the pack can be had whole.
pub fn patch(base: &[u8], delta: &[u8], key: &PublicKey) -> Result<Vec<u8>> {
    let payload = envelope::open(Purpose::PackDelta, delta, key, limits::PACK_BYTES)?;
    let delta = decode(&payload)?;
    if base.len() > limits::PACK_BYTES || hash(base) != delta.base {
        let detail = "the delta is about another pack than the one that is kept; fetch the pack whole.";
        return Err(Error::new(Code::HashMismatch, detail));
    }
    let bytes = delta.bytes as usize;
    if bytes > limits::PACK_BYTES {
        let detail = format!("a pack of {bytes} bytes, at most {}.", limits::PACK_BYTES);
        return Err(Error::new(Code::TooLarge, detail));
    }
    let made = follow(base, &delta.script, bytes).filter(|made| hash(made) == delta.target);
    made.ok_or_else(|| damaged("its script does not make the pack that it names"))
}

fn decode(payload: &[u8]) -> Result<Delta> {
    #[derive(Deserialize)]
    struct Version {
        format: u16,
    }
    let read = |error: rmp_serde::decode::Error| damaged(&error.to_string());
    let version: Version = rmp_serde::from_slice(payload).map_err(read)?;
    if version.format != FORMAT {
        let detail = format!("a pack delta of format {}, this reads {FORMAT}.", version.format);
        return Err(Error::new(Code::FormatUnknown, detail));
    }
    rmp_serde::from_slice(payload).map_err(read)
}

fn damaged(detail: &str) -> Error {
    Error::new(Code::PayloadDamaged, format!("pack delta: {detail}."))
}

/// What a script makes; none where it reaches out of the earlier pack, makes another number of bytes or ends too soon.
fn follow(base: &[u8], script: &[u8], bytes: usize) -> Option<Vec<u8>> {
    let (mut made, mut rest, mut from) = (Vec::with_capacity(bytes), script, 0_i64);
    while !rest.is_empty() {
        let taken = usize::try_from(number(&mut rest)?).ok()?;
        let (literal, after) = rest.split_at_checked(taken)?;
        rest = after;
        made.extend_from_slice(literal);
        if !rest.is_empty() {
            let count = i64::try_from(number(&mut rest)?).ok()?;
            from = from.checked_add(signed(number(&mut rest)?))?;
            let end = from.checked_add(count)?;
            made.extend_from_slice(base.get(usize::try_from(from).ok()?..usize::try_from(end).ok()?)?);
            from = end;
        }
        if made.len() > bytes {
            return None;
        }
    }
    (made.len() == bytes).then_some(made)
}

/// The next number, of at most ten bytes.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        *rest = after;
        number |= u64::from(byte & 127).checked_shl(shift)?;
        if *byte < 128 {
            return Some(number);
        }
    }
    None
}

fn signed(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

#[cfg(feature = "encode")]
pub use write::write_delta;

#[cfg(feature = "encode")]
mod write {
    use super::*;
    use crate::trust::PrivateKey;

    /// Stretches shorter than this are not worth copying; as many as a number of 64 bits has.
    const SHORTEST: usize = 8;
    /// Slots looked at for one beginning; one that finds none of them free is not known, which costs bytes and no more.
    const PROBES: usize = 64;
    /// Spreads beginnings over the slots by the upper bits of a product (2^64 divided by the golden ratio).
    const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

    /// The signed delta that makes the signed pack `target` of the signed pack `base`.
    ///
    /// # Errors
    /// `payload_damaged` when it cannot be written, `too_large` where it would be refused for its size.
    pub fn write_delta(base: &[u8], target: &[u8], key: &PrivateKey) -> Result<Vec<u8>> {
        check_size("pack", base.len().max(target.len()))?;
        let record = Delta {
            format: FORMAT,
            base: hash(base),
            target: hash(target),
            bytes: u32::try_from(target.len()).unwrap_or(u32::MAX),
            script: ByteBuf::from(script(base, target)),
        };
        let payload = rmp_serde::to_vec_named(&record).map_err(|error| damaged(&error.to_string()))?;
        check_size("pack delta", payload.len())?;
        envelope::seal(Purpose::PackDelta, payload, key)
    }

    fn check_size(what: &str, bytes: usize) -> Result<()> {
        if bytes > limits::PACK_BYTES {
            let detail = format!("a {what} of {bytes} bytes, at most {}.", limits::PACK_BYTES);
            return Err(Error::new(Code::TooLarge, detail));
        }
        Ok(())
    }

    /// The bytes from `at` on that decide whether a stretch begins alike; none so near the end.
    fn beginning(bytes: &[u8], at: usize) -> Option<u64> {
        let first = bytes.get(at..)?.first_chunk::<SHORTEST>()?;
        Some(u64::from_le_bytes(*first))
    }

    /// Where each beginning of the earlier pack comes first: four bytes a slot, of which there are less than three for each
    /// byte of the pack.
    struct Places<'a> {
        base: &'a [u8],
        /// Places, each one more than it is; none is 0.
        slots: Vec<u32>,
        shift: u32,
    }

    enum Slot {
        /// The beginning is in the earlier pack from here on.
        Found(usize),
        /// It is not, and has room here.
        Free(usize),
        /// It is not, and has none.
        Full,
    }

    impl<'a> Places<'a> {
        /// Of a pack of no more than [`limits::PACK_BYTES`].
        fn of(base: &'a [u8]) -> Self {
            let slots = (base.len() + base.len() / 4).next_power_of_two().max(2);
            let mut places = Self { base, slots: vec![0; slots], shift: 64 - slots.trailing_zeros() };
            let mut at = 0;
            while let Some(beginning) = beginning(base, at) {
                if let Slot::Free(slot) = places.look(beginning) {
                    places.slots[slot] = at as u32 + 1;
                }
                at += 1;
            }
            places
        }

        fn look(&self, wanted: u64) -> Slot {
            let first = (wanted.wrapping_mul(SPREAD) >> self.shift) as usize;
            for slot in first..first + PROBES {
                let slot = slot & (self.slots.len() - 1);
                let Some(place) = self.slots[slot].checked_sub(1) else { return Slot::Free(slot) };
                if beginning(self.base, place as usize) == Some(wanted) {
                    return Slot::Found(place as usize);
                }
            }
            Slot::Full
        }
    }

    /// Takes the longest stretch from the first place of the earlier pack that begins alike.
    fn script(base: &[u8], target: &[u8]) -> Vec<u8> {
        let places = Places::of(base);
        let (mut script, mut done, mut at, mut before) = (Vec::new(), 0, 0, 0_i64);
        while let Some(beginning) = beginning(target, at) {
            let Slot::Found(place) = places.look(beginning) else {
                at += 1;
                continue;
            };
            let alike =
                base[place..].iter().zip(&target[at..]).take_while(|(one, other)| one == other).count();
            put(&mut script, (at - done) as u64);
            script.extend_from_slice(&target[done..at]);
            put(&mut script, alike as u64);
            let distance = place as i64 - before;
            put(&mut script, ((distance << 1) ^ (distance >> 63)) as u64);
            before = (place + alike) as i64;
            at += alike;
            done = at;
        }
        put(&mut script, (target.len() - done) as u64);
        script.extend_from_slice(&target[done..]);
        script
    }

    fn put(script: &mut Vec<u8>, mut number: u64) {
        while number >= 128 {
            script.push(number as u8 | 128);
            number >>= 7;
        }
        script.push(number as u8);
    }
}

#[cfg(all(test, feature = "encode"))]
mod tests {
    use super::*;
    use crate::trust::PrivateKey;

    fn key() -> PrivateKey {
        PrivateKey::from_seed([1; 32])
    }

    fn sealed(record: &Delta) -> Vec<u8> {
        envelope::seal(Purpose::PackDelta, rmp_serde::to_vec_named(record).unwrap(), &key()).unwrap()
    }

    fn record(base: &[u8], target: &[u8], script: &[u8]) -> Delta {
        let (base, script) = (hash(base), ByteBuf::from(script.to_vec()));
        Delta { format: FORMAT, base, target: hash(target), bytes: target.len() as u32, script }
    }

    fn code(base: &[u8], delta: &[u8]) -> Code {
        patch(base, delta, &key().public()).unwrap_err().code()
    }

    #[test]
    fn a_delta_makes_the_target_of_its_base_whatever_they_share() {
        let words = |words: &[&str]| words.concat().into_bytes();
        let base = words(&["the same beginning, ", "what goes away, ", "the same end of it all"]);
        for target in [
            base.clone(),
            Vec::new(),
            words(&["the same end of it all", "new", "the same beginning, "]),
            words(&["nothing alike"]),
            base.repeat(100),
            [base.as_slice(), &[0, 255, 128]].concat(),
        ] {
            let made = write_delta(&base, &target, &key()).unwrap();
            assert_eq!(patch(&base, &made, &key().public()).unwrap(), target);
        }
        let changed = words(&["the same beginning, ", "what is new, ", "the same end of it all"]).repeat(50);
        assert!(write_delta(&base.repeat(50), &changed, &key()).unwrap().len() < changed.len() / 2);
        let from_nothing = write_delta(b"", b"something", &key()).unwrap();
        assert_eq!(patch(b"", &from_nothing, &key().public()).unwrap(), b"something");
    }

    #[test]
    fn every_stretch_of_a_large_pack_is_found_wherever_it_went() {
        let mut number = 7_u64;
        let mut next = || {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (number >> 56) as u8
        };
        let base: Vec<u8> = (0..200_000).map(|_| next()).collect();
        let target: Vec<u8> = base.chunks(100).rev().flatten().copied().collect();
        let made = write_delta(&base, &target, &key()).unwrap();
        assert_eq!(patch(&base, &made, &key().public()).unwrap(), target);
        assert!(made.len() < target.len() / 10, "{}", made.len());
        let zeros = vec![0_u8; 200_000];
        assert!(write_delta(&zeros, &zeros, &key()).unwrap().len() < 400, "the same beginning has one slot");
        let large = vec![0_u8; limits::PACK_BYTES + 1];
        assert_eq!(write_delta(&large, b"", &key()).unwrap_err().code(), Code::TooLarge);
    }

    #[test]
    fn a_delta_has_these_bytes() {
        let script = b"\x02>>\x05\x0c\x01-\x02\x0d\x00";
        let made = patch(
            b"0123456789abcdef",
            &sealed(&record(b"0123456789abcdef", b">>6789a-45", script)),
            &key().public(),
        );
        assert_eq!(made.unwrap(), b">>6789a-45");
    }

    #[test]
    fn what_is_not_signed_for_this_purpose_or_about_another_pack_is_refused() {
        let (base, target) = (b"an earlier pack".as_slice(), b"a later pack".as_slice());
        let made = write_delta(base, target, &key()).unwrap();
        assert_eq!(code(b"another pack", &made), Code::HashMismatch);
        let stranger = write_delta(base, target, &PrivateKey::from_seed([2; 32])).unwrap();
        assert_eq!(code(base, &stranger), Code::SignerUnknown);
        let payload = envelope::open(Purpose::PackDelta, &made, &key().public(), limits::PACK_BYTES).unwrap();
        let pack = envelope::seal(Purpose::Pack, payload, &key()).unwrap();
        assert_eq!(code(base, &pack), Code::SignatureInvalid);
        for length in 0..made.len() {
            assert!(patch(base, &made[..length], &key().public()).is_err());
        }
        for index in 0..made.len() {
            let mut flipped = made.clone();
            flipped[index] ^= 1;
            if let Ok(found) = patch(base, &flipped, &key().public()) {
                assert_eq!(found, target, "byte {index} changed what is believed");
            }
        }
    }

    #[test]
    fn a_script_that_lies_makes_nothing() {
        let base = b"0123456789abcdef".as_slice();
        let never_ends = [[255; 11].as_slice(), &[0]].concat();
        for script in [
            b"\x05abc".as_slice(),                               // more bytes than there are
            b"\x00\x11\x00",                                     // a copy beyond the end
            b"\x00\x05\x01",                                     // before the beginning
            b"\x00\x05",                                         // no place
            b"\x00\x04\x00",                                     // too few bytes
            b"\x06012345",                                       // too many
            b"\x0501235",                                        // others than were signed
            b"\x00\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", // as far away as a number goes
            &never_ends,
            b"",
        ] {
            assert_eq!(
                code(base, &sealed(&record(base, b"01234", script))),
                Code::PayloadDamaged,
                "{script:?}"
            );
        }
        let large = Delta { bytes: u32::MAX, ..record(base, b"01234", b"\x0501234") };
        assert_eq!(code(base, &sealed(&large)), Code::TooLarge);
        let newer = Delta { format: FORMAT + 1, ..record(base, b"01234", b"\x0501234") };
        assert_eq!(code(base, &sealed(&newer)), Code::FormatUnknown);
        let nonsense = envelope::seal(Purpose::PackDelta, b"\xc0".to_vec(), &key()).unwrap();
        assert_eq!(code(base, &nonsense), Code::PayloadDamaged);
    }
}
