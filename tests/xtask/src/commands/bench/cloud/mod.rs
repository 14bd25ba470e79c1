//! Import, refresh, and the service under load.

mod choice;
mod events;
mod lists;
mod million;
mod on_demand;
mod packs;
mod people;
mod reading;
mod retrieval;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::Figures;
use super::report::Report;
use crate::http;
use crate::paths::Paths;
use crate::server::Server;
use crate::shell;
use crate::steps::{Step, Steps};
use crate::tools::nginx::{self, Nginx};
use crate::tools::onnxruntime;
use crate::whole_path::{self, CatalogueSize, Segue};
pub(super) use choice::Choice;

/// The demo's catalogue.
const SIZE: CatalogueSize = CatalogueSize { tracks: 20_000, users: 2_000, seed: 7 };

/// What the service tells of its getting ready for packs on demand: 0 until it is.
const READY: &str = "segue_on_demand_prepare_seconds";
/// How long it may take for that, and between two looks.
const READY_LIMIT: Duration = Duration::from_secs(600);
const READY_PAUSE: Duration = Duration::from_millis(200);

/// Builds with full optimisation and measures what was chosen.
pub(super) fn measure(paths: &Paths, steps: &Steps, report: &mut Report, choice: &Choice<'_>) {
    choice.skip_others(report);
    let Some((segue, data)) = prepare(paths, steps) else { return };
    report.add(&figures(paths, steps, choice, &segue, &data));
    if choice.takes(choice::RETRIEVAL) {
        let retrieval = steps.run(choice::RETRIEVAL, |step| retrieval::measure(paths, step));
        let retrieval = retrieval.unwrap_or_default();
        skip_card(report, &retrieval);
        report.add(&retrieval);
    }
    if choice.takes(choice::INDEX) {
        report.add(&steps.run(choice::INDEX, |step| retrieval::memory(paths, step)).unwrap_or_default());
    }
    if choice.takes(choice::PEOPLE) {
        let people = (choice::PEOPLE, people::RATIO, people::SKIPPED);
        where_asked_for(steps, report, choice.all, people, |step| {
            people::measure(paths, step, &segue, &data)
        });
    }
    if choice.takes(choice::READING) {
        reading(paths, steps, report, &segue, &data);
    }
    if choice.takes(choice::NEWCOMERS) {
        newcomers(paths, steps, report, &segue, &data);
    }
    if choice.takes_service() {
        let apart = paths.cache.join("bench-service");
        serve(paths, steps, report, choice, &segue, &data, &apart);
        // Gigabytes of events.
        let _ = fs::remove_dir_all(&apart);
    }
    // The last one: it builds the program anew.
    if choice.takes(choice::MILLION) {
        let is_asked_for = choice.all && cfg!(target_os = "linux");
        let million = (choice::MILLION, million::PEAK, million::SKIPPED);
        where_asked_for(steps, report, is_asked_for, million, |step| {
            million::measure(paths, step, &segue, &data)
        });
    }
}

/// The figure of a step that takes long, where that is asked for.
fn where_asked_for(
    steps: &Steps,
    report: &mut Report,
    is_asked_for: bool,
    (step, key, skipped): (&str, &str, &str),
    measure: impl FnOnce(&Step) -> anyhow::Result<Value>,
) {
    if is_asked_for {
        let value = steps.run(step, measure);
        report.add(&value.map(|value| (key.to_owned(), value)).into_iter().collect());
    } else {
        report.skip(key, skipped);
    }
}

/// Notes of what is measured on a graphics card alone, where there is none.
fn skip_card(report: &mut Report, figures: &Figures) {
    let why = "there is no card that ONNX Runtime can use; ORT_DYLIB_PATH has to name a library for CUDA";
    let missing = retrieval::CARD.iter().filter(|(key, _)| figures.get(*key).is_none_or(Value::is_null));
    missing.for_each(|(key, _)| report.skip(key, why));
}

/// What a refresh reads of the log, on a folder of its own.
fn reading(paths: &Paths, steps: &Steps, report: &mut Report, segue: &Segue, data: &Path) {
    let apart = paths.cache.join("bench-reading");
    let rate = steps.run(choice::READING, |step| {
        share(data, &apart)?;
        reading::measure(paths, step, segue, &apart)
    });
    report.add(&rate.map(|rate| (reading::RATE.to_owned(), rate)).into_iter().collect());
    // Hundreds of megabytes of events.
    let _ = fs::remove_dir_all(&apart);
}

/// What comes between two refreshes, on a folder of its own.
fn newcomers(paths: &Paths, steps: &Steps, report: &mut Report, segue: &Segue, data: &Path) {
    let apart = paths.cache.join("bench-newcomers");
    let figures = steps.run(choice::NEWCOMERS, |step| {
        share(data, &apart)?;
        let mut command = segue.serve_command(paths, &apart, None);
        command.env("SEGUE_SERVICE_KEYS", on_demand::KEY);
        on_demand::measure(step, &Server::start(step, command, 0)?)
    });
    report.add(&figures.unwrap_or_default());
    let _ = fs::remove_dir_all(&apart);
}

/// The service on a folder of its own that shares the data's files: what is measured must not reach the next refresh.
fn serve(
    paths: &Paths,
    steps: &Steps,
    report: &mut Report,
    choice: &Choice<'_>,
    segue: &Segue,
    data: &Path,
    apart: &Path,
) {
    let server = steps.run("cloud: serve", |step| {
        share(data, apart)?;
        let server = segue.serve(paths, step, apart, None, 0)?;
        settle(step, &server)?;
        Ok(server)
    });
    let Some(server) = server else { return };
    if choice.takes(choice::PACKS) {
        packs(paths, steps, report, &server);
    }
    if choice.takes(choice::LISTS) {
        report.add(&steps.run(choice::LISTS, |step| lists::measure(step, &server)).unwrap_or_default());
    }
    if choice.takes(choice::EVENTS) {
        report.add(&steps.run(choice::EVENTS, |step| events::measure(step, &server)).unwrap_or_default());
    }
}

/// Makes `apart` anew: a folder that shares the files of `data`.
///
/// # Errors
/// When it cannot be made.
fn share(data: &Path, apart: &Path) -> anyhow::Result<()> {
    let _ = fs::remove_dir_all(apart);
    whole_path::share(data, apart)
        .with_context(|| format!("cannot share {} with {}", data.display(), apart.display()))
}

/// Waits until the service has got ready for packs on demand: it takes all cores for that right after its start.
///
/// # Errors
/// When it does not get ready.
fn settle(step: &Step, server: &Server) -> anyhow::Result<()> {
    step.message("getting ready for packs on demand");
    let begun = Instant::now();
    while !is_settled(&http::get(server.address, "/metrics")?.body) {
        if begun.elapsed() >= READY_LIMIT {
            bail!("{READY} is 0 after {} s: the service did not get ready", READY_LIMIT.as_secs());
        }
        std::thread::sleep(READY_PAUSE);
    }
    Ok(())
}

/// Whether the metrics say so.
fn is_settled(metrics: &[u8]) -> bool {
    let text = String::from_utf8_lossy(metrics);
    let mut values = text.lines().filter_map(|line| line.strip_prefix(READY)?.strip_prefix(' '));
    values.any(|value| value.trim().parse::<f64>().is_ok_and(|seconds| seconds > 0.0))
}

/// Packs, beside nginx where there is one.
fn packs(paths: &Paths, steps: &Steps, report: &mut Report, server: &Server) {
    let nginx = steps.run("cloud: nginx", |step| nginx::ensure(paths, step)) == Some(true);
    if !nginx {
        report.skip("ratio_nginx_pack_get", &format!("there is no nginx; `{}` installs it", nginx::INSTALL));
    }
    let packs = steps.run(choice::PACKS, |step| {
        let packs = packs::Packs::warmed(paths, server)?;
        let nginx = if nginx { Some(Nginx::start(packs.folder())?) } else { None };
        packs.measure(step, server, nginx.as_ref())
    });
    report.add(&packs.unwrap_or_default());
}

/// Names of people who have packs.
fn people(server: &Server, count: usize) -> anyhow::Result<Vec<String>> {
    let answer = http::get(server.address, &format!("/api/v1/users?limit={count}"))?;
    let answer: Value = serde_json::from_slice(&answer.body)?;
    let names = answer["users"].as_array().into_iter().flatten();
    let names: Vec<String> = names.filter_map(|name| name.as_str().map(str::to_owned)).collect();
    if names.is_empty() {
        bail!("the service knows nobody: {answer}");
    }
    Ok(names)
}

/// The middle of the values.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// The release build of `segue` and the demo's catalogue.
pub(super) fn prepare(paths: &Paths, steps: &Steps) -> Option<(Segue, PathBuf)> {
    let library = steps.run("ONNX Runtime", |step| onnxruntime::ensure(paths, step))?;
    let executable = steps.run("cloud: compile", |step| build(paths, step))?;
    let segue = Segue { executable, library };
    let data = steps.run("cloud: generate", |step| segue.generated(paths, step, SIZE))?;
    Some((segue, data))
}

/// Import and refresh. What the service hands out has to be there for what is measured of it.
fn figures(paths: &Paths, steps: &Steps, choice: &Choice<'_>, segue: &Segue, data: &Path) -> Figures {
    let mut figures = Figures::new();
    if choice.takes(choice::IMPORT)
        && let Some(rate) = steps.run(choice::IMPORT, |step| import(paths, step, segue, data))
    {
        figures.insert("import_rows_per_second".to_owned(), rate);
    }
    if choice.takes(choice::REFRESH) {
        if let Some(report) = steps.run(choice::REFRESH, |step| segue.refresh(paths, step, data)) {
            figures.insert("refresh_users_per_second".to_owned(), report["refresh_users_per_second"].clone());
        }
    } else if choice.takes_generation() {
        steps.run("cloud: generation", |step| segue.refreshed(paths, step, data));
    }
    figures
}

fn build(paths: &Paths, step: &Step) -> anyhow::Result<PathBuf> {
    let features = ["--no-default-features", "--features", "ranker"];
    let arguments =
        ["build", "--locked", "--release", "--package", "segue-cloud"].into_iter().chain(features);
    shell::run(step, &mut shell::cargo(paths, arguments))?;
    Ok(paths.executable("release", "segue"))
}

/// Rows of all four tables read and stored again in a second, as JSON Lines.
fn import(paths: &Paths, step: &Step, segue: &Segue, source: &Path) -> anyhow::Result<Value> {
    let data = paths.cache.join("bench-import");
    if data.exists() {
        fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
    }
    let started = Instant::now();
    let report = segue.import(paths, step, "jsonl", source, &data)?;
    let seconds = started.elapsed().as_secs_f64();
    let rows = report["rows"].as_u64().unwrap_or(0);
    if rows == 0 {
        bail!("the import read no row: {report}");
    }
    Ok(json!((rows as f64 / seconds).round()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_has_settled_once_it_tells_how_long_it_took_to_get_ready() {
        let told =
            |value: &str| is_settled(format!("# TYPE {READY} gauge\n{READY} {value}\nother 1\n").as_bytes());
        assert_eq!(["0", "12.5", "nonsense"].map(told), [false, true, false]);
        assert!(!is_settled(b"segue_generation 1\n"));
    }
}
