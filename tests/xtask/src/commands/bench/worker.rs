//! The edge worker on workerd, before a real cloud.

use anyhow::Context as _;

use super::report::Report;
use super::{Figures, cloud};
use crate::paths::Paths;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::whole_path::Segue;
use crate::worker::{self, MODEL, WORKER};

/// Builds what is deployed and measures it.
pub(super) fn measure(paths: &Paths, steps: &Steps, report: &mut Report) {
    let built = steps.run("worker: build", |step| worker::build(paths, step, &paths.file(MODEL)));
    let Some((segue, data)) = built.and_then(|()| cloud::prepare(paths, steps)) else { return };
    if steps.run("worker: refresh", |step| segue.refreshed(paths, step, &data)).is_none() {
        return;
    }
    let figures = steps.run("worker: measure", |step| figures(paths, step, &segue, &data));
    report.add(&figures.unwrap_or_default());
}

fn figures(paths: &Paths, step: &Step, segue: &Segue, data: &std::path::Path) -> anyhow::Result<Figures> {
    let server = segue.serve(paths, step, data, None, 0)?;
    let mut command = shell::program(paths, worker::node(paths), ["tests/support/bench.mjs"]);
    command.current_dir(paths.file(WORKER)).env("SEGUE_URL", server.url());
    let value = shell::last_json(&shell::run(step, &mut command)?)?;
    value.as_object().cloned().context("the worker's bench printed no JSON object")
}
