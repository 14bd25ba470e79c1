//! The thread that makes runs: nothing is sorted, merged or let go of on the writer's, where clients wait.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::part::{Part, Set};
use super::run::{self, Run};

/// What a run is made of.
#[derive(Debug)]
pub(super) enum Source {
    Set(Arc<Set>),
    Runs(Vec<Arc<Run>>),
}

/// A run to make.
#[derive(Debug)]
pub(super) struct Order {
    /// The parts whose place it takes.
    pub(super) numbers: Vec<u64>,
    pub(super) tier: u32,
    pub(super) source: Source,
}

/// What became of an order.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) numbers: Vec<u64>,
    pub(super) tier: u32,
    pub(super) run: io::Result<Run>,
}

#[derive(Debug)]
enum Job {
    Make(Order),
    /// Gigabytes of memory, or of a file, are not given back in a moment.
    LetGo(Vec<Part>),
}

/// Has runs made. The thread begins with the first order and ends when this is dropped.
#[derive(Debug)]
pub(super) struct Maker {
    folder: PathBuf,
    thread: Option<Thread>,
}

#[derive(Debug)]
struct Thread {
    jobs: Sender<Job>,
    made: Receiver<Made>,
    stop: Arc<AtomicBool>,
    handle: JoinHandle<()>,
}

impl Maker {
    /// Whose runs lie in `folder`.
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, thread: None }
    }

    /// Has a run made; false where no thread can be had for it.
    pub(super) fn make(&mut self, order: Order) -> bool {
        if self.thread.is_none() {
            self.thread = begin(self.folder.clone());
        }
        self.send(Job::Make(order))
    }

    /// Lets go of parts.
    pub(super) fn let_go(&self, parts: Vec<Part>) {
        if !parts.is_empty() {
            self.send(Job::LetGo(parts));
        }
    }

    /// What is made by now and was not told yet.
    pub(super) fn made(&self) -> Option<Made> {
        self.thread.as_ref()?.made.try_recv().ok()
    }

    /// What is made next; only to be called where something was ordered.
    pub(super) fn wait(&self) -> Option<Made> {
        self.thread.as_ref()?.made.recv().ok()
    }

    fn send(&self, job: Job) -> bool {
        self.thread.as_ref().is_some_and(|thread| thread.jobs.send(job).is_ok())
    }
}

impl Drop for Maker {
    fn drop(&mut self) {
        if let Some(Thread { jobs, stop, handle, .. }) = self.thread.take() {
            stop.store(true, Ordering::Relaxed);
            drop(jobs);
            if handle.join().is_err() {
                tracing::error!("the thread of the event ids panicked");
            }
        }
    }
}

fn begin(folder: PathBuf) -> Option<Thread> {
    let ((jobs, orders), (answers, made)) = (channel(), channel());
    let stop = Arc::new(AtomicBool::new(false));
    let bench = Bench { folder, jobs: orders, made: answers, stop: Arc::clone(&stop) };
    let handle = std::thread::Builder::new().name("events-ids".to_owned()).spawn(move || bench.work());
    let handle = handle.inspect_err(|error| tracing::warn!(%error, "no thread for the event ids")).ok()?;
    Some(Thread { jobs, made, stop, handle })
}

/// What the thread works with.
struct Bench {
    folder: PathBuf,
    jobs: Receiver<Job>,
    made: Sender<Made>,
    stop: Arc<AtomicBool>,
}

impl Bench {
    fn work(&self) {
        while let Ok(job) = self.jobs.recv() {
            self.carry_out(job);
        }
    }

    fn carry_out(&self, job: Job) {
        match job {
            // What was ordered and is not begun is of no use any more.
            _ if self.stop.load(Ordering::Relaxed) => {}
            Job::Make(order) => self.make(order),
            Job::LetGo(parts) => drop(parts),
        }
    }

    fn make(&self, Order { numbers, tier, source }: Order) {
        let run = catch_unwind(AssertUnwindSafe(|| self.run_of(&source)));
        // An order without an answer would be waited for.
        let run = run.unwrap_or_else(|_| Err(io::Error::other("the thread panicked")));
        // Nobody to answer is there when it is to stop.
        let _ = self.made.send(Made { numbers, tier, run });
    }

    fn run_of(&self, source: &Source) -> io::Result<Run> {
        match source {
            Source::Set(set) => run::write(&self.folder, set),
            Source::Runs(runs) => run::merge(&self.folder, runs, &|| self.pause()),
        }
    }

    /// A merge takes minutes, in which sets are written all the same: memory holds them until then.
    fn pause(&self) -> io::Result<()> {
        while let Ok(job) = self.jobs.try_recv() {
            self.carry_out(job);
        }
        match self.stop.load(Ordering::Relaxed) {
            true => Err(io::ErrorKind::Interrupted.into()),
            false => Ok(()),
        }
    }
}
