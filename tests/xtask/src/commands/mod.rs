//! One file per subcommand.

pub(crate) mod bench;
pub(crate) mod demo;
pub(crate) mod fuzz;
pub(crate) mod gen_vectors;
pub(crate) mod mobile;
pub(crate) mod quality;
pub(crate) mod soak;
pub(crate) mod test;
pub(crate) mod train;
pub(crate) mod wasm;
pub(crate) mod worker;
