//! Requests made of the service's own description, right and wrong ones, sent to a running service.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::http;
use crate::paths::Paths;
use crate::server::Server;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::python;
use crate::whole_path::{self, Segue};

/// Where the fuzzer's packages are pinned.
const REQUIREMENTS: &str = "tests/api/requirements.lock";

/// Admits the fuzzer to what services may ask; nothing outside of this process ever sees it.
const KEY: &str = "the-key-of-a-fuzzer-with-its-thirty-two-bytes";

/// Requests for each operation, and where their chance begins: a failure comes again.
const EXAMPLES: &str = "100";
const SEED: &str = "7";

/// What an answer has to keep; it is refused with a 4xx or answered, and as described.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
    response_schema_conformance,unsupported_method,missing_required_header,allow_header_conformance";

/// How long the service may take to get ready for what needs vectors.
const READY: Duration = Duration::from_secs(120);

/// Runs it on a copy of `data`, or counts it as skipped.
pub(super) fn run(paths: &Paths, steps: &Steps, all: bool, segue: &Segue, data: &Path) {
    const NAME: &str = "requests made of the API's description";
    if !all {
        return steps.skip(NAME, "its Python packages are installed first", "cargo xtask test --all");
    }
    steps.run(NAME, |step| {
        let python = python::with_requirements(paths, step, &paths.file(REQUIREMENTS))?;
        let apart = paths.cache.join(format!("fuzz-api-{}", std::process::id()));
        whole_path::share(data, &apart).with_context(|| format!("cannot make {}", apart.display()))?;
        let fuzzed = fuzz(paths, step, segue, &python, &apart);
        fs::remove_dir_all(&apart).with_context(|| format!("cannot remove {}", apart.display()))?;
        fuzzed
    });
}

fn fuzz(paths: &Paths, step: &Step, segue: &Segue, python: &Path, data: &Path) -> anyhow::Result<()> {
    let mut serve = segue.serve_command(paths, data, None);
    serve.env("SEGUE_SERVICE_KEYS", KEY);
    let server = Server::start(step, serve, 0)?;
    wait_for_vectors(&server)?;
    let document = format!("{}/api/v1/openapi.json", server.url());
    let arguments = ["-m", "schemathesis.cli", "run", "--no-color", "--checks", CHECKS, "--seed", SEED];
    let mut command = shell::program(paths, python, arguments);
    command.args(["--max-examples", EXAMPLES, "--generation-database", "none", "--header"]);
    command.arg(format!("Authorization: Bearer {KEY}")).arg(document);
    shell::run(step, command.current_dir(data))?;
    Ok(())
}

/// Until then some operations are answered with 503, as described.
fn wait_for_vectors(server: &Server) -> anyhow::Result<()> {
    let started = Instant::now();
    while started.elapsed() < READY {
        if http::get(server.address, "/api/v1/trending")?.status == 200 {
            return Ok(());
        }
        sleep(Duration::from_millis(200));
    }
    bail!("/api/v1/trending is not answered after {} s", READY.as_secs())
}
