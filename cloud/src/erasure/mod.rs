//! People who are to be forgotten.
//!
//! A tombstone in `D/erased.jsonl` is synced first. From then on nobody of that id is seen by anything that reads the
//! data folder: their rows are skipped, their pack is gone, their events are refused, also after tables or logs of an
//! earlier day were put back. Then the rows themselves are taken out of tables and logs ([`carry_out`]); packs go
//! with the generations that hold them. A tombstone holds a salted hash: no file tells who was forgotten.

mod carry;
mod tables;
mod tombstones;

pub use carry::{carry_out, keep_carrying};
pub use tombstones::{Erased, Receipt, Tombstones};

#[cfg(test)]
mod power_cut_tests;
#[cfg(test)]
mod tests;
