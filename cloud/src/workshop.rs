//! A thread that is ready to make one person's pack on demand and to answer questions about items.
//!
//! What it needs takes seconds to minutes to prepare, so another thread prepares it anew when a generation is published, and
//! takes over when it is done; who asks meanwhile is served by the one before. Items that change in between are taken in one
//! by one by the thread that answers, a few at a time, as far as nothing else has to be made anew for that; where it has, the
//! thread goes on answering with what it has.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::clock::now_ms;
use crate::error::{ApiError, Code};
use crate::live::Version;
use crate::refresh::{Basis, OnDemand, TakenIn};
use crate::state::AppState;

/// Questions that wait; more are refused.
const WAITING: usize = 64;
/// How soon after the last one everything is prepared anew, where items changed or the last one failed.
const AGAIN: Duration = Duration::from_secs(60);

/// What is asked of the thread.
enum Order {
    /// A question.
    Answer(Box<dyn FnOnce(&mut OnDemand<'_>) + Send>),
    /// To take in the items that changed.
    CatchUp(Of),
}

/// What everything was prepared from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Of {
    generation: u64,
    items: Version,
}

/// The thread, and the one that will take over.
#[derive(Debug, Default)]
pub struct Workshop(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    of: Option<Of>,
    orders: Option<SyncSender<Order>>,
    /// How many preparations were begun, and which of them made what answers.
    begun_so_far: u64,
    answering: u64,
    /// When the latest preparation began, and of what.
    begun: Option<(Instant, Of)>,
    is_preparing: bool,
    /// Why the latest one failed.
    problem: Option<String>,
    /// What the thread was told to catch up with.
    told: Option<Of>,
    /// Whether it could not, so that everything has to be prepared anew.
    is_stuck: bool,
    /// How many times everything was prepared, and how many items were taken in since the last time.
    prepared: (u64, u64),
}

impl Known {
    /// Tells the thread to take in the items that changed, where that is all that did; false where it is not.
    fn catches_up(&mut self, of: Of) -> bool {
        let is_near = |have: Of| have.generation == of.generation && have.items.1 == of.items.1;
        if self.is_stuck || !self.of.is_some_and(is_near) {
            return false;
        }
        let Some(orders) = &self.orders else { return false };
        if self.told == Some(of) {
            return true;
        }
        match orders.try_send(Order::CatchUp(of)) {
            Ok(()) => self.told = Some(of),
            // When there is room.
            Err(TrySendError::Full(_)) => {}
            Err(TrySendError::Disconnected(_)) => {
                (self.orders, self.of) = (None, None);
                return false;
            }
        }
        true
    }
}

impl Workshop {
    /// Prepares everything anew where what there is belongs to another generation or to older items.
    pub fn look(&self, state: &AppState) {
        if !state.config.on_demand {
            lock(&self.0).problem.get_or_insert_with(|| "serve.on_demand is false".to_owned());
            return;
        }
        let Ok(published) = state.published() else { return };
        let of = Of { generation: published.packs.number(), items: state.items.version() };
        let mut known = lock(&self.0);
        let is_other = |(_, latest): &(Instant, Of)| latest.generation != of.generation;
        let is_due = known.begun.is_none_or(|begun| is_other(&begun) || begun.0.elapsed() >= AGAIN);
        if known.is_preparing || known.of == Some(of) || known.catches_up(of) || !is_due {
            return;
        }
        known.begun = Some((Instant::now(), of));
        known.is_preparing = true;
        drop(known);
        let data = state.config.data.clone();
        self.begin(of, move |preparing| {
            let basis = Basis::load(&data, &published, now_ms())?;
            // What it keeps in memory is of no use here, and would outlive the generation.
            drop(published);
            prepare(preparing, basis)
        });
    }

    /// How many times everything was prepared, and how many items were taken in by themselves since the last time.
    #[must_use]
    pub fn prepared(&self) -> (u64, u64) {
        lock(&self.0).prepared
    }

    /// Starts the thread that prepares and then answers.
    fn begin(&self, of: Of, work: impl FnOnce(&mut Preparing) -> anyhow::Result<()> + Send + 'static) {
        let shared = Arc::downgrade(&self.0);
        let number = {
            let mut known = lock(&self.0);
            known.begun_so_far += 1;
            known.begun_so_far
        };
        let mut preparing = Preparing { shared, of, number, begun: Instant::now(), is_over: false };
        let work = move || {
            if let Err(error) = work(&mut preparing) {
                preparing.failed(&format!("{error:#}"));
            }
        };
        if let Err(error) = std::thread::Builder::new().name("workshop".to_owned()).spawn(work) {
            // What was to be prepared was dropped with the thread, and said so.
            tracing::error!("no thread could be started: {error}");
        }
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// `on_demand_unavailable` while nothing is prepared, `service_busy` where too many others wait, `internal`.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut OnDemand<'_>) -> T + Send + 'static,
    ) -> Result<T, ApiError> {
        let (answer, answered) = oneshot::channel();
        let order = Order::Answer(Box::new(move |on_demand| drop(answer.send(question(on_demand)))));
        self.send(order)?;
        answered.await.map_err(|_| ApiError::internal("the question was not answered", &"the thread ended"))
    }

    fn send(&self, order: Order) -> Result<(), ApiError> {
        let mut known = lock(&self.0);
        let Some(orders) = &known.orders else {
            let why = known.problem.as_deref().unwrap_or("it is being prepared");
            let detail = format!("the service cannot answer this yet ({why}); ask again later");
            return Err(ApiError::new(Code::OnDemandUnavailable, detail));
        };
        match orders.try_send(order) {
            Ok(()) => Ok(()),
            Err(TrySendError::Full(_)) => {
                let detail = format!("{WAITING} questions of this kind are waiting already; ask again later");
                Err(ApiError::new(Code::ServiceBusy, detail))
            }
            Err(TrySendError::Disconnected(_)) => {
                (known.orders, known.of) = (None, None);
                Err(ApiError::new(
                    Code::OnDemandUnavailable,
                    "what answers this is started anew; ask again later",
                ))
            }
        }
    }
}

/// A preparation that is under way. One that ends before it is taken over has failed, however it ends.
struct Preparing {
    shared: Weak<Mutex<Known>>,
    of: Of,
    /// Which one it is: what an earlier one says of itself is of no interest any more.
    number: u64,
    begun: Instant,
    is_over: bool,
}

impl Preparing {
    /// What was prepared takes over: questions go to `orders` from now on. False where nobody is left to ask.
    fn take_over(&mut self, orders: SyncSender<Order>) -> bool {
        self.is_over = true;
        let Some(known) = self.shared.upgrade() else { return false };
        let mut known = lock(&known);
        // The one before ends as its sender goes.
        (known.orders, known.of) = (Some(orders), Some(self.of));
        (known.is_preparing, known.problem, known.answering) = (false, None, self.number);
        (known.told, known.is_stuck, known.prepared) = (None, false, (known.prepared.0 + 1, 0));
        true
    }

    /// So many items were taken in; where those were all, what answers is now made of `of`. Without any, everything has to
    /// be prepared anew.
    fn caught_up(&self, of: Of, taken_in: Option<TakenIn>) {
        let Some(known) = self.shared.upgrade() else { return };
        let mut known = lock(&known);
        if known.answering != self.number {
            // Another one took over meanwhile.
            return;
        }
        match taken_in {
            Some(TakenIn { items, is_all }) => {
                known.of = if is_all { Some(of) } else { known.of };
                known.prepared.1 += items as u64;
            }
            None => known.is_stuck = true,
        }
    }

    fn failed(&mut self, problem: &str) {
        self.is_over = true;
        tracing::error!("packs cannot be made on demand: {problem}");
        if let Some(known) = self.shared.upgrade() {
            let mut known = lock(&known);
            (known.is_preparing, known.problem) = (false, Some(problem.to_owned()));
        }
    }
}

impl Drop for Preparing {
    fn drop(&mut self) {
        if !self.is_over {
            self.failed("its preparation broke off; the service's log says why");
        }
    }
}

/// Prepares, takes over, and answers until another one does.
fn prepare(preparing: &mut Preparing, mut basis: Basis) -> anyhow::Result<()> {
    let mut parts = OnDemand::new(&basis)?.into_parts();
    let (sender, orders) = sync_channel(WAITING);
    if !preparing.take_over(sender) {
        return Ok(());
    }
    let (seconds, of) = (preparing.begun.elapsed().as_secs_f64(), preparing.of);
    metrics::gauge!("segue_on_demand_prepare_seconds").set(seconds);
    tracing::info!(generation = of.generation, changes = ?of.items, seconds, "ready to make packs on demand");
    let mut due = None;
    loop {
        let mut on_demand = OnDemand::with(&basis, parts);
        let Some(of) = answer(&orders, &mut on_demand, due) else { return Ok(()) };
        parts = on_demand.into_parts();
        let taken_in = parts.catch_up(&mut basis, now_ms()).unwrap_or_else(|error| {
            tracing::warn!("changed items cannot be taken in, everything is prepared anew: {error:#}");
            None
        });
        preparing.caught_up(of, taken_in);
        due = taken_in.filter(|taken_in| !taken_in.is_all).map(|_| of);
    }
}

/// Answers until there is something to catch up with; where that is so already (`due`), as many as may wait. None when
/// nobody is left to ask.
fn answer(orders: &Receiver<Order>, on_demand: &mut OnDemand<'_>, mut due: Option<Of>) -> Option<Of> {
    let mut answered = 0;
    loop {
        let order = match due {
            None => orders.recv().ok()?,
            Some(of) if answered == WAITING => return Some(of),
            Some(of) => match orders.try_recv() {
                Ok(order) => order,
                Err(TryRecvError::Empty) => return Some(of),
                Err(TryRecvError::Disconnected) => return None,
            },
        };
        match order {
            Order::Answer(question) => question(on_demand),
            Order::CatchUp(of) => due = Some(of),
        }
        answered += 1;
    }
}

fn lock(known: &Mutex<Known>) -> std::sync::MutexGuard<'_, Known> {
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preparation_that_panics_is_over_and_says_so() {
        let workshop = Workshop::default();
        lock(&workshop.0).is_preparing = true;
        workshop.begin(Of { generation: 1, items: Version::default() }, |_| panic!("a bug"));
        let begun = Instant::now();
        while lock(&workshop.0).is_preparing {
            assert!(begun.elapsed() < Duration::from_secs(60), "it never ended");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(lock(&workshop.0).problem.as_ref().is_some_and(|problem| problem.contains("broke off")));
    }

    #[test]
    fn one_that_was_replaced_says_nothing_about_its_successor() {
        let workshop = Workshop::default();
        let of = |number| Of { generation: 1, items: (number, 0) };
        let preparing = |number| {
            let shared = Arc::downgrade(&workshop.0);
            Preparing { shared, of: of(0), number, begun: Instant::now(), is_over: true }
        };
        let (mut first, mut second) = (preparing(1), preparing(2));
        assert!(first.take_over(sync_channel(1).0) && second.take_over(sync_channel(1).0));
        let all = TakenIn { items: 3, is_all: true };
        first.caught_up(of(1), Some(all));
        first.caught_up(of(1), None);
        let known = || {
            let known = lock(&workshop.0);
            (known.of, known.is_stuck)
        };
        assert_eq!(known(), (Some(of(0)), false));
        assert_eq!(workshop.prepared(), (2, 0));
        second.caught_up(of(1), Some(TakenIn { is_all: false, ..all }));
        assert_eq!(known().0, Some(of(0)), "some are left");
        second.caught_up(of(1), Some(all));
        assert_eq!((known().0, workshop.prepared()), (Some(of(1)), (2, 6)));
    }
}
