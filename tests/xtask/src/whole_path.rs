//! The whole path, stage by stage: catalogue, refresh, serve, re-rank, evaluate.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::http;
use crate::paths::Paths;
use crate::server::Server;
use crate::shell;
use crate::stamp;
use crate::steps::Step;
use crate::tools::onnxruntime;

/// What decides the bytes of a generated catalogue besides its arguments.
const GENERATOR_SOURCES: [&str; 2] = ["cloud/src/commands/generate.rs", "cloud/src/catalog"];

/// Where a service keeps the events it received, inside its data folder.
const RECEIVED: &str = "received";

/// How long a demo's generation is shown again instead of being made anew.
const RECENT: Duration = Duration::from_secs(24 * 60 * 60);

/// The script that re-ranks a served pack with the WebAssembly engine under Node.
const RERANK_SCRIPT: &str = "tests/browser/bench/rerank-node.mjs";

/// The `segue` command with the library it needs.
#[derive(Debug, Clone)]
pub(crate) struct Segue {
    /// The executable.
    pub(crate) executable: PathBuf,
    /// ONNX Runtime's shared library.
    pub(crate) library: PathBuf,
}

/// The size and the seed of a generated catalogue.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct CatalogueSize {
    /// How many tracks the generated catalogue has.
    #[arg(long, default_value_t = 20_000, value_name = "N")]
    pub(crate) tracks: u64,
    /// How many users listen to it.
    #[arg(long, default_value_t = 2_000, value_name = "N")]
    pub(crate) users: u64,
    /// The seed of everything random in it.
    #[arg(long, default_value_t = 7, value_name = "N")]
    pub(crate) seed: u64,
}

impl Segue {
    /// `segue ARGUMENTS --data DATA`.
    pub(crate) fn command(&self, paths: &Paths, arguments: &[&str], data: &Path) -> Command {
        let mut command = shell::program(paths, &self.executable, arguments);
        command.arg("--data").arg(data).env(onnxruntime::VARIABLE, &self.library);
        command.env("SEGUE_PROGRESS_LINES", "1");
        command
    }

    /// A generated catalogue from the cache, made now when it is not there.
    ///
    /// # Errors
    /// When it cannot be generated.
    pub(crate) fn generated(
        &self,
        paths: &Paths,
        step: &Step,
        size: CatalogueSize,
    ) -> anyhow::Result<PathBuf> {
        let CatalogueSize { tracks, users, seed } = size;
        let sources = stamp::sources_hash(paths, &GENERATOR_SOURCES)?;
        let name = format!("{tracks}-{users}-{seed}-{}", &sources[..12]);
        let data = paths.cache.join("catalogues").join(name);
        let done = data.join(".segue-generated");
        if stamp::is_current(&done, &sources) {
            step.message("from the cache");
            return Ok(data);
        }
        if data.exists() {
            fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
        }
        let (tracks, users, seed) = (tracks.to_string(), users.to_string(), seed.to_string());
        let arguments = ["generate", "--tracks", &tracks, "--users", &users, "--seed", &seed];
        shell::run(step, &mut self.command(paths, &arguments, &data))?;
        stamp::write(&done, &sources)?;
        Ok(data)
    }

    /// Imports a data set; returns the report.
    ///
    /// # Errors
    /// When the import fails.
    pub(crate) fn import(
        &self,
        paths: &Paths,
        step: &Step,
        format: &str,
        source: &Path,
        data: &Path,
    ) -> anyhow::Result<Value> {
        let mut command = self.command(paths, &["import", format], data);
        shell::last_json(&shell::run(step, command.arg(source).arg("--json"))?)
    }

    /// Builds and publishes a generation; returns the report.
    ///
    /// # Errors
    /// When the refresh fails or its index is not good enough.
    pub(crate) fn refresh(&self, paths: &Paths, step: &Step, data: &Path) -> anyhow::Result<Value> {
        self.refresh_with(paths, step, data, &[])
    }

    /// Like [`Segue::refresh`], with further flags.
    ///
    /// # Errors
    /// When the refresh fails.
    pub(crate) fn refresh_with(
        &self,
        paths: &Paths,
        step: &Step,
        data: &Path,
        flags: &[&str],
    ) -> anyhow::Result<Value> {
        let mut command = self.command(paths, &["refresh", "--json"], data);
        command.args(flags);
        shell::last_json(&shell::run(step, &mut command)?)
    }

    /// Like [`Segue::refresh`], unless this very program refreshed `data` less than a day ago.
    ///
    /// # Errors
    /// When the refresh fails or its report cannot be kept.
    pub(crate) fn refreshed(&self, paths: &Paths, step: &Step, data: &Path) -> anyhow::Result<Value> {
        let kept = data.join(".segue-refreshed.json");
        let program = stamp::file_hash(&self.executable)?;
        let recent = || {
            let report: Value = serde_json::from_str(&fs::read_to_string(&kept).ok()?).ok()?;
            let fresh = kept.metadata().ok()?.modified().ok()?.elapsed().ok()? < RECENT;
            (fresh && report["program"] == program.as_str()).then_some(report)
        };
        if let Some(report) = recent() {
            step.message("the last one is recent");
            return Ok(report);
        }
        let mut report = self.refresh(paths, step, data)?;
        report["program"] = Value::from(program);
        stamp::write(&kept, &report.to_string())?;
        Ok(report)
    }

    /// Serves `data`, with the player when its folder is given.
    ///
    /// # Errors
    /// When the server does not get ready.
    pub(crate) fn serve(
        &self,
        paths: &Paths,
        step: &Step,
        data: &Path,
        player: Option<&Path>,
        port: u16,
    ) -> anyhow::Result<Server> {
        Server::start(step, self.serve_command(paths, data, player), port)
    }

    /// The command that serves `data`, without its address. It writes no training log beside what is measured.
    pub(crate) fn serve_command(&self, paths: &Paths, data: &Path, player: Option<&Path>) -> Command {
        let mut command = self.command(paths, &["serve"], data);
        if let Some(player) = player {
            command.arg("--player").arg(player);
        }
        command.env("SEGUE_SERVE_TRAINING_LOG_EVERY", "none");
        command
    }

    /// Replays held-out sessions with a model: a folder, `demo` or `none`; returns the report.
    ///
    /// # Errors
    /// When the evaluation fails.
    pub(crate) fn evaluate(
        &self,
        paths: &Paths,
        step: &Step,
        data: &Path,
        model: &Path,
        limit: u64,
    ) -> anyhow::Result<Value> {
        let report = data.join("evaluate.json");
        let mut command = self.command(paths, &["evaluate", "--scorer", "ort"], data);
        command.arg("--json").arg(&report).arg("--model").arg(model).arg("--limit").arg(limit.to_string());
        shell::run(step, &mut command)?;
        let text =
            fs::read_to_string(&report).with_context(|| format!("cannot read {}", report.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", report.display()))
    }
}

/// Serves what `data` holds, looks at every route a client uses and sends an event twice.
///
/// The server runs on a folder of its own that shares the data's files: the event must not reach the next refresh.
///
/// # Errors
/// Names the route whose answer is not the documented one.
pub(crate) fn probe(paths: &Paths, step: &Step, segue: &Segue, data: &Path) -> anyhow::Result<()> {
    let apart = paths.cache.join(format!("probe-{}", std::process::id()));
    share(data, &apart)
        .with_context(|| format!("cannot share {} with {}", data.display(), apart.display()))?;
    let probed = segue.serve(paths, step, &apart, None, 0).and_then(|server| routes(&server));
    fs::remove_dir_all(&apart).with_context(|| format!("cannot remove {}", apart.display()))?;
    probed
}

/// Makes `to` with the same files as `from`, but for the events that a service received.
///
/// # Errors
/// When a folder or link cannot be made.
pub(crate) fn share(from: &Path, to: &Path) -> std::io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, target) = (entry.file_name(), to.join(entry.file_name()));
        match entry.file_type()?.is_dir() {
            true if name == RECEIVED => {}
            true => share(&entry.path(), &target)?,
            false => fs::hard_link(entry.path(), target)?,
        }
    }
    Ok(())
}

fn routes(server: &Server) -> anyhow::Result<()> {
    expect(server, "/healthz", 200)?;
    let manifest = expect(server, "/api/v1/manifest", 200)?;
    if manifest.is_empty() {
        bail!("GET /api/v1/manifest has an empty body");
    }
    let users: Value = serde_json::from_slice(&expect(server, "/api/v1/users?limit=1", 200)?)?;
    // A shop may know nobody: then everyone gets the region's pack.
    let user = first_user(&users);
    for subject in [user.unwrap_or("region:all"), "region:all"] {
        if expect(server, &format!("/api/v1/packs/{subject}"), 200)?.is_empty() {
            bail!("the pack of {subject} is empty");
        }
    }
    expect(server, "/api/v1/packs/nobody-has-this-name", 404)?;
    expect(server, "/metrics", 200)?;
    post_twice(server, user.unwrap_or_default())?;
    refuse_the_first(server, user.unwrap_or_default())
}

/// An event that was acknowledged counts in the next list that the service makes.
fn refuse_the_first(server: &Server, user: &str) -> anyhow::Result<()> {
    let path = format!("/api/v1/recommendations?user={user}");
    let list = || -> anyhow::Result<Vec<String>> {
        let answer: Value = serde_json::from_slice(&expect(server, &path, 200)?)?;
        let items = answer["items"].as_array().into_iter().flatten();
        let items: Vec<String> = items.filter_map(|item| item["item"].as_str().map(str::to_owned)).collect();
        match answer["step"].as_str() {
            Some("live_ranker") if !items.is_empty() => Ok(items),
            step => bail!("GET {path} answered {} items by the step {step:?}", items.len()),
        }
    };
    let first = list()?.swap_remove(0);
    if user.is_empty() {
        return Ok(());
    }
    let now_ms = now_ms()?;
    let event = json!({
        "event_id": format!("refuse-{now_ms}-{}", std::process::id()), "user": user, "item": first,
        "kind": "dislike", "time_ms": now_ms
    });
    let answer =
        http::post_json(server.address, "/api/v1/events", &json!({ "events": [event] }).to_string())?;
    if answer.status != 202 || list()?.contains(&first) {
        bail!(
            "POST /api/v1/events answered {}; {first} was disliked and is still in GET {path}",
            answer.status
        );
    }
    Ok(())
}

fn now_ms() -> anyhow::Result<u64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    Ok(u64::try_from(now.as_millis())?)
}

fn expect(server: &Server, path: &str, status: u16) -> anyhow::Result<Vec<u8>> {
    let answer = http::get(server.address, path)?;
    if answer.status == status {
        return Ok(answer.body);
    }
    let body = String::from_utf8_lossy(&answer.body);
    bail!("GET {path} answered {}, expected {status}: {body}", answer.status)
}

/// The first of the users that `GET /api/v1/users` names.
fn first_user(answer: &Value) -> Option<&str> {
    answer["users"].get(0)?.as_str()
}

fn post_twice(server: &Server, user: &str) -> anyhow::Result<()> {
    let now_ms = now_ms()?;
    let event_id = format!("probe-{now_ms}-{}", std::process::id());
    let event = json!({
        "event_id": event_id, "user": user, "session": event_id, "item": "no-such-item", "kind": "skip",
        "time_ms": now_ms, "played_ms": 1000, "total_ms": 200_000
    });
    let body = json!({ "events": [event] }).to_string();
    for (accepted, duplicates) in [(1, 0), (0, 1)] {
        let answer = http::post_json(server.address, "/api/v1/events", &body)?;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        let counts: Value = serde_json::from_str(&text).unwrap_or_default();
        if answer.status != 202 || counts["accepted"] != accepted || counts["duplicates"] != duplicates {
            bail!(
                "POST /api/v1/events answered {} {text}, expected 202 with accepted {accepted}, duplicates {duplicates}",
                answer.status
            );
        }
    }
    Ok(())
}

/// Re-ranks a served pack with the WebAssembly engine under Node; returns the script's report.
///
/// # Errors
/// When the script fails: a pack is refused, an order does not change.
pub(crate) fn rerank_under_node(paths: &Paths, step: &Step, server: &Server) -> anyhow::Result<Value> {
    let mut command = shell::program(paths, "node", [RERANK_SCRIPT]);
    shell::last_json(&shell::run(step, command.env("SEGUE_URL", server.url()))?)
}

/// NDCG@10 of one row of an evaluation.
///
/// # Errors
/// When the report has no such row.
pub(crate) fn ndcg(report: &Value, method: &str) -> anyhow::Result<f64> {
    let rows = report["rows"].as_array().context("the evaluation has no rows")?;
    let row = rows.iter().find(|row| row["method"] == method);
    let value = row.and_then(|row| row["ndcg10"].as_f64());
    value.with_context(|| format!("the evaluation has no ndcg10 in a row `{method}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_found_by_its_method() {
        let report =
            json!({"rows": [{"method": "static", "ndcg10": 0.1}, {"method": "segue", "ndcg10": 0.2}]});
        assert_eq!(ndcg(&report, "segue").ok(), Some(0.2));
        assert!(ndcg(&report, "popular").is_err());
    }

    #[test]
    fn a_user_is_found_beside_the_surface() {
        assert_eq!(first_user(&json!({"surface": "radio", "users": ["u3", "u4"]})), Some("u3"));
        assert_eq!(first_user(&json!({"surface": "shop", "users": []})), None);
    }
}
