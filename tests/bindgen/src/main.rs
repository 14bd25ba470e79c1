//! Turns the compiled engine into a JavaScript module with TypeScript types.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Parser;
use wasm_bindgen_cli_support::Bindgen;

/// Generates the JavaScript module of a WebAssembly file.
#[derive(Parser)]
struct Arguments {
    /// The WebAssembly file that cargo built.
    input: PathBuf,
    /// The folder that receives the module; made when missing.
    output: PathBuf,
    /// The module's base name; without it the input's file name.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// For a worker: the module is handed its WebAssembly, and can begin anew after a trap.
    #[arg(long)]
    worker: bool,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let mut generator = Bindgen::new();
    generator.input_path(&arguments.input);
    if let Some(name) = &arguments.name {
        generator.out_name(name);
    }
    generator
        .web(true)?
        .typescript(true)
        // Otherwise `init()` without an argument finds the file beside the module.
        .omit_default_module_path(arguments.worker)
        .reset_state_function(arguments.worker)
        .generate(&arguments.output)
        .with_context(|| format!("cannot generate a module from {}", arguments.input.display()))
}
