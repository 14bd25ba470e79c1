//! How a graphics card is used, where there is one: said once, when the program starts, as all that it computes shares the
//! card.

use std::fmt::Display;
use std::ops::Range;
use std::sync::OnceLock;

/// How a graphics card is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card {
    /// Bytes of rows, or of products, that a run begins with. ONNX Runtime does not tell how much memory is free on a card,
    /// so the operator may.
    pub memory_bytes: usize,
    /// What towers, the refresh's ranker and exact search multiply on the card.
    pub precision: Precision,
}

/// What products of matrices are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Precision {
    /// Numbers of 16 bits: half the memory and the card's matrix units. What exact search finds is compared again in 32 bits.
    Half,
    /// Numbers of 32 bits.
    Single,
}

impl Default for Card {
    fn default() -> Self {
        Self { memory_bytes: 256 << 20, precision: Precision::Half }
    }
}

static IN_FORCE: OnceLock<Card> = OnceLock::new();

/// Uses the card so from now on. What was said, or asked for, first holds.
pub fn use_so(card: Card) {
    if *IN_FORCE.get_or_init(|| card) != card {
        tracing::warn!("the graphics card is in use already, as was said before");
    }
}

/// How the card is used. Where nobody said, as when a model is judged or learned from, it multiplies in 32 bits: what comes out then
/// differs from a processor's by its last bits at most.
#[must_use]
pub fn in_force() -> Card {
    *IN_FORCE.get_or_init(|| Card { precision: Precision::Single, ..Card::default() })
}

/// Does `work` on `count` rows, `most` at a time. Where a card has no room for what they become, half as many are tried from
/// then on, but no fewer than `least`.
///
/// # Errors
/// What `work` says of so few rows.
pub(crate) fn in_batches<E: Display>(
    count: usize,
    most: &mut usize,
    least: usize,
    mut work: impl FnMut(Range<usize>) -> Result<(), E>,
) -> Result<(), E> {
    let mut done = 0;
    while done < count {
        let until = count.min(done.saturating_add((*most).max(1)));
        match work(done..until) {
            Err(error) if until - done > least => {
                *most = ((until - done) / 2).max(least);
                tracing::warn!("{} rows failed, {most} at a time from now on: {error:#}", until - done);
            }
            result => {
                result?;
                done = until;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_that_find_no_room_are_halved_from_then_on() {
        let (mut most, mut done) = (800, Vec::new());
        let room = |rows: Range<usize>| {
            let fits = rows.len() <= 250;
            done.extend(fits.then_some(rows));
            if fits { Ok(()) } else { Err("no room") }
        };
        in_batches(650, &mut most, 100, room).unwrap();
        assert_eq!((most, done), (162, vec![0..162, 162..324, 324..486, 486..648, 648..650]));
        let mut asked = Vec::new();
        let never = |rows: Range<usize>| {
            asked.push(rows.len());
            Err::<(), _>("no card")
        };
        assert_eq!(in_batches(650, &mut most, 100, never), Err("no card"));
        assert_eq!(asked, [162, 100]);
    }
}
