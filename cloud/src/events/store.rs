//! The store as the service uses it: many requests, one writer thread, one sync for all that wait.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, mpsc, oneshot};

use super::disk::{Disk, FolderDisk};
use super::erase::{Rest, erase_settled};
use super::error::StoreError;
use super::ledger::{Counted, Ledger, Row};
use super::validate::Batch;
use crate::clock::now_ms;
use crate::erasure::Erased;
use crate::lock::FileLock;
use crate::stores::LogEraser;

/// How much the store holds and waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of events that may wait in memory; more are refused with [`StoreError::Busy`].
    pub waiting_bytes: usize,
    /// Bytes after which a new segment is begun.
    pub segment_bytes: u64,
    /// How long an event's id is known at least; the last million are in any case.
    pub dedup_window: Duration,
    /// Ids of events that are known at most; more events are refused with [`StoreError::Full`] until the oldest ids go, after a
    /// window. The latest million lie in memory; of each of the others 16 bytes lie on the disk and about two in memory, up to twice
    /// as many while they are merged.
    pub dedup_ids: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            waiting_bytes: 32 << 20,
            segment_bytes: 64 << 20,
            dedup_window: Duration::from_secs(24 * 3_600),
            dedup_ids: 1_000_000_000,
        }
    }
}

/// What became of a batch; everything accepted is on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Events that were new.
    pub accepted: u64,
    /// Events whose id was stored before, or came twice in the batch.
    pub duplicates: u64,
    /// Places of the new ones in the batch, ascending.
    pub fresh: Vec<usize>,
    /// When they came, in milliseconds since 1970.
    pub received_ms: i64,
}

/// The durable store of received events.
#[derive(Debug)]
pub struct EventStore {
    jobs: mpsc::UnboundedSender<Job>,
    room: Arc<Semaphore>,
    waiting_bytes: usize,
    shown: Arc<Shown>,
    writer: Option<JoinHandle<()>>,
    /// What is done beside the writer.
    eraser: Arc<Mutex<Box<dyn LogEraser>>>,
    /// The folder in which others may rewrite segments too; none on a disk of a test.
    folder: Option<PathBuf>,
    /// Held for as long as the store is open; the system releases it even after a kill.
    _lock: Option<FileLock>,
}

/// What the writer shows of itself.
#[derive(Debug, Default)]
struct Shown {
    count: AtomicU64,
    ids: AtomicUsize,
    /// The last commit failed.
    is_failing: AtomicBool,
    /// Since when the oldest batch waits that is not answered.
    oldest: Mutex<Option<Instant>>,
}

impl Shown {
    fn oldest(&self) -> MutexGuard<'_, Option<Instant>> {
        self.oldest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
enum Job {
    Append(Append),
    Erase(Rest, oneshot::Sender<Result<u64, StoreError>>),
    WriteDown,
}

#[derive(Debug)]
struct Append {
    rows: Vec<Row>,
    since: Instant,
    _room: tokio::sync::OwnedSemaphorePermit,
    answer: oneshot::Sender<Result<Counted, StoreError>>,
}

/// Bytes that one permit of the semaphore stands for.
const PERMIT_BYTES: usize = 1024;

/// How often an erasure looks whether another process has done rewriting segments.
const LOOK: Duration = Duration::from_millis(250);

/// Events one commit takes at most, so that a flood cannot make one commit endless.
const COMMIT_EVENTS: usize = 20_000;

impl EventStore {
    /// Opens the store of data folder `data`; makes it where there is none.
    ///
    /// # Errors
    /// The folder cannot be used, another process has it, or acknowledged events are damaged.
    pub fn open(data: &Path, limits: Limits) -> Result<Self, StoreError> {
        let folder = super::folder(data);
        let disk = FolderDisk::new(&folder);
        disk.create_folder()
            .map_err(|error| StoreError::disk("create", &folder.display().to_string(), &error))?;
        let lock = lock(&folder)?;
        let mut store = Self::start(Ledger::open(disk, limits)?, limits, Some(lock))?;
        store.folder = Some(folder);
        Ok(store)
    }

    /// Opens the store on a given disk.
    ///
    /// # Errors
    /// As [`EventStore::open`].
    pub fn on_disk(disk: impl Disk + Clone + 'static, limits: Limits) -> Result<Self, StoreError> {
        Self::start(Ledger::open(disk, limits)?, limits, None)
    }

    fn start(ledger: Ledger, limits: Limits, lock: Option<FileLock>) -> Result<Self, StoreError> {
        let eraser = Arc::new(Mutex::new(ledger.eraser()));
        let (count, ids) = (AtomicU64::new(ledger.count()), AtomicUsize::new(ledger.ids()));
        let shown = Arc::new(Shown { count, ids, ..Shown::default() });
        let (jobs, queue) = mpsc::unbounded_channel();
        let shared = Arc::clone(&shown);
        let writer = std::thread::Builder::new()
            .name("events-writer".to_owned())
            .spawn(move || write_all(ledger, queue, &shared))
            .map_err(|error| StoreError::disk("start", "the writer thread", &error))?;
        Ok(Self {
            jobs,
            room: Arc::new(Semaphore::new(permits(limits.waiting_bytes))),
            waiting_bytes: limits.waiting_bytes,
            shown,
            writer: Some(writer),
            eraser,
            folder: None,
            _lock: lock,
        })
    }

    /// Stores a batch; returns when it would survive a power cut.
    ///
    /// # Errors
    /// Nothing of the batch is promised; the client sends it again later.
    pub async fn append(&self, batch: Batch) -> Result<Outcome, StoreError> {
        let bytes = batch.bytes().min(self.waiting_bytes);
        let wanted = u32::try_from(permits(bytes)).unwrap_or(u32::MAX);
        let room = Arc::clone(&self.room).try_acquire_many_owned(wanted).map_err(|_| StoreError::Busy)?;
        let (answer, answered) = oneshot::channel();
        let since = Instant::now();
        self.shown.oldest().get_or_insert(since);
        let job = Append { rows: batch.rows, since, _room: room, answer };
        self.jobs.send(Job::Append(job)).map_err(|_| StoreError::Closed)?;
        let counted = answered.await.map_err(|_| StoreError::Closed)??;
        let Counted { fresh, duplicates, received_ms, .. } = counted;
        Ok(Outcome { accepted: fresh.len() as u64, duplicates, fresh, received_ms })
    }

    /// Takes the events of people out of the log, durably, and those of the sessions that they signed in to; returns how
    /// many. Events come in meanwhile, but for the moment in which the last segment is read and replaced. Waits while
    /// another process rewrites segments.
    ///
    /// # Errors
    /// A part may be gone already; doing it again does no harm.
    pub async fn erase(&self, erased: Erased) -> Result<u64, StoreError> {
        let lock = self.rewriting().await?;
        let eraser = Arc::clone(&self.eraser);
        // The lock goes with what is done: that goes on where nobody waits for it any more.
        let settled = tokio::task::spawn_blocking(move || {
            let rest = erase_settled(&mut **eraser.lock().unwrap_or_else(PoisonError::into_inner), erased);
            rest.map(|rest| Rest { lock, ..rest })
        });
        let rest = settled.await.map_err(|_| StoreError::Closed)??;
        let (gone, (answer, answered)) = (rest.gone, oneshot::channel());
        self.jobs.send(Job::Erase(rest, answer)).map_err(|_| StoreError::Closed)?;
        Ok(gone + answered.await.map_err(|_| StoreError::Closed)??)
    }

    /// Has it written down how far events were acknowledged, between two commits: what comes to be broken before that is damage,
    /// also after a kill.
    pub fn write_down(&self) {
        // A writer that is gone is told of by the next batch.
        let _ = self.jobs.send(Job::WriteDown);
    }

    /// Keeps others from rewriting segments. It is looked for from time to time, so that a service that is stopped meanwhile
    /// waits for nobody.
    async fn rewriting(&self) -> Result<Option<FileLock>, StoreError> {
        let Some(folder) = &self.folder else { return Ok(None) };
        loop {
            match try_rewriting(folder) {
                Err(StoreError::Rewriting(_)) => tokio::time::sleep(LOOK).await,
                taken => return taken.map(Some),
            }
        }
    }

    /// How many events are stored.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.shown.count.load(Ordering::Acquire)
    }

    /// How many ids of events are known.
    #[must_use]
    pub fn ids(&self) -> usize {
        self.shown.ids.load(Ordering::Relaxed)
    }

    /// Whether the last batches could not be stored.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.shown.is_failing.load(Ordering::Relaxed)
    }

    /// How long the oldest batch waits that was not answered; nothing where none does.
    #[must_use]
    pub fn lag(&self) -> Duration {
        self.shown.oldest().map_or(Duration::ZERO, |oldest| oldest.elapsed())
    }

    /// Bytes of events that wait to be written, to the kilobyte.
    #[must_use]
    pub fn waiting_bytes(&self) -> usize {
        permits(self.waiting_bytes).saturating_sub(self.room.available_permits()) * PERMIT_BYTES
    }
}

impl Drop for EventStore {
    /// Waits until what was sent is written, so that a stop loses nothing.
    fn drop(&mut self) {
        self.jobs = mpsc::unbounded_channel().0;
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the event writer panicked");
        }
    }
}

/// Keeps everybody else from writing to the log in `folder`.
pub(super) fn lock(folder: &Path) -> Result<FileLock, StoreError> {
    let shown = folder.display().to_string();
    FileLock::try_take(&folder.join("lock"))
        .map_err(|error| StoreError::disk("lock", &shown, &error))?
        .ok_or(StoreError::Locked(shown))
}

/// Keeps everybody else from putting segments of the log in `folder` in the place of others. The service takes events in
/// meanwhile: the one that it appends to is nobody else's.
///
/// # Errors
/// [`StoreError::Rewriting`] while somebody else does it, or the file cannot be locked.
pub(crate) fn try_rewriting(folder: &Path) -> Result<FileLock, StoreError> {
    let shown = folder.display().to_string();
    FileLock::try_take(&folder.join("eraser.lock"))
        .map_err(|error| StoreError::disk("lock", &shown, &error))?
        .ok_or(StoreError::Rewriting(shown))
}

fn permits(bytes: usize) -> usize {
    bytes.div_ceil(PERMIT_BYTES).clamp(1, Semaphore::MAX_PERMITS)
}

/// The writer thread: takes all that waits, commits it with one sync, answers.
fn write_all(mut ledger: Ledger, mut queue: mpsc::UnboundedReceiver<Job>, shown: &Shown) {
    let mut next = None;
    while let Some(job) = next.take().or_else(|| queue.blocking_recv()) {
        let first = match job {
            Job::Append(first) => first,
            Job::Erase(rest, answer) => {
                let erased = ledger.erase(&rest.theirs, rest.next);
                // Before the answer: whoever gets it may rewrite segments next.
                drop(rest.lock);
                show_idle(shown, &queue);
                // Whoever asked may have gone; it is done all the same.
                let _ = answer.send(erased);
                continue;
            }
            Job::WriteDown => {
                ledger.write_down();
                show_idle(shown, &queue);
                continue;
            }
        };
        let jobs = gather(first, &mut queue, &mut next);
        let begun = Instant::now();
        *shown.oldest() = jobs.first().map(|job| job.since);
        let batches: Vec<&[Row]> = jobs.iter().map(|job| job.rows.as_slice()).collect();
        let received_ms = now_ms();
        let result = match ledger.has_room(received_ms) {
            true => ledger.commit(&batches, received_ms),
            false => Err(StoreError::Full),
        };
        let is_full = matches!(result, Err(StoreError::Full));
        metrics::histogram!("segue_event_commit_seconds").record(begun.elapsed().as_secs_f64());
        shown.count.store(ledger.count(), Ordering::Release);
        shown.ids.store(ledger.ids(), Ordering::Relaxed);
        shown.is_failing.store(result.is_err() && !is_full, Ordering::Relaxed);
        if let Err(error) = &result
            && !is_full
        {
            metrics::counter!("segue_event_commit_failures_total").increment(1);
            tracing::error!(%error, "events were not stored");
        }
        // What came in meanwhile came after this group was begun.
        *shown.oldest() = (!queue.is_empty() || next.is_some()).then_some(begun);
        answer(jobs, result);
    }
}

/// Shows that no batch waits where nothing does: what was done stood behind a batch, and was taken for one. One that shows itself
/// just then and is not in the queue yet seems not to wait until the writer takes it, or the next one comes.
fn show_idle(shown: &Shown, queue: &mpsc::UnboundedReceiver<Job>) {
    if queue.is_empty() {
        *shown.oldest() = None;
    }
}

/// Everything that waits to be appended; what is something else comes `next`.
fn gather(first: Append, queue: &mut mpsc::UnboundedReceiver<Job>, next: &mut Option<Job>) -> Vec<Append> {
    let mut events = first.rows.len();
    let mut jobs = vec![first];
    while events < COMMIT_EVENTS {
        match queue.try_recv() {
            Ok(Job::Append(job)) => {
                events += job.rows.len();
                jobs.push(job);
            }
            Ok(other) => {
                *next = Some(other);
                break;
            }
            Err(_) => break,
        }
    }
    jobs
}

fn answer(jobs: Vec<Append>, result: Result<Vec<Counted>, StoreError>) {
    // A client that went away is no reason to stop: its events are stored all the same.
    match result {
        Ok(counted) => jobs.into_iter().zip(counted).for_each(|(job, counted)| {
            let _ = job.answer.send(Ok(counted));
        }),
        Err(error) => jobs.into_iter().for_each(|job| {
            let _ = job.answer.send(Err(error.clone()));
        }),
    }
}
