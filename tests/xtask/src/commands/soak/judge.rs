//! Compares what was acknowledged with what the service exports.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::clients::Ledger;
use super::service::Service;
use super::strangers;
use crate::http;

/// What became of the acknowledged events.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Judged {
    acknowledged: usize,
    lost: usize,
    duplicated: usize,
}

impl Judged {
    /// Whether every event is there, once.
    pub(super) fn is_sound(&self) -> bool {
        self.acknowledged > 0 && self.lost == 0 && self.duplicated == 0
    }

    /// # Errors
    /// When an event was lost or counted twice; the folder is kept for whoever looks why.
    pub(super) fn check(&self, data: &Path) -> anyhow::Result<()> {
        match self.is_sound() {
            true => Ok(()),
            false => bail!("{self}; the service's data folder is {}", data.display()),
        }
    }

    /// Counts one person's events. An event that was never acknowledged may be there all the same, once.
    fn count(&mut self, acknowledged: &[String], exported: &HashMap<String, usize>) {
        self.acknowledged += acknowledged.len();
        self.lost += acknowledged.iter().filter(|id| !exported.contains_key(*id)).count();
        self.duplicated += exported.values().filter(|times| **times > 1).count();
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, lost, duplicated } = self;
        write!(formatter, "acknowledged={acknowledged} lost={lost} duplicated={duplicated}")
    }
}

/// Asks for the export of everybody in the ledger.
///
/// # Errors
/// When an export cannot be had or is not whole.
pub(super) fn compare(service: &Service<'_>, ledger: &Ledger) -> anyhow::Result<Judged> {
    let mut judged = Judged::default();
    for (person, ids) in &ledger.acknowledged {
        let path = format!("/api/v1/users/{person}");
        let answer = http::get_with(service.address, &path, &Service::authorization())?;
        if answer.status != 200 {
            bail!("GET {path} answered {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        judged.count(ids, &exported(&answer.body).with_context(|| format!("the export of {person}"))?);
    }
    Ok(judged)
}

/// Looks whether everybody who asked for it is forgotten.
///
/// # Errors
/// When somebody is not within a minute, or is exported all the same.
pub(super) fn are_forgotten(service: &Service<'_>, ledger: &Ledger) -> anyhow::Result<()> {
    let ends = Instant::now() + Duration::from_secs(60);
    for (person, receipt) in &ledger.forgotten {
        let receipt = match receipt {
            Some(receipt) => receipt.clone(),
            None => strangers::forget(service, person)?.context("the service does not answer")?,
        };
        let path = format!("/api/v1/erasures/{receipt}");
        loop {
            let answer = http::get_with(service.address, &path, &Service::authorization())?;
            let stage: Value = serde_json::from_slice(&answer.body)?;
            match stage["stage"].as_str() {
                Some("erased" | "gone") => break,
                Some("asked") if Instant::now() < ends => thread::sleep(Duration::from_millis(200)),
                _ => bail!("GET {path} answers {stage} for {person}"),
            }
        }
        let path = format!("/api/v1/users/{person}");
        let answer = http::get_with(service.address, &path, &Service::authorization())?;
        ensure!(answer.status == 410, "GET {path} answered {} for somebody who is forgotten", answer.status);
    }
    Ok(())
}

/// Looks whether what was counted between all those kills is what the log comes to, and the log tells of nobody who is
/// forgotten; the service has to be stopped.
///
/// # Errors
/// When it does not.
pub(super) fn look_into(service: &Service<'_>, ledger: &Ledger) -> anyhow::Result<()> {
    let (counted, replayed) = (service.counters(&[])?, service.counters(&["--replay"])?);
    ensure!(counted == replayed, "the counters are {counted}\nand a replay of the log comes to {replayed}");
    for entry in std::fs::read_dir(service.data.join("received"))? {
        let path = entry?.path();
        let text = std::fs::read(&path)?;
        let text = String::from_utf8_lossy(&text);
        let there = ledger.forgotten.iter().find(|(person, _)| text.contains(&format!("\"{person}\"")));
        ensure!(there.is_none(), "{} tells of {there:?}, who is forgotten", path.display());
    }
    Ok(())
}

/// How often each event is in an export.
fn exported(body: &[u8]) -> anyhow::Result<HashMap<String, usize>> {
    let mut times = HashMap::new();
    for (rows, line) in body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
        let line: Value = serde_json::from_slice(line)?;
        if let Some(whole) = line["rows"].as_u64() {
            return if whole == rows as u64 { Ok(times) } else { bail!("{rows} rows of {whole}") };
        }
        let row = &line["row"];
        if line["table"] != "received" {
            continue;
        }
        if let Some(id) = row["context"]["mark"].as_str().or(row["event_id"].as_str()) {
            *times.entry(id.to_owned()).or_default() += 1;
        }
    }
    bail!("it ends without its last line")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_lost_and_what_is_there_twice_is_duplicated() {
        let line = |id: &str| format!("{{\"table\":\"received\",\"row\":{{\"event_id\":\"{id}\"}}}}\n");
        let export =
            [line("a"), line("b"), line("b"), line("never acknowledged"), "{\"rows\":4}\n".into()].concat();
        let exported = exported(export.as_bytes()).expect("it is whole");
        let mut judged = Judged::default();
        judged.count(&["a".into(), "b".into(), "c".into()], &exported);
        assert_eq!(judged.to_string(), "acknowledged=3 lost=1 duplicated=1");
        assert!(!judged.is_sound());
    }

    #[test]
    fn an_export_that_was_cut_is_no_export() {
        assert!(exported(b"{\"table\":\"received\",\"row\":{\"event_id\":\"a\"}}\n").is_err());
        assert!(exported(b"{\"rows\":1}\n").is_err());
        assert!(exported(b"{\"rows\":0}\n").is_ok());
    }

    #[test]
    fn a_soak_that_acknowledged_nothing_proves_nothing() {
        assert!(!Judged::default().is_sound());
    }
}
