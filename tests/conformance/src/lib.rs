//! What every host has to agree on, and what no host may be harmed by.
//!
//! Tools that the tests beside this crate, the fuzzer and `cargo xtask` share, so that each exists once:
//!
//! - [`world`]: a small catalogue with its keys, packs and manifests; [`ranker`]: a small model for it.
//! - [`vectors`]: golden vectors, the cases that every host must answer alike.
//! - [`bad_input`]: one function per kind of bytes from outside; it may refuse them, never fall over them.

pub mod bad_input;
pub mod draws;
pub mod kept;
pub mod onnx;
pub mod ranker;
pub mod vectors;
pub mod world;
