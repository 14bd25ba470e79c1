//! What the mobile library weighs, and what one re-rank costs beyond the core's own work in each language.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::Figures;
use super::native::Native;
use super::report::Report;
use crate::commands::mobile::library;
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::{debian, maven, rust_target};

/// A 64-bit ARM machine with Linux: what the kernels' assembler and a linker are packaged for.
const ARM: &str = "aarch64-unknown-linux-gnu";
const ARM_COMPILER: &str = "aarch64-linux-gnu-gcc";
const ARM_PACKAGE: &str = "gcc-aarch64-linux-gnu";

/// Builds what ships and measures it.
pub(super) fn measure(paths: &Paths, steps: &Steps, report: &mut Report) {
    let Some(folder) = steps.run("mobile: library", |step| library::shipped(paths, step)) else { return };
    if std::env::consts::ARCH == "x86_64" {
        report.add(&size("mobile_lib_stripped_bytes", &library::shared(&folder)).unwrap_or_default());
    } else {
        report.skip("mobile_lib_stripped_bytes", "this machine is no x86_64");
    }
    match steps.run("mobile: library for ARM", |step| arm(paths, step)) {
        Some(Some(file)) => report.add(&size("mobile_lib_arm64_stripped_bytes", &file).unwrap_or_default()),
        Some(None) => report.skip(
            "mobile_lib_arm64_stripped_bytes",
            &format!("there is no {ARM_COMPILER} (Debian's {ARM_PACKAGE})"),
        ),
        None => {}
    }
    report.skip(
        "ffi_overhead_swift_us",
        "run `swift run -c release SegueBench` where there is a Swift toolchain",
    );
    crossings(paths, steps, report, &folder);
}

fn size(key: &str, file: &Path) -> anyhow::Result<Figures> {
    let bytes = file.metadata().with_context(|| format!("cannot find {}", file.display()))?.len();
    Ok(Figures::from_iter([(key.to_owned(), Value::from(bytes))]))
}

/// The library for ARM; `None` where there is no compiler for the kernels.
fn arm(paths: &Paths, step: &Step) -> anyhow::Result<Option<PathBuf>> {
    if shell::on_path(ARM_COMPILER).is_none() {
        if !debian::can_install(paths) {
            return Ok(None);
        }
        debian::install(paths, step, ARM_PACKAGE)?;
    }
    rust_target::ensure(paths, step, ARM)?;
    let arguments =
        ["build", "--locked", "--package", library::PACKAGE, "--profile", library::SHIPPED, "--target", ARM];
    let mut command = shell::cargo(paths, arguments);
    shell::run(step, command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", ARM_COMPILER))?;
    Ok(Some(paths.target.join(ARM).join(library::SHIPPED).join("libsegue_mobile.so")))
}

/// The median of one re-rank in each language, less that of the core alone.
fn crossings(paths: &Paths, steps: &Steps, report: &mut Report, folder: &Path) {
    let workload = steps.run("mobile: artefacts", |step| Workload::new(paths, step));
    let Some(workload) = workload else { return };
    let core = steps.run("mobile: re-rank natively", |step| {
        let package = [
            "run",
            "--locked",
            "--package",
            library::PACKAGE,
            "--profile",
            library::SHIPPED,
            "--example",
            "rerank",
        ];
        workload.median(step, &mut shell::cargo(paths, package))
    });
    let Some(core) = core else { return };
    let c = steps.run("mobile: re-rank in C", |step| {
        let program = c_program(paths, step, folder)?;
        workload.median(step, &mut shell::program(paths, program, [""; 0]))
    });
    let kotlin = match maven::find() {
        Some(_) => {
            steps.run("mobile: re-rank in Kotlin", |step| workload.median(step, &mut kotlin(paths, folder)))
        }
        None => {
            report.skip(
                "ffi_overhead_kotlin_us",
                &format!("there is no Maven; `{}` installs it", maven::INSTALL),
            );
            None
        }
    };
    for (key, median) in [("ffi_overhead_c_us", c), ("ffi_overhead_kotlin_us", kotlin)] {
        let overhead = median.map(|median| Figures::from_iter([(key.to_owned(), json!(median - core))]));
        report.add(&overhead.unwrap_or_default());
    }
}

fn c_program(paths: &Paths, step: &Step, folder: &Path) -> anyhow::Result<PathBuf> {
    let program = paths.cache.join("mobile/rerank");
    let mut command = shell::program(paths, "cc", ["-std=gnu11", "-O2", "-I"]);
    command.arg(paths.file("mobile-ffi/include")).arg("-o").arg(&program);
    command.arg(paths.file("mobile-ffi/c/bench/rerank.c")).arg(library::shared(folder));
    shell::run(step, command.arg(format!("-Wl,-rpath,{}", folder.display())))?;
    Ok(program)
}

fn kotlin(paths: &Paths, folder: &Path) -> Command {
    let mut command =
        maven::command(paths, &paths.file("mobile-ffi/kotlin"), &paths.cache.join("mobile/kotlin"));
    command.args([
        "--projects",
        "segue",
        "--also-make",
        "test-compile",
        "org.codehaus.mojo:exec-maven-plugin:3.5.0:java",
    ]);
    command.args(["-Dexec.mainClass=dev.segue.BenchKt", "-Dexec.classpathScope=test"]);
    command.arg(format!("-Dsegue.library={}", folder.display()));
    command.env("JAVA_TOOL_OPTIONS", format!("-Djna.library.path={}", folder.display()));
    command
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

    /// Runs a program that prints its median, in microseconds.
    fn median(&self, step: &Step, command: &mut Command) -> anyhow::Result<f64> {
        let text = |name: &str| self.told[name].as_str().unwrap_or_default().to_owned();
        command
            .env("SEGUE_ARTEFACTS", &self.folder)
            .env("SEGUE_ROOT", &self.root)
            .env("SEGUE_SURFACE", text("surface"))
            .env("SEGUE_SUBJECT", text("subject"))
            .env("SEGUE_START_MS", self.told["start_ms"].to_string());
        let value = shell::last_json(&shell::run(step, command)?)?;
        value["median_us"].as_f64().context("the program printed no median")
    }
}
