//! The thread that starts jobs and waits for them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::job::{Job, Kind, Stage};
use super::list::{Jobs, Next};
use crate::packs::PackStore;
use crate::stores::{Outcome, Task, TaskRunner};

/// How often a running job is looked at.
const LOOK: Duration = Duration::from_millis(250);

/// When refreshes are due by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timer {
    /// How long until the first one.
    pub first: Duration,
    /// How long after the end of a job until the next one.
    pub every: Duration,
}

/// The thread; dropping it ends a job that is running.
#[derive(Debug)]
pub struct Runner {
    jobs: Arc<Jobs>,
    thread: Option<JoinHandle<()>>,
}

impl Runner {
    /// Runs what is asked of `jobs` about data folder `data` on `tasks`, and refreshes when they are due; `task` says how a
    /// job is done.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        jobs: Arc<Jobs>,
        data: PathBuf,
        tasks: impl TaskRunner + 'static,
        timer: Option<Timer>,
        task: impl Fn(&Job) -> Task + Send + 'static,
    ) -> std::io::Result<Self> {
        let mine = Arc::clone(&jobs);
        let thread = std::thread::Builder::new().name("jobs".to_owned()).spawn(move || {
            let mut due = timer.map(|timer| Instant::now() + timer.first);
            loop {
                let job = match mine.next(due) {
                    Next::Close => return,
                    Next::Begin(job) => Some(job),
                    Next::Due => mine.begin_due().unwrap_or_else(|error| {
                        tracing::error!("a refresh that was due was not begun: {error:#}");
                        None
                    }),
                };
                if let Some(job) = job {
                    carry_out(&mine, &data, &tasks, &job, task(&job));
                }
                due = timer.map(|timer| Instant::now() + timer.every);
            }
        })?;
        Ok(Self { jobs, thread: Some(thread) })
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.jobs.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of refreshes panicked");
        }
    }
}

fn carry_out(jobs: &Jobs, data: &Path, tasks: &dyn TaskRunner, job: &Job, task: Task) {
    let stage = run(jobs, tasks, &job.job, task);
    if job.kind == Kind::Refresh {
        metrics::counter!("segue_refresh_runs_total", "result" => stage.name()).increment(1);
    }
    let generation = match stage {
        Stage::Succeeded => PackStore::new(data).current().ok().flatten(),
        _ => None,
    };
    jobs.end(stage, generation);
}

fn run(jobs: &Jobs, tasks: &dyn TaskRunner, name: &str, task: Task) -> Stage {
    if let Err(error) = tasks.submit(name, task) {
        tracing::error!(%error, "the job could not be started");
        return Stage::Failed;
    }
    loop {
        match tasks.outcome(name) {
            Ok(Some(Outcome::Running)) => {}
            Ok(Some(Outcome::Succeeded)) => return Stage::Succeeded,
            Ok(Some(Outcome::Failed(why))) => {
                tracing::error!(%why, "the job failed; the generation before it stays served");
                return Stage::Failed;
            }
            Ok(Some(Outcome::Cancelled)) => return Stage::Stopped,
            Ok(None) => {
                tracing::error!("nobody knows what became of the job");
                return Stage::Failed;
            }
            Err(error) => tracing::error!(%error, "the job cannot be watched"),
        }
        if jobs.is_closed_within(LOOK) {
            // What it had not published is cleared by the next run.
            if let Err(error) = tasks.cancel(name) {
                tracing::error!(%error, "the job could not be ended");
            }
            return Stage::Stopped;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::Processes;

    fn jobs() -> (tempfile::TempDir, Arc<Jobs>) {
        let data = tempfile::tempdir().unwrap();
        let jobs = Arc::new(Jobs::open(data.path()));
        (data, jobs)
    }

    fn ended(jobs: &Jobs) -> Job {
        let begun = Instant::now();
        loop {
            match jobs.all().into_iter().next().filter(|job| job.stage != Stage::Running) {
                Some(job) => return job,
                None => assert!(begun.elapsed() < Duration::from_secs(60), "no job ended"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_job_that_is_running_ends_with_the_service() {
        let (data, jobs) = jobs();
        let folder = data.path().to_owned();
        let task = |_: &Job| Task::new("sleep").with(["600"]);
        let runner = Runner::start(Arc::clone(&jobs), folder, Processes::default(), None, task);
        jobs.ask(Kind::Refresh, None).unwrap().unwrap();
        drop(runner.unwrap());
        let left = Jobs::open(data.path()).all();
        assert_eq!((left.len(), left[0].stage), (1, Stage::Stopped));
    }

    #[test]
    fn what_became_of_a_job_is_told_apart() {
        for (program, stage) in
            [("true", Stage::Succeeded), ("false", Stage::Failed), ("/does/not/exist", Stage::Failed)]
        {
            let (data, jobs) = jobs();
            let (folder, task) = (data.path().to_owned(), move |_: &Job| Task::new(program));
            let started = Runner::start(Arc::clone(&jobs), folder, Processes::default(), None, task);
            let _runner = started.unwrap();
            jobs.ask(Kind::Rollback, Some(1)).unwrap().unwrap();
            assert_eq!(ended(&jobs).stage, stage);
        }
    }

    #[test]
    fn a_refresh_is_begun_by_itself_when_it_is_due() {
        let (data, jobs) = jobs();
        let timer = Timer { first: Duration::ZERO, every: Duration::from_secs(600) };
        let folder = data.path().to_owned();
        let task = |job: &Job| Task::new(if job.kind == Kind::Refresh { "true" } else { "false" });
        let started = Runner::start(Arc::clone(&jobs), folder, Processes::default(), Some(timer), task);
        let _runner = started.unwrap();
        assert_eq!((ended(&jobs).stage, jobs.all().len()), (Stage::Succeeded, 1));
    }
}
