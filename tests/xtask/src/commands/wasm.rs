//! `cargo xtask wasm`.

use std::process::ExitCode;
use std::thread;

use crate::paths::Paths;
use crate::steps::{self, Steps};
use crate::wasm::Build;

/// Arguments of `cargo xtask wasm`.
#[derive(clap::Args)]
pub(crate) struct Arguments {}

/// Builds the npm package and prints where it is.
///
/// # Errors
/// When the project's folders cannot be used.
pub(crate) fn run(_arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let paths = Paths::find()?;
    let steps = Steps::new(&paths, "wasm")?;
    if let Some(tarball) = package(&paths, &steps) {
        steps::print_result(&tarball.display().to_string());
    }
    Ok(steps.exit_code())
}

/// The steps that lead to the packed npm package. `None` when one of them failed.
pub(crate) fn package(paths: &Paths, steps: &Steps) -> Option<std::path::PathBuf> {
    let build = steps.run("engine: look for changes", |_| Build::new(paths))?;
    if !build.is_current() {
        let ready = thread::scope(|scope| {
            let tools = scope.spawn(|| steps.run("engine: npm tools", |step| build.install_tools(step)));
            let generator =
                scope.spawn(|| steps.run("engine: module generator", |step| build.build_generator(step)));
            let compiled = steps.run("engine: compile to WebAssembly", |step| build.compile(step));
            let tools = tools.join().ok().flatten();
            let generator = generator.join().ok().flatten();
            compiled.and(tools).and(generator)
        });
        ready?;
        steps.run("engine: JavaScript module and wasm-opt", |step| build.generate(step))?;
    }
    steps.run("engine: npm package", |step| build.pack(step))
}
