//! Packs by HTTP, beside the same bytes as nginx's static files.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::commands::bench::Figures;
use crate::http;
use crate::load::{Answers, Load, request};
use crate::paths::Paths;
use crate::server::Server;
use crate::steps::Step;
use crate::tools::nginx::Nginx;

/// How long one turn lasts, and how many turns each server has.
const TURN: Duration = Duration::from_secs(4);
const TURNS: usize = 5;
const CONNECTIONS: u64 = 16;
/// People whose packs are asked for, in turn.
const PEOPLE: usize = 200;

/// The packs of some people, as names and as files.
pub(super) struct Packs {
    people: Vec<String>,
    tags: Vec<String>,
    folder: PathBuf,
}

impl Packs {
    /// Asks `server` for each once: they are in its memory then, and in files for nginx.
    ///
    /// # Errors
    /// When one is not answered, or a file cannot be written.
    pub(super) fn warmed(paths: &Paths, server: &Server) -> anyhow::Result<Self> {
        let folder = paths.cache.join("bench-nginx");
        fs::create_dir_all(folder.join("files"))
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let (mut people, mut tags) = (super::people(server, PEOPLE)?, Vec::new());
        people.truncate(PEOPLE);
        for person in &people {
            let answer = http::get(server.address, &path(person))?;
            ensure!(answer.status == 200, "the pack of {person} was answered with {}", answer.status);
            tags.push(answer.header("etag").context("a pack has no ETag")?.to_owned());
            fs::write(folder.join("files").join(person), &answer.body)?;
        }
        Ok(Self { people, tags, folder })
    }

    /// The folder for nginx.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What one turn came to, whole packs or none that is newer.
    fn turn(
        &self,
        address: std::net::SocketAddr,
        asked: Asked,
        rate: Option<f64>,
    ) -> anyhow::Result<Answers> {
        let load = Load { address, per_second: rate, lasts: TURN, connections: CONNECTIONS };
        let status = if asked == Asked::Known { 304 } else { 200 };
        let answers = load.send(status, |number, bytes| {
            let at = usize::try_from(number).unwrap_or(0) % self.people.len();
            let person = &self.people[at];
            match asked {
                Asked::File => request(bytes, "GET", &format!("/{person}"), "", b""),
                Asked::Pack => request(bytes, "GET", &path(person), "", b""),
                Asked::Known => {
                    let known = format!("If-None-Match: {}\r\n", self.tags[at]);
                    request(bytes, "GET", &path(person), &known, b"");
                }
            }
        })?;
        answers.all_expected("packs")
    }

    /// The service and nginx in turns, then the service at half of what it can.
    ///
    /// # Errors
    /// When a request fails.
    pub(super) fn measure(
        &self,
        step: &Step,
        server: &Server,
        nginx: Option<&Nginx>,
    ) -> anyhow::Result<Figures> {
        let (mut ours, mut theirs, mut known) = (Vec::new(), Vec::new(), Vec::new());
        for turn in 0..TURNS {
            step.message(&format!("turn {} of {TURNS}", turn + 1));
            ours.push(self.turn(server.address, Asked::Pack, None)?.per_second());
            known.push(self.turn(server.address, Asked::Known, None)?.per_second());
            if let Some(nginx) = nginx {
                theirs.push(self.turn(nginx.address, Asked::File, None)?.per_second());
            }
        }
        let [ours, theirs, known] = [ours, theirs, known].map(super::median);
        let half = self.turn(server.address, Asked::Pack, ours.map(|rate| rate / 2.0))?;
        let over = |one: Option<f64>, other: Option<f64>| one.zip(other).map(|(one, other)| one / other);
        Ok(Figures::from_iter([
            ("pack_get_per_second".to_owned(), json!(ours)),
            ("pack_304_per_second".to_owned(), json!(known)),
            ("ratio_304_pack_get".to_owned(), json!(over(known, ours))),
            ("ratio_nginx_pack_get".to_owned(), json!(over(ours, theirs))),
            ("pack_get_p99_ms".to_owned(), Value::from(half.percentile(99.0))),
        ]))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// The service's pack.
    Pack,
    /// The service, by somebody who has it.
    Known,
    /// The file with the same bytes.
    File,
}

fn path(person: &str) -> String {
    format!("/api/v1/packs/user:{person}")
}
