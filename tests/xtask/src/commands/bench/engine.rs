//! The engine on this machine's processor, and ONNX Runtime beside it.

use super::native::Native;
use super::report::Report;
use crate::paths::Paths;
use crate::steps::Steps;
use crate::tools::onnxruntime;

/// Builds with full optimisation and measures.
pub(super) fn measure(paths: &Paths, steps: &Steps, report: &mut Report) {
    let Some(native) = steps.run("engine: compile", |step| Native::build(paths, step)) else { return };
    let figures =
        steps.run("engine: measure", |step| native.figures(step, &mut native.command(paths, "engine")));
    report.add(&figures.unwrap_or_default());
    let figures = steps.run("engine: beside ONNX Runtime", |step| {
        let library = onnxruntime::ensure(paths, step)?;
        native.figures(step, native.command(paths, "peers").env(onnxruntime::VARIABLE, library))
    });
    report.add(&figures.unwrap_or_default());
}
