//! How a graphics card is used, where there is one: said once, when the program starts, as all that it computes shares the
//! card.

use std::sync::OnceLock;

/// How a graphics card is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Card {
    /// Bytes of rows, or of products, that a run begins with. ONNX Runtime does not tell how much memory is free on a card,
    /// so the operator may.
    pub memory_bytes: usize,
    /// What exact search multiplies on the card.
    pub precision: Precision,
}

/// What products of matrices are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Precision {
    /// Numbers of 16 bits: half the memory and the card's matrix units. What is found is compared again in 32 bits.
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

/// How the card is used; as is the default, where nobody said.
#[must_use]
pub fn in_force() -> Card {
    *IN_FORCE.get_or_init(Card::default)
}
