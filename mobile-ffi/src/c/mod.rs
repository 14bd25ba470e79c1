//! The engine for C: `include/segue.h` is made from this folder by `cargo xtask mobile host`.
//!
//! Every function returns a code: null when it went well, else a word of `docs/ERRORS.md` that lives as long as the
//! program; `segue_error_detail` and `segue_error_remedy` say more. Objects are numbers, so one that was closed, or never
//! opened, is refused with `closed` and never touched. Records go in and come out as the JSON objects of the wire; only
//! a list's places are a struct, as every player reads them.
//!
//! A function that is given a null pointer where it needs one answers `request_invalid`.

mod answer;
mod door;
mod engine;
mod feed;
mod handles;
mod outbox;
mod slate;

pub use engine::*;
pub use feed::*;
pub use outbox::*;
pub use slate::*;

pub use answer::{segue_error_detail, segue_error_remedy};
pub use door::{SegueBytes, segue_bytes_free, segue_text_free};
