//! Requests made of the service's own description, right and wrong ones, sent to a running service.

use std::fs;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::http;
use crate::paths::Paths;
use crate::server::Server;
use crate::shell;
use crate::steps::{Counts, Step, Steps};
use crate::tools::python;
use crate::whole_path::{self, Segue};

/// Where the fuzzer's packages are pinned.
const REQUIREMENTS: &str = "tests/api/requirements.lock";

/// Admits the fuzzer to what services may ask; nothing outside of this process ever sees it.
const KEY: &str = "the-key-of-a-fuzzer-with-its-thirty-two-bytes";

/// Admits it to what only an administrator may ask, likewise.
const ADMIN_KEY: &str = "the-key-of-an-administrator-with-its-thirty-two-bytes";

/// Signs the token of a person, likewise.
const SECRET: &str = "the-secret-of-people-with-its-thirty-two-bytes";

/// Prints that token (RFC 7519, HS256), as an app's sign-in would give it.
const SIGN_IN: &str = "
import base64, hashlib, hmac, json, sys, time
def text(data): return base64.urlsafe_b64encode(data).rstrip(b'=')
claims = {'sub': 'u1', 'exp': int(time.time()) + 86400}
said = b'.'.join(text(json.dumps(part).encode()) for part in ({'alg': 'HS256', 'typ': 'JWT'}, claims))
print((said + b'.' + text(hmac.new(sys.argv[1].encode(), said, hashlib.sha256).digest())).decode())
";

/// Where the chance of requests begins: a failure comes again.
const SEED: &str = "7";

/// How much is sent.
struct Extent {
    /// Requests for each operation.
    examples: &'static str,
    /// Ways to find them.
    phases: &'static str,
}

/// What fits into every run, and all there is.
const FEW: Extent = Extent { examples: "15", phases: "examples,fuzzing" };
const MANY: Extent = Extent { examples: "100", phases: "examples,coverage,fuzzing,stateful" };

/// What an answer has to keep; it is refused with a 4xx or answered, and as described.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,\
    response_schema_conformance,unsupported_method,missing_required_header,allow_header_conformance";

/// How long the service may take to get ready for what needs vectors.
const READY: Duration = Duration::from_secs(120);

/// How long a refresh or rollback may take that the fuzzer began.
const JOBS: Duration = Duration::from_secs(600);

/// How long the packages' registry may take to answer a call.
const REACH: Duration = Duration::from_secs(5);

/// Runs it on a copy of `data`, few requests unless `all` are asked for.
pub(super) fn run(paths: &Paths, steps: &Steps, all: bool, segue: &Segue, data: &Path) {
    const NAME: &str = "requests made of the API's description";
    const COMMAND: &str = "cargo xtask test --all";
    let installed = steps.run("requests of the API: Python packages", |step| {
        match python::with_requirements(paths, step, &paths.file(REQUIREMENTS)) {
            // Where there is no network or no Python, the rest is tested all the same; anything else is a fault.
            Err(error) if !all && (shell::on_path("python3").is_none() || !is_online()) => {
                Ok(Err(format!("{error:#}")))
            }
            python => Ok(Ok(python?)),
        }
    });
    let python = match installed {
        Some(Ok(python)) => python,
        Some(Err(why)) => {
            return steps.skip(NAME, &format!("its packages cannot be had: {why}"), COMMAND);
        }
        None => return,
    };
    let extent = if all { MANY } else { FEW };
    steps.run_counted(NAME, |step| {
        let apart = paths.cache.join(format!("fuzz-api-{}", std::process::id()));
        whole_path::share(data, &apart).with_context(|| format!("cannot make {}", apart.display()))?;
        let fuzzed = fuzz(paths, step, segue, (python.as_path(), &extent), &apart);
        fs::remove_dir_all(&apart).with_context(|| format!("cannot remove {}", apart.display()))?;
        fuzzed
    });
}

/// Whether the packages' registry can be reached.
fn is_online() -> bool {
    let addresses = ("pypi.org", 443).to_socket_addrs();
    addresses.into_iter().flatten().any(|address| TcpStream::connect_timeout(&address, REACH).is_ok())
}

/// Who asks: by which name the step knows them, what they send as credentials, and which paths they ask for where it is not
/// all of them.
type Caller<'a> = (&'static str, Option<&'a str>, Option<&'static str>);

/// As a service, as a person, as nobody and as an administrator: what each may ask is another part of the description. The
/// last one asks for what is theirs alone, after the others, whom their refreshes and rollbacks would disturb.
fn fuzz(
    paths: &Paths,
    step: &Step,
    segue: &Segue,
    (python, extent): (&Path, &Extent),
    data: &Path,
) -> anyhow::Result<((), Counts)> {
    let mut serve = segue.serve_command(paths, data, None);
    let keys = format!("{KEY},{ADMIN_KEY} admin");
    serve.env("SEGUE_SERVICE_KEYS", keys).env("SEGUE_PERSON_SECRET", SECRET);
    // A person may ask for less in a second than the fuzzer does.
    serve.env("SEGUE_LIMITS_PERSON_RATE", "0");
    let server = Server::start(step, serve, 0)?;
    wait_for_vectors(&server)?;
    let token = shell::answer(&mut shell::program(paths, python, ["-c", SIGN_IN, SECRET]));
    let token = token.context("no token could be made")?;
    let callers: [Caller<'_>; 4] = [
        ("a service", Some(KEY), None),
        ("a person", Some(token.as_str()), None),
        ("nobody", None, None),
        ("an administrator", Some(ADMIN_KEY), Some("/v1/admin/")),
    ];
    let mut counts = Counts::default();
    let asked = callers.into_iter().try_for_each(|caller| {
        let mut command = requests(paths, &server, (python, extent), caller);
        shell::run(step, command.current_dir(data)).with_context(|| format!("asked as {}", caller.0))?;
        counts.add(Counts::ONE);
        anyhow::Ok(())
    });
    // Also where something was found: what goes on would write into the folder while it is removed.
    let waited = wait_for_jobs(&server);
    asked.and(waited).map(|()| ((), counts))
}

fn requests(
    paths: &Paths,
    server: &Server,
    (python, extent): (&Path, &Extent),
    (_, credentials, only): Caller<'_>,
) -> Command {
    let arguments = ["-m", "schemathesis.cli", "run", "--no-color", "--checks", CHECKS, "--seed", SEED];
    let mut command = shell::program(paths, python, arguments);
    command.args(["--max-examples", extent.examples, "--phases", extent.phases]);
    command.args(["--generation-database", "none"]);
    if let Some(credentials) = credentials {
        command.arg("--header").arg(format!("Authorization: Bearer {credentials}"));
    }
    if let Some(only) = only {
        command.args(["--include-path-regex", only]);
    }
    command.arg(format!("{}/api/v1/openapi.json", server.url()));
    command
}

/// Refreshes and rollbacks are processes of their own, which outlive a service that is killed.
fn wait_for_jobs(server: &Server) -> anyhow::Result<()> {
    let (key, started) = (format!("Authorization: Bearer {ADMIN_KEY}"), Instant::now());
    while started.elapsed() < JOBS {
        let answer = http::get_with(server.address, "/api/v1/admin/jobs", &key)?;
        let answer: Value = serde_json::from_slice(&answer.body)?;
        let jobs = answer["jobs"].as_array().with_context(|| format!("jobs are not told: {answer}"))?;
        if jobs.iter().all(|job| job["stage"] != "running") {
            return Ok(());
        }
        sleep(Duration::from_millis(200));
    }
    bail!("a refresh or rollback runs for {} s", JOBS.as_secs())
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
