//! What was asked for, and what became of it.

use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::job::{Job, Kind, Stage};
use crate::clock::now_ms;
use crate::stores::{FolderValues, KeyValue};

/// Jobs remembered; the oldest go first.
const REMEMBERED: usize = 50;

/// The key of the list.
const LIST: &str = "refresh/jobs.json";

/// The jobs of one data folder, in memory and in `D/refresh/jobs.json`.
#[derive(Debug)]
pub struct Jobs {
    values: Box<dyn KeyValue>,
    known: Mutex<Known>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Known {
    /// The oldest first.
    jobs: Vec<Job>,
    /// The last one has not been begun.
    is_waiting: bool,
    /// No more are begun.
    is_closed: bool,
}

impl Known {
    fn under_way(&self) -> Option<&Job> {
        self.jobs.last().filter(|job| job.stage == Stage::Running)
    }
}

/// What a runner is to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// This one was asked for.
    Begin(Job),
    /// The time is up.
    Due,
    /// End.
    Close,
}

impl Jobs {
    /// Those of data folder `data`; one that was under way ended with the service that ran it. A list that cannot be read
    /// keeps no service from starting: it begins anew.
    #[must_use]
    pub fn open(data: &Path) -> Self {
        let values = Box::new(FolderValues::new(data));
        let mut jobs = read(&*values).unwrap_or_else(|error| {
            tracing::error!("earlier refreshes and rollbacks are not known any more: {error:#}");
            Vec::new()
        });
        for job in jobs.iter_mut().filter(|job| job.stage == Stage::Running) {
            job.stage = Stage::Stopped;
        }
        let known = Mutex::new(Known { jobs, ..Known::default() });
        Self { values, known, changed: Condvar::new() }
    }

    /// The job of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<Job> {
        self.known().jobs.iter().find(|job| job.job == name).cloned()
    }

    /// Every job that is remembered, the newest first.
    #[must_use]
    pub fn all(&self) -> Vec<Job> {
        self.known().jobs.iter().rev().cloned().collect()
    }

    /// Asks for a job, which is begun at once; none where another is under way, which is answered as the error within.
    ///
    /// # Errors
    /// When it cannot be noted; nothing has happened then.
    pub fn ask(&self, kind: Kind, to: Option<u64>) -> anyhow::Result<Result<Job, Job>> {
        let mut known = self.known();
        if let Some(job) = known.under_way() {
            return Ok(Err(job.clone()));
        }
        let job = self.begin(&mut known, kind, to)?;
        known.is_waiting = true;
        self.changed.notify_all();
        Ok(Ok(job))
    }

    /// Notes a job that is due; none where another was asked for meanwhile.
    pub(super) fn begin_due(&self) -> anyhow::Result<Option<Job>> {
        let mut known = self.known();
        match known.under_way() {
            Some(_) => Ok(None),
            None => self.begin(&mut known, Kind::Refresh, None).map(Some),
        }
    }

    fn begin(&self, known: &mut Known, kind: Kind, to: Option<u64>) -> anyhow::Result<Job> {
        // Never the name of the one before, though the clock was set back.
        let after = known.jobs.last().map_or(0, |job| job.asked_ms.saturating_add(1));
        let asked_ms = now_ms().max(after);
        let name = format!("{}-{asked_ms}", kind.name());
        let job =
            Job { job: name, kind, stage: Stage::Running, asked_ms, ended_ms: None, to, generation: None };
        let mut jobs = known.jobs.clone();
        jobs.push(job.clone());
        jobs.drain(..jobs.len().saturating_sub(REMEMBERED));
        self.write(&jobs)?;
        known.jobs = jobs;
        Ok(job)
    }

    /// Waits for a job that is asked for, until `due`.
    pub(super) fn next(&self, due: Option<Instant>) -> Next {
        let mut known = self.known();
        loop {
            if known.is_closed {
                return Next::Close;
            }
            if std::mem::take(&mut known.is_waiting)
                && let Some(job) = known.under_way()
            {
                return Next::Begin(job.clone());
            }
            let left = due.map(|due| due.saturating_duration_since(Instant::now()));
            known = match left {
                Some(Duration::ZERO) => return Next::Due,
                Some(left) => {
                    self.changed.wait_timeout(known, left).unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(known).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Waits for `time`, or until no more are to be begun; tells whether that is so.
    pub(super) fn is_closed_within(&self, time: Duration) -> bool {
        let known = self.known();
        let waited = self.changed.wait_timeout_while(known, time, |known| !known.is_closed);
        waited.unwrap_or_else(PoisonError::into_inner).0.is_closed
    }

    /// Notes what became of the job that is under way.
    pub(super) fn end(&self, stage: Stage, generation: Option<u64>) {
        let mut known = self.known();
        if let Some(job) = known.jobs.last_mut().filter(|job| job.stage == Stage::Running) {
            (job.stage, job.generation, job.ended_ms) = (stage, generation, Some(now_ms()));
        }
        if let Err(error) = self.write(&known.jobs) {
            tracing::error!("what became of a job could not be written: {error:#}");
        }
    }

    /// Begins no more.
    pub(super) fn close(&self) {
        self.known().is_closed = true;
        self.changed.notify_all();
    }

    fn write(&self, jobs: &[Job]) -> anyhow::Result<()> {
        let text = serde_json::to_vec_pretty(jobs)?;
        self.values.put(LIST, &text).with_context(|| format!("cannot write {}", self.values.place(LIST)))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(values: &dyn KeyValue) -> anyhow::Result<Vec<Job>> {
    let place = values.place(LIST);
    let text = values.get(LIST).with_context(|| format!("cannot read {place}"))?;
    let Some(text) = text else { return Ok(Vec::new()) };
    serde_json::from_slice(&text).with_context(|| format!("{place} is damaged"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_job_is_under_way_at_a_time_and_names_differ() {
        let data = tempfile::tempdir().unwrap();
        let jobs = Jobs::open(data.path());
        let first = jobs.ask(Kind::Refresh, None).unwrap().unwrap();
        assert_eq!(jobs.ask(Kind::Rollback, None).unwrap(), Err(first.clone()));
        assert_eq!(jobs.begin_due().unwrap(), None);
        assert_eq!(jobs.next(None), Next::Begin(first.clone()));
        jobs.end(Stage::Failed, None);
        let second = jobs.ask(Kind::Refresh, None).unwrap().unwrap();
        assert_ne!(first.job, second.job);
        assert_eq!(jobs.find(&first.job).unwrap().stage, Stage::Failed);
    }

    #[test]
    fn what_became_of_jobs_is_known_after_a_restart_and_what_was_under_way_has_stopped() {
        let data = tempfile::tempdir().unwrap();
        let jobs = Jobs::open(data.path());
        for generation in 0..REMEMBERED as u64 {
            jobs.ask(Kind::Refresh, None).unwrap().unwrap();
            jobs.end(Stage::Succeeded, Some(generation));
        }
        let last = jobs.ask(Kind::Rollback, Some(1)).unwrap().unwrap();
        let again = Jobs::open(data.path());
        let all = again.all();
        assert_eq!((all.len(), &all[0].job, all[0].stage), (REMEMBERED, &last.job, Stage::Stopped));
        assert_eq!((all[1].generation, all[0].to), (Some(REMEMBERED as u64 - 1), Some(1)));
        assert!(again.ask(Kind::Refresh, None).unwrap().is_ok());
    }
}
