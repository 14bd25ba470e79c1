//! What one re-rank costs beyond the core's own work in each language.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Figures;
use super::native::Native;
use super::report::Report;
use crate::commands::mobile::{library, swift as package};
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::maven;
use crate::tools::swift::{self, Swift};

/// The key of each language.
const C: &str = "ffi_overhead_c_us";
const KOTLIN: &str = "ffi_overhead_kotlin_us";
const SWIFT: &str = "ffi_overhead_swift_us";

/// How often each program is run: what else the machine does only adds.
const RUNS: usize = 5;

/// Measures the median of one re-rank in each language, less that of the core alone; `folder` holds the library.
pub(super) fn measure(paths: &Paths, steps: &Steps, report: &mut Report, folder: &Path) {
    let Some(workload) = steps.run("mobile: artefacts", |step| Workload::new(paths, step)) else { return };
    let Some(core) =
        steps.run("mobile: re-rank natively", |step| workload.median(step, &mut natively(paths)))
    else {
        return;
    };
    let c = |step: &Step| workload.median(step, &mut in_c(paths, step, folder)?);
    took(report, C, core, steps.run("mobile: re-rank in C", c));
    if maven::find().is_some() {
        let kotlin = |step: &Step| workload.median(step, &mut in_kotlin(paths, folder));
        took(report, KOTLIN, core, steps.run("mobile: re-rank in Kotlin", kotlin));
    } else {
        report.skip(KOTLIN, &format!("there is no Maven; `{}` installs it", maven::INSTALL));
    }
    if let Some(swift) = Swift::find(paths) {
        let swift = |step: &Step| workload.median(step, &mut in_swift(paths, &swift, &workload, folder)?);
        took(report, SWIFT, core, steps.run("mobile: re-rank in Swift", swift));
    } else {
        let remedy =
            format!("there is no Swift: `cargo xtask test --all` installs one, or {}", swift::INSTALL);
        report.skip(SWIFT, &remedy);
    }
}

/// Notes what a language took beyond the core.
fn took(report: &mut Report, key: &str, core: f64, median: Option<f64>) {
    let overhead = median.map(|median| Figures::from_iter([(key.to_owned(), json!(median - core))]));
    report.add(&overhead.unwrap_or_default());
}

/// The core without any boundary, in a program of its own. Its package has no shared library beside it, which would keep
/// link-time optimisation, which the library has, from the program.
fn natively(paths: &Paths) -> Command {
    let mut command = shell::cargo(paths, ["run", "--locked", "--package", "segue-conformance"]);
    command.args(["--profile", library::SHIPPED, "--example", "rerank"]);
    command
}

/// The program, compiled against the library.
fn in_c(paths: &Paths, step: &Step, folder: &Path) -> anyhow::Result<Command> {
    let program = paths.cache.join("mobile/rerank");
    let mut command = shell::program(paths, "cc", ["-std=gnu11", "-O2", "-I"]);
    command.arg(paths.file("mobile-ffi/include")).arg("-o").arg(&program);
    command.arg(paths.file("mobile-ffi/c/bench/rerank.c")).arg(library::shared(folder));
    shell::run(step, command.arg(format!("-Wl,-rpath,{}", folder.display())))?;
    Ok(shell::program(paths, program, [""; 0]))
}

fn in_kotlin(paths: &Paths, folder: &Path) -> Command {
    let mut command =
        maven::command(paths, &paths.file("mobile-ffi/kotlin"), &paths.cache.join("mobile/kotlin"));
    // The library alone: its parent has no class to run.
    command.args(["--projects", "segue", "test-compile", "org.codehaus.mojo:exec-maven-plugin:3.5.0:java"]);
    command.args(["-Dexec.mainClass=dev.segue.BenchKt", "-Dexec.classpathScope=test"]);
    command.arg(format!("-Dsegue.library={}", folder.display()));
    command.env("JAVA_TOOL_OPTIONS", format!("-Djna.library.path={}", folder.display()));
    command
}

/// The package's bench where the toolchain sees it, with the artefacts beside it.
fn in_swift(paths: &Paths, swift: &Swift, workload: &Workload, folder: &Path) -> anyhow::Result<Command> {
    package::gather(paths, swift, folder)?;
    package::copy(&workload.folder, &swift.work(paths).join("artefacts"))?;
    let mut command = package::command(paths, swift, "run", &["-c", "release", "SegueBench"]);
    command.env("SEGUE_ARTEFACTS", swift.work_inside(paths).join("artefacts"));
    Ok(command)
}

/// The bench's pack, ranker and policy as files, and what a program is told about them.
struct Workload {
    folder: PathBuf,
    root: String,
    told: Value,
}

impl Workload {
    fn new(paths: &Paths, step: &Step) -> anyhow::Result<Self> {
        let folder = Native::build(paths, step)?.artefacts(paths, step)?;
        let read = |name: &str| -> anyhow::Result<Value> {
            Ok(serde_json::from_slice(&std::fs::read(folder.join(name))?)?)
        };
        let root = read("keys/root")?["root"].as_str().context("the artefacts name no root key")?.to_owned();
        let told = read("workload.json")?;
        Ok(Self { folder, root, told })
    }

    /// The smallest of the medians, in microseconds, of a program that prints one and is run a few times. One that sees the
    /// artefacts elsewhere says so itself.
    fn median(&self, step: &Step, command: &mut Command) -> anyhow::Result<f64> {
        let text = |name: &str| self.told[name].as_str().unwrap_or_default().to_owned();
        if command.get_envs().all(|(name, _)| name != "SEGUE_ARTEFACTS") {
            command.env("SEGUE_ARTEFACTS", &self.folder);
        }
        command
            .env("SEGUE_ROOT", &self.root)
            .env("SEGUE_SURFACE", text("surface"))
            .env("SEGUE_SUBJECT", text("subject"))
            .env("SEGUE_START_MS", self.told["start_ms"].to_string());
        let run = |_| {
            let value = shell::last_json(&shell::run(step, command)?)?;
            value["median_us"].as_f64().context("the program printed no median")
        };
        let medians = (0..RUNS).map(run).collect::<anyhow::Result<Vec<f64>>>()?;
        Ok(medians.into_iter().fold(f64::INFINITY, f64::min))
    }
}
