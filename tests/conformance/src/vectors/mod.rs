//! Golden vectors: what every host must answer, as files that any language can read.
//!
//! `tests/vectors/README.md` describes the files. A [`Case`] is a list of calls; [`run()`] makes them and notes the
//! outcomes; [`compare`] tells whether another host's outcomes are the same; [`cases`] holds the recipes that
//! [`generate()`] turns into outcomes and files.

mod case;
pub mod cases;
mod closeness;
mod coverage;
mod folder;
mod generate;
pub mod rules;
mod run;
mod shared;
mod story;

pub use case::{Bytes, Case, Expected, Step};
pub use closeness::{CLOSENESS, compare};
pub use coverage::{Touched, UNREACHABLE, missing};
pub use folder::{FOLDER, load, names, read_shared};
pub use generate::{Generated, check, generate, write};
pub use run::run;
pub use shared::Shared;
pub use story::{Book, Recipe, Story, Twin};
