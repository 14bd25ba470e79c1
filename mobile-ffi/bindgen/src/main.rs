//! Writes the sides of the mobile library that are not Rust: Kotlin, Swift and the C header.

use std::path::PathBuf;

use anyhow::Context as _;
use camino::Utf8PathBuf;
use clap::{Parser, Subcommand};
use uniffi_bindgen::bindings::{GenerateOptions, TargetLanguage, generate};

/// Writes bindings of the mobile library.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    side: Side,
}

#[derive(Subcommand)]
enum Side {
    /// Kotlin, from the library that cargo built.
    Kotlin(FromLibrary),
    /// Swift with its C header and module map, from the library that cargo built.
    Swift(FromLibrary),
    /// The C header, from the crate's sources.
    Header {
        /// The crate's folder.
        folder: PathBuf,
        /// The file to write.
        output: PathBuf,
    },
}

#[derive(clap::Args)]
struct FromLibrary {
    /// The library, not stripped: what it offers is written in it.
    library: Utf8PathBuf,
    /// Names of packages and modules.
    #[arg(long)]
    config: Utf8PathBuf,
    /// The folder that receives the files.
    output: Utf8PathBuf,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().side {
        Side::Kotlin(from) => from.write(TargetLanguage::Kotlin),
        Side::Swift(from) => from.write(TargetLanguage::Swift),
        Side::Header { folder, output } => {
            let config = cbindgen::Config::from_file(folder.join("cbindgen.toml")).map_err(anyhow::Error::msg)?;
            let mut builder = cbindgen::Builder::new().with_config(config);
            for name in ["answer", "door", "slate", "engine", "feed", "outbox"] {
                builder = builder.with_src(folder.join(format!("src/c/{name}.rs")));
            }
            let header = builder.generate().context("the sources give no header")?;
            header.write_to_file(output);
            Ok(())
        }
    }
}

impl FromLibrary {
    fn write(self, language: TargetLanguage) -> anyhow::Result<()> {
        generate(GenerateOptions {
            languages: vec![language],
            source: self.library,
            out_dir: self.output,
            config_override: Some(self.config),
            ..GenerateOptions::default()
        })
    }
}
