//! What is wrong with a data folder and the service on it, in words, and what to do about it.
//!
//! Nothing is changed by looking. Each part of the folder has its own file here; `docs/OPERATIONS.md` lists every finding,
//! and a test makes each fault.

mod disk;
mod finding;
mod generation;
mod keys;
mod log;
mod model;
mod service;
mod status;
mod training;

use std::path::PathBuf;

use crate::clock::now_ms;
use crate::config::Settings;

pub use finding::{Code, Finding, Severity};
pub use service::{Answers, ask, knock};
pub use status::Status;

/// What is looked at.
#[derive(Debug, Clone)]
pub struct Examined {
    /// The data folder.
    pub data: PathBuf,
    /// The clock, in milliseconds since 1970.
    pub now_ms: i64,
    /// After so long without another generation the refresh is late, in milliseconds.
    pub late_ms: i64,
    /// The training log is late where the newest hour that it has ended so long ago, in milliseconds; it is not looked at
    /// where the service does not write it.
    pub training_late_ms: Option<i64>,
    /// Where the service should answer, `127.0.0.1:8787`, or `https://127.0.0.1:8787` where it speaks TLS; it is not looked
    /// for without it.
    pub service: Option<String>,
    /// The file with the certificate that the service has to show over TLS, or with its authority's.
    pub trusted: Option<PathBuf>,
    /// The file that `ORT_DYLIB_PATH` names.
    pub runtime: Option<PathBuf>,
}

impl Examined {
    /// What the settings name, as of now.
    ///
    /// # Errors
    /// When no data folder is named.
    pub fn of(settings: &Settings) -> anyhow::Result<Self> {
        Ok(Self {
            data: settings.data()?.to_owned(),
            now_ms: now_ms(),
            late_ms: i64::try_from(2 * settings.serve.refresh_period().as_millis()).unwrap_or(i64::MAX),
            training_late_ms: settings.serve.training_log_every.map(training::late_ms),
            service: Some(settings.serve.address(&settings.serve.listen)),
            trusted: settings.serve.tls_certificate_file.clone(),
            runtime: std::env::var_os(crate::onnx::LIBRARY).map(PathBuf::from),
        })
    }
}

/// Everything that is wrong, the worst first.
#[must_use]
pub fn examine(examined: &Examined) -> Vec<Finding> {
    let mut findings = disk::examine(examined);
    if findings.iter().all(|finding| finding.code != Code::DataMissing) {
        findings.extend(keys::examine(examined));
        findings.extend(generation::examine(examined));
        findings.extend(log::examine(examined));
        findings.extend(training::examine(examined));
        findings.extend(model::examine(examined));
        findings.extend(service::examine(examined));
    }
    findings.sort_by_key(|finding| finding.code.severity());
    findings
}

#[cfg(test)]
mod tests;
