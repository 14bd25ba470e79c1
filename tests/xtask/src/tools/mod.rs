//! What the commands fetch by ordinary means when it is missing.

pub(crate) mod arm_linker;
pub(crate) mod cargo_fuzz;
pub(crate) mod chromium;
pub(crate) mod debian;
pub(crate) mod maven;
pub(crate) mod nginx;
pub(crate) mod node_packages;
pub(crate) mod onnxruntime;
pub(crate) mod python;
pub(crate) mod qemu;
pub(crate) mod rust_target;
pub(crate) mod swift;
