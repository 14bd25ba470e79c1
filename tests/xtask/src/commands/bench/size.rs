//! What a browser downloads.

use std::path::Path;

use anyhow::Context as _;

use super::Figures;
use crate::paths::Paths;
use crate::shell;
use crate::steps::Step;

/// Node compresses as web servers do: gzip at level 9, brotli at quality 11.
const SCRIPT: &str = "
const { readFileSync } = require('node:fs');
const { gzipSync, brotliCompressSync, constants } = require('node:zlib');
const bytes = readFileSync(process.argv[1]);
const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
console.log(JSON.stringify({
  wasm_raw_bytes: bytes.length,
  wasm_gzip_bytes: gzipSync(bytes, { level: 9 }).length,
  wasm_brotli_bytes: brotliCompressSync(bytes, { params }).length,
}));
";

/// The three sizes of a WebAssembly file.
///
/// # Errors
/// When Node fails.
pub(super) fn figures(paths: &Paths, step: &Step, file: &Path) -> anyhow::Result<Figures> {
    let mut command = shell::program(paths, "node", ["-e", SCRIPT]);
    let value = shell::last_json(&shell::run(step, command.arg(file))?)?;
    value.as_object().cloned().context("the sizes are no JSON object")
}
