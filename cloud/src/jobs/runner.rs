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

/// The gauge that is 1 while a refresh runs.
const RUNNING: &str = "segue_refresh_running";

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

/// A refresh that the metric tells of, until this is dropped: whatever ends the refresh, nothing is told of it afterwards.
struct Told;

impl Told {
    fn begin() -> Self {
        metrics::gauge!(RUNNING).set(1.0);
        Self
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        metrics::gauge!(RUNNING).set(0.0);
    }
}

fn carry_out(jobs: &Jobs, data: &Path, tasks: &dyn TaskRunner, job: &Job, task: Task) {
    let told = (job.kind == Kind::Refresh).then(Told::begin);
    let stage = run(jobs, tasks, &job.job, task);
    // Before anybody hears of the end: who then looks at the metric sees it too.
    drop(told);
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
    use std::io;
    use std::sync::Mutex;

    use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

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

    fn running(metrics: &PrometheusHandle) -> Option<String> {
        let rendered = metrics.render();
        let value = rendered.lines().find_map(|line| line.strip_prefix("segue_refresh_running "));
        value.map(str::to_owned)
    }

    /// Begins nothing; notes what the metric says while it is asked what became of a task.
    #[derive(Debug)]
    struct Noting {
        becomes: Option<Outcome>,
        metrics: PrometheusHandle,
        noted: Mutex<Vec<Option<String>>>,
    }

    impl TaskRunner for Noting {
        fn submit(&self, _: &str, task: Task) -> io::Result<()> {
            if task.program.as_os_str() == "refused" { Err(io::Error::other("refused")) } else { Ok(()) }
        }

        fn outcome(&self, _: &str) -> io::Result<Option<Outcome>> {
            self.noted.lock().unwrap().push(running(&self.metrics));
            Ok(self.becomes.clone())
        }

        fn cancel(&self, _: &str) -> io::Result<()> {
            Ok(())
        }
    }

    /// What the metric says while a job runs that becomes this, and afterwards.
    fn told(kind: Kind, becomes: Option<Outcome>, program: &str) -> (Vec<Option<String>>, Option<String>) {
        let (data, jobs) = jobs();
        let recorder = PrometheusBuilder::new().build_recorder();
        let metrics = recorder.handle();
        let tasks = Noting { becomes, metrics: metrics.clone(), noted: Mutex::default() };
        let job = jobs.ask(kind, None).unwrap().unwrap();
        // The one that goes on ends with the service.
        jobs.close();
        metrics::with_local_recorder(&recorder, || {
            carry_out(&jobs, data.path(), &tasks, &job, Task::new(program));
        });
        (tasks.noted.into_inner().unwrap(), running(&metrics))
    }

    #[test]
    fn a_refresh_is_told_of_while_it_runs_and_not_after_any_end() {
        let (one, nought) = (Some("1".to_owned()), Some("0".to_owned()));
        let ends = [
            Some(Outcome::Succeeded),
            Some(Outcome::Failed("no disk".to_owned())),
            Some(Outcome::Cancelled),
            Some(Outcome::Running),
            None,
        ];
        for becomes in ends {
            let told = told(Kind::Refresh, becomes.clone(), "true");
            assert_eq!(told, (vec![one.clone()], nought.clone()), "{becomes:?}");
        }
        assert_eq!(told(Kind::Refresh, None, "refused"), (Vec::new(), nought));
        assert_eq!(told(Kind::Rollback, Some(Outcome::Succeeded), "true"), (vec![None], None));
    }
}
