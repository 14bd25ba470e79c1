//! Weekly playlists: one for each person and ISO week, made from their pack by the policy of the surface `weekly`.
//!
//! A playlist is made when it is first asked for in its week, and stays as it is until the week is over. What was on those of
//! the weeks before is not on it again. Each week is a file `D/weekly/2026-W47.jsonl` of rows as in `collections.jsonl`; the
//! last [`WEEKS`] are kept.

mod make;
mod store;
mod week;

pub use make::weekly;
pub use store::Weekly;
pub(crate) use store::paths;
pub use week::Week;

/// Weeks whose playlists are kept, this one included.
pub const WEEKS: usize = 8;

#[cfg(test)]
mod tests;
