//! Builds the edge worker: WebAssembly, its JavaScript module, the ranker that is deployed with it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::paths::Paths;
use crate::shell;
use crate::stamp;
use crate::steps::Step;
use crate::tools::{node_packages, rust_target};
use crate::wasm::{Build, copy, fresh_folder};

/// The worker, inside the checkout.
pub(crate) const WORKER: &str = "edge/worker";

/// The demo's models, deployed unless another folder is named.
pub(crate) const MODEL: &str = "cloud/models/demo";

/// The generated module's files.
const MODULE: &str = "segue_worker";

/// What decides the module's bytes.
const SOURCES: [&str; 11] = [
    "Cargo.lock",
    "Cargo.toml",
    ".cargo/config.toml",
    "rust-toolchain.toml",
    "core",
    "edge/browser/Cargo.toml",
    "edge/browser/build.rs",
    "edge/browser/src",
    "edge/worker/Cargo.toml",
    "edge/worker/src",
    "edge/worker/package.json",
];

/// Compiles and generates what is not current, and puts it with the ranker of `model` where `worker.mjs` finds it.
///
/// # Errors
/// When a tool fails or the folder holds no ranker.
pub(crate) fn build(paths: &Paths, step: &Step, model: &Path) -> anyhow::Result<()> {
    let hash = stamp::sources_hash(paths, &SOURCES)? + &stamp::sources_hash(paths, &["tests/bindgen"])?;
    let hash = stamp::text_hash(&hash);
    let output = paths.file(WORKER).join("build");
    node_packages::ensure(paths, step, &paths.file(WORKER))?;
    if !stamp::is_current(&output.join(".segue-built"), &hash) {
        compile(paths, step)?;
        generate(paths, step, &output)?;
        stamp::write(&output.join(".segue-built"), &hash)?;
    }
    copy(&model.join("ranker.onnx"), &output.join("ranker.onnx"))?;
    copy(&model.join("schema.json"), &output.join("schema.bin"))
}

/// Whether a worker is there to be tested.
pub(crate) fn is_built(paths: &Paths) -> bool {
    paths.file(WORKER).join("build/.segue-built").is_file()
}

fn compile(paths: &Paths, step: &Step) -> anyhow::Result<()> {
    rust_target::ensure(paths, step, rust_target::WASM)?;
    // As a cdylib alone: with an rlib beside it, cargo leaves link-time optimisation out.
    let mut arguments =
        vec!["rustc", "--locked", "--package", "segue-worker", "--lib", "--crate-type", "cdylib"];
    arguments.extend(["--profile", "wasm", "--target", rust_target::WASM]);
    shell::run(step, &mut shell::cargo(paths, arguments))?;
    Build::new(paths)?.build_generator(step)
}

fn generate(paths: &Paths, step: &Step, output: &PathBuf) -> anyhow::Result<()> {
    let compiled = paths.target.join(rust_target::WASM).join("wasm").join(format!("{MODULE}.wasm"));
    fresh_folder(output)?;
    let generator = paths.executable("debug", "segue-bindgen");
    let mut command = shell::program(paths, generator, [&compiled, output]);
    shell::run(step, command.arg("--worker"))?;
    shell::run(step, &mut node_packages::npm(paths, &paths.file(WORKER), ["run", "optimise"]))?;
    Ok(())
}

/// The Node that the worker's tools want, newer than what the rest needs: it comes with the lock file.
pub(crate) fn node(paths: &Paths) -> PathBuf {
    paths.file(WORKER).join("node_modules/.bin/node")
}

/// A signed world for tests, as a cloud would serve it now; returns its folder.
///
/// # Errors
/// When it cannot be made.
pub(crate) fn world(paths: &Paths, step: &Step) -> anyhow::Result<PathBuf> {
    // In the checkout: another one may be testing at the same time.
    let folder = paths.file(WORKER).join("build/world");
    fresh_folder(&folder)?;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    // Of the whole workspace, as the tests build it: alone it would want its own dependencies, compiled anew.
    shell::run(step, &mut shell::cargo(paths, ["build", "--locked", "--workspace", "--example", "world"]))?;
    let world = paths.executable("debug", "examples/world");
    shell::run(step, shell::program(paths, world, [&folder]).arg(now.as_millis().to_string()))?;
    fs::metadata(folder.join("root")).context("the world has no root key")?;
    Ok(folder)
}
