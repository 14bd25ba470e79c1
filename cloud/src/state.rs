//! What every request may look at: the served generation, the item table, the event store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Instant;

use axum::body::Bytes;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Notify, Semaphore};
use tracing::Instrument as _;

use crate::api;
use crate::catalog::Item;
use crate::clock::now_ms;
use crate::config::Config;
use crate::consumers::{Counting, Segment};
use crate::dead_letters::DeadLetters;
use crate::display::Display;
use crate::encoding::Kept;
use crate::erasure::Tombstones;
use crate::error::{ApiError, Code};
use crate::events::EventStore;
use crate::jobs::Jobs;
use crate::live::{Engines, Items, Sessions};
use crate::monitor;
use crate::packs::PackStore;
use crate::refresh::{self, Report, Viewer, log_begins_ms, settled_changes};
use crate::served::{Served as ServedPack, ServedPacks};
use crate::training_log::{Slates, written_until_ms};
use crate::weekly::Weekly;
use crate::workshop::Workshop;

pub use crate::published::{Published, Verified};

/// Models, schemas and policies kept in memory; there are a handful per generation.
const CACHED_ARTEFACTS: usize = 32;

#[derive(Debug, Default)]
struct Served {
    published: Option<Arc<Published>>,
    /// Why a newer generation is not served.
    problem: Option<String>,
    display: Option<Arc<Display>>,
}

/// State shared by all requests.
#[derive(Debug)]
pub struct AppState {
    /// The service's settings.
    pub config: Config,
    /// Received events.
    pub events: EventStore,
    /// What everybody did lately.
    pub sessions: Sessions,
    /// What everybody's events come to.
    pub counting: Counting,
    /// Lists that were made, with what the model saw.
    pub slates: Slates,
    /// Events that were refused three times.
    pub dead_letters: DeadLetters,
    /// What changed about items.
    pub items: Items,
    /// Weekly playlists.
    pub weekly: Weekly,
    /// Refreshes and rollbacks that the service starts.
    pub jobs: Arc<Jobs>,
    /// What makes packs on demand.
    pub workshop: Workshop,
    /// Turns of those who read everything about a person.
    pub exports: Arc<Semaphore>,
    /// Who is to be forgotten.
    pub tombstones: Tombstones,
    /// Called when somebody is.
    pub erasure_asked: Notify,
    /// What ranks for clients that cannot.
    pub engines: Engines,
    /// Renders the metrics.
    pub metrics: PrometheusHandle,
    /// Answers as they went out in fewer bytes.
    pub(crate) encoded: Arc<Kept>,
    packs: PackStore,
    served_packs: ServedPacks,
    served: RwLock<Served>,
    artefacts: Mutex<HashMap<String, Bytes>>,
}

impl AppState {
    /// Opens the event store and, where one is published, the generation in force.
    ///
    /// # Errors
    /// The event store cannot be opened.
    pub fn open(config: Config) -> anyhow::Result<Arc<Self>> {
        anyhow::ensure!(
            config.data.is_dir(),
            "the data folder {} does not exist; make one with `segue generate` or `segue import`",
            config.data.display()
        );
        let metrics = monitor::install();
        let events = EventStore::open(&config.data, config.limits.events)?;
        let sessions = Sessions::read(&config.data, events.count())?;
        Self::with_events(config, events, sessions, metrics)
    }

    /// As [`AppState::open`] with an event store that is open already, and what it told of lately.
    ///
    /// # Errors
    /// When the tombstones or the changes of items cannot be read.
    pub fn with_events(
        config: Config,
        events: EventStore,
        sessions: Sessions,
        metrics: PrometheusHandle,
    ) -> anyhow::Result<Arc<Self>> {
        let tombstones = Tombstones::open(&config.data)?;
        let erasure_asked = Notify::new();
        let packs = PackStore::new(&config.data);
        let items = Items::open(&config.data)?;
        let weekly = Weekly::open(&config.data)?;
        let jobs = Arc::new(Jobs::open(&config.data));
        let dead_letters = DeadLetters::open(&config.data)?;
        let slates = Slates::new(&config.data, config.kept_lists);
        let (served, artefacts, engines) = (RwLock::default(), Mutex::default(), Engines::default());
        let state = Arc::new(Self {
            config,
            events,
            sessions,
            counting: Counting::default(),
            slates,
            dead_letters,
            items,
            weekly,
            jobs,
            workshop: Workshop::default(),
            tombstones,
            erasure_asked,
            exports: Arc::new(Semaphore::new(api::EXPORTS_AT_ONCE)),
            engines,
            metrics,
            encoded: Arc::default(),
            packs,
            served_packs: ServedPacks::default(),
            served,
            artefacts,
        });
        state.reload();
        Ok(state)
    }

    /// The generation being served.
    ///
    /// # Errors
    /// `generation_missing` with the remedy.
    pub fn published(&self) -> Result<Arc<Published>, ApiError> {
        let served = self.served.read().unwrap_or_else(PoisonError::into_inner);
        served.published.clone().ok_or_else(|| {
            let why = match &served.problem {
                Some(problem) => format!("the published generation cannot be served ({problem})"),
                None => "no generation is published".to_owned(),
            };
            ApiError::new(Code::GenerationMissing, format!("{why}; run `segue refresh` on this data folder"))
        })
    }

    /// The item table, if there is one.
    #[must_use]
    pub fn display(&self) -> Option<Arc<Display>> {
        self.served.read().unwrap_or_else(PoisonError::into_inner).display.clone()
    }

    /// Looks whether another generation or item table was published, and swaps to it.
    ///
    /// What is served stays served when the new one cannot be read.
    pub fn reload(&self) {
        self.reload_generation();
        self.reload_display();
    }

    fn reload_generation(&self) {
        let serving = self.published().ok().map(|published| published.packs.number());
        let problem = match self.packs.current() {
            Ok(current) if current == serving => None,
            Ok(None) => Some("its pointer is gone".to_owned()),
            Ok(Some(number)) => match Published::load(&self.packs, &self.config.data, &self.config.limits) {
                Ok(published) => return self.swap(published),
                Err(error) => Some(format!("generation {number}: {error:#}")),
            },
            Err(error) => Some(format!("{error:#}")),
        };
        let mut served = self.served.write().unwrap_or_else(PoisonError::into_inner);
        if problem != served.problem {
            if let Some(problem) = &problem {
                metrics::counter!("segue_generation_load_failures_total").increment(1);
                tracing::error!(%problem, "the published generation is not served");
            }
            served.problem = problem;
        }
    }

    fn swap(&self, published: Option<Published>) {
        let Some(published) = published else { return };
        let (number, packs) = (published.packs.number(), published.packs.packs());
        metrics::gauge!("segue_generation").set(number as f64);
        metrics::gauge!("segue_generation_packs").set(packs as f64);
        tracing::info!(generation = number, packs, "serving");
        match Report::read(&self.packs, number) {
            Ok(report) => report.set_gauges(),
            Err(error) => tracing::debug!("no report of how it was made: {error:#}"),
        }
        let mut served = self.served.write().unwrap_or_else(PoisonError::into_inner);
        let before = served.published.replace(Arc::new(published));
        served.problem = None;
        drop(served);
        // With all that it keeps in memory: every request waits for the lock.
        drop(before);
        self.compact_changes();
    }

    /// A new generation may have been the last thing that asked for how items were.
    fn compact_changes(&self) {
        match settled_changes(&self.config.data).and_then(|settled| self.items.compact(settled)) {
            Ok(0) => {}
            Ok(void) => tracing::info!(void, "changes of items that count no more were let go of"),
            Err(error) => tracing::warn!("the changes of items could not be compacted: {error:#}"),
        }
    }

    fn reload_display(&self) {
        if let Err(error) = self.items.reload() {
            tracing::error!("the changes of items cannot be read: {error:#}");
        }
        if self.display().is_some_and(|display| !display.is_outdated(&self.config.data)) {
            return;
        }
        match Display::open(&self.config.data) {
            Ok(display) => {
                let mut served = self.served.write().unwrap_or_else(PoisonError::into_inner);
                let before = served.display.replace(Arc::new(display));
                drop(served);
                drop(before);
            }
            Err(error) => tracing::debug!("no item table: {error:#}"),
        }
    }

    /// The row of an item without its vector, if there is one.
    ///
    /// # Errors
    /// As [`Display::get`].
    pub fn item(&self, item: &str) -> anyhow::Result<Option<Item>> {
        let row = match self.items.row(item) {
            Some(row) => Some(Item { vector: None, ..row }),
            None => self.display().map_or(Ok(None), |display| display.get(item))?,
        };
        let ends = |row: Item| match self.items.end_of(item, &row.creator) {
            Some(end) => Item { available_until_ms: Some(end), ..row },
            None => row,
        };
        Ok(row.map(ends))
    }

    /// The pack of a subject where it is another than the generation's: made on demand since, or with ends for what was
    /// withdrawn or blocked.
    ///
    /// # Errors
    /// When the pack cannot be read.
    pub fn other_pack(&self, published: &Published, subject: &str) -> anyhow::Result<Option<ServedPack>> {
        let end_of = |item: &str, creator: &str| {
            let end = self.items.end_of(item, creator);
            end.or_else(|| self.is_narrowed(published, subject, item).then_some(0))
        };
        self.served_packs.other(published, &self.items, subject, &end_of)
    }

    /// Whether an item changed after the generation so that `subject` may not get it any more. Of a person it is not known
    /// here where they live and how old they are: then it is enough that it is for fewer people than the table says.
    fn is_narrowed(&self, published: &Published, subject: &str, item: &str) -> bool {
        let Some(row) = self.items.limited_since(published.changed, item) else { return false };
        match subject.strip_prefix("region:") {
            Some(region) => !Viewer::of_segment(&Segment::named(region)).may_get(&row, now_ms()),
            None => self.display().is_none_or(|display| {
                let before = display.get(item).ok().flatten();
                before.is_none_or(|before| is_for_fewer(&row, &before))
            }),
        }
    }

    /// Whether a person has a pack of their own.
    ///
    /// # Errors
    /// `generation_missing`; `internal` when the pack cannot be looked for.
    pub fn has_own_pack(&self, user: &str) -> Result<bool, ApiError> {
        let (published, subject) = (self.published()?, format!("user:{user}"));
        let other = self.other_pack(&published, &subject);
        let other =
            other.map_err(|error| ApiError::internal("a pack could not be read", &format!("{error:#}")))?;
        Ok(other.is_some() || published.packs.entry(&subject).is_some())
    }

    /// As [`AppState::other_pack`] where memory knows the answer; none where the disk may have to be asked.
    #[must_use]
    pub fn known_other_pack(&self, published: &Published, subject: &str) -> Option<Option<ServedPack>> {
        self.served_packs.known_other(published, &self.items, subject)
    }

    /// Makes `user`'s pack anew with what they did until now, and hands it out from now on.
    ///
    /// # Errors
    /// `pack_just_made` within a minute, `pack_missing` for somebody new, `user_erased`, and those of [`Workshop::ask`].
    pub async fn make_pack(&self, user: &str) -> Result<ServedPack, ApiError> {
        let published = self.published()?;
        let (subject, now_ms) = (format!("user:{user}"), now_ms());
        if !self.served_packs.may_make(&subject, Instant::now()) {
            let detail = "this pack was made within the last minute; take it by GET";
            return Err(ApiError::new(Code::PackJustMade, detail));
        }
        let made =
            self.newly_made(&published, user, now_ms).instrument(tracing::info_span!("make_pack")).await;
        let taken_in = made.and_then(|pack| {
            let number = published.packs.number();
            let take_in = || self.served_packs.take_in(number, &subject, pack.clone(), now_ms);
            self.unless_erased(user, take_in).map(|()| pack)
        });
        match &taken_in {
            Ok(_) => metrics::counter!("segue_packs_on_demand_total").increment(1),
            Err(_) => self.served_packs.may_make_again(&subject),
        }
        taken_in
    }

    /// When packs were made on demand that are handed out, in milliseconds since 1970, by subject.
    #[must_use]
    pub fn made_ms(&self) -> HashMap<String, i64> {
        self.served_packs.made_ms()
    }

    async fn newly_made(
        &self,
        published: &Arc<Published>,
        user: &str,
        now_ms: i64,
    ) -> Result<ServedPack, ApiError> {
        let (asked, lately) = (user.to_owned(), self.sessions.of(user));
        let (current, counting) = (Arc::clone(published), self.counting.clone());
        let made = self.workshop.ask(move |on_demand| {
            on_demand.count(&counting);
            match &current.verified {
                Some(verified) => on_demand.pack(&asked, &lately, verified, now_ms),
                None => Ok(None),
            }
        });
        let made = made
            .await?
            .map_err(|error| ApiError::internal("the pack could not be made", &format!("{error:#}")))?;
        let missing = "nothing is known of this person yet; take `packs/region:all`";
        made.map(ServedPack::new).ok_or_else(|| ApiError::new(Code::PackMissing, missing))
    }

    /// The bytes of a model, schema or policy; checked against their hash when they are first read.
    ///
    /// # Errors
    /// The disk refuses or the file is damaged.
    pub fn artefact(&self, hash: &str) -> anyhow::Result<Option<Bytes>> {
        let cache = || self.artefacts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = cache().get(hash) {
            return Ok(Some(bytes.clone()));
        }
        let Some(bytes) = self.packs.blob(hash)?.map(Bytes::from) else { return Ok(None) };
        let mut cache = cache();
        if cache.len() >= CACHED_ARTEFACTS {
            cache.clear();
        }
        cache.insert(hash.to_owned(), bytes.clone());
        Ok(Some(bytes))
    }

    /// The generation that a rollback goes to.
    ///
    /// # Errors
    /// When it is not kept, or there is none.
    pub fn going_back(&self, wanted: Option<u64>) -> anyhow::Result<u64> {
        refresh::going_back(&self.packs, wanted)
    }

    /// The oldest generation of which packs are still there, if any is.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn oldest_present(&self) -> anyhow::Result<Option<u64>> {
        Ok(self.packs.present()?.first().copied())
    }

    /// Forgets somebody: durably noted when this returns, carried out soon. Answers the receipt's name.
    ///
    /// # Errors
    /// `internal` when it cannot be noted; nothing has happened then.
    pub async fn forget(self: &Arc<Self>, user: String) -> Result<String, ApiError> {
        let state = Arc::clone(self);
        let noted = api::blocking("the person could not be forgotten", move || {
            let generation = state.published().map_or(0, |published| published.packs.number());
            let receipt = state.tombstones.ask(&user, now_ms(), generation)?;
            state.let_go(&user);
            Ok(receipt)
        });
        let receipt = noted.await?;
        self.erasure_asked.notify_one();
        Ok(receipt)
    }

    /// Lets go of what memory holds of somebody, who is refused from now on. A generation that was replaced a moment ago goes
    /// as a whole with those who still read from it.
    fn let_go(&self, user: &str) {
        let subject = format!("user:{user}");
        self.sessions.forget(user);
        let made = self.served_packs.forget(&subject);
        let others = self.published().map(|published| published.forget(&subject)).unwrap_or_default();
        others.into_iter().chain(made).for_each(|hash| self.encoded.forget(&hash));
    }

    /// What `work` makes of what is known of `user`; whoever is forgotten meanwhile gets none of it, and nothing that it kept
    /// in memory stays.
    ///
    /// # Errors
    /// `user_erased`.
    pub fn unless_erased<T>(&self, user: &str, work: impl FnOnce() -> T) -> Result<T, ApiError> {
        self.refuse_erased(user)?;
        let made = work();
        self.refuse_erased(user).inspect_err(|_| self.let_go(user))?;
        Ok(made)
    }

    /// Refuses a person who is to be forgotten.
    ///
    /// # Errors
    /// `user_erased`.
    pub fn refuse_erased(&self, user: &str) -> Result<(), ApiError> {
        match self.tombstones.erased().contains(user) {
            true => {
                Err(ApiError::new(Code::UserErased, "this person was forgotten; take `packs/region:all`"))
            }
            false => Ok(()),
        }
    }

    /// Where the service writes the training log; as long as it was never written, its first hour begins with the first
    /// event.
    fn set_training_log_gauge(&self) {
        let Some(every) = self.config.training_log_every else { return };
        metrics::gauge!("segue_training_log_period_seconds").set(every.as_secs_f64());
        let begins = || log_begins_ms(&self.config.data).ok().flatten();
        if let Ok(until_ms) = written_until_ms(&self.config.data)
            && let Some(until_ms) = until_ms.or_else(begins)
        {
            let age_ms = now_ms().saturating_sub(until_ms).max(0);
            metrics::gauge!("segue_training_log_age_seconds").set(age_ms as f64 / 1000.0);
        }
    }

    /// Sets the gauges that change by themselves.
    pub fn refresh_gauges(&self) {
        metrics::gauge!("segue_events_stored").set(self.events.count() as f64);
        metrics::gauge!("segue_events_failing").set(if self.events.is_failing() { 1.0 } else { 0.0 });
        metrics::gauge!("segue_dead_letters").set(self.dead_letters.count() as f64);
        let asked_ms = self.tombstones.erased().waits_since_ms();
        let waits_ms = asked_ms.map_or(0, |asked_ms| now_ms().saturating_sub(asked_ms).max(0));
        metrics::gauge!("segue_erasure_waits_seconds").set(waits_ms as f64 / 1000.0);
        metrics::gauge!("segue_event_ids").set(self.events.ids() as f64);
        metrics::gauge!("segue_event_ids_most").set(self.config.limits.events.dedup_ids as f64);
        metrics::gauge!("segue_events_waiting_bytes").set(self.events.waiting_bytes() as f64);
        metrics::gauge!("segue_event_lag_seconds", "consumer" => "log").set(self.events.lag().as_secs_f64());
        monitor::set_machine_gauges(&self.config.data);
        self.set_training_log_gauge();
        let Ok(published) = self.published() else { return };
        metrics::gauge!("segue_kept_pack_bytes").set(published.kept_bytes() as f64);
        if let Some(verified) = &published.verified {
            let (manifest, now_ms) = (&verified.manifest, now_ms());
            let age = now_ms.saturating_sub(manifest.created_ms).max(0);
            metrics::gauge!("segue_generation_age_seconds").set(age as f64 / 1000.0);
            let left = manifest.expires_ms.saturating_sub(now_ms);
            metrics::gauge!("segue_generation_expires_seconds").set(left as f64 / 1000.0);
        }
    }
}

/// Whether there is somebody whom an item was for before and is not any more.
fn is_for_fewer(now: &Item, before: &Item) -> bool {
    let regions = match (now.regions.as_slice(), before.regions.as_slice()) {
        ([], _) => false,
        (_, []) => true,
        (now, before) => before.iter().any(|region| !now.contains(region)),
    };
    regions || now.age_rating > before.age_rating
}
