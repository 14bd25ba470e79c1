//! One file per subcommand.

pub(crate) mod bench;
pub(crate) mod demo;
pub(crate) mod test;
pub(crate) mod train;
pub(crate) mod wasm;
