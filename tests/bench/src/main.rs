//! Native speed figures as JSON on stdout. Run it through `cargo xtask bench engine`.

mod engine;

use anyhow::Result;
use clap::Parser;

/// Measures the engine natively, on one core.
#[derive(Parser)]
struct Arguments {
    /// Measured iterations.
    #[arg(long, default_value_t = 2_000)]
    iterations: usize,
    /// Iterations before measuring starts.
    #[arg(long, default_value_t = 200)]
    warm_up: usize,
    /// Folder with `ranker.onnx` and `schema.json`.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../cloud/models/demo"))]
    model: std::path::PathBuf,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let figures = engine::measure(&arguments.model, arguments.warm_up, arguments.iterations)?;
    println!("{figures}");
    Ok(())
}
