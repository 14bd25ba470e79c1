//! Writing the hours whose label windows are over.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use serde::Serialize;

use super::calendar::partition;
use super::hours::Hours;
use super::state::State;
use super::table::Value;
use super::{HOUR_MS, LABEL_HOURS, folder, rows, slates, table};
use crate::catalog::{Dataset, dataset};
use crate::dead_letters;
use crate::erasure::Erased;
use crate::evaluate::LabelRules;
use crate::events::{self, Arrival, Conduct, Filter, LeftOut, Tail};
use crate::expiry;
use crate::lock::FileLock;
use crate::stores::disk::create_folder;

/// Events read between two looks at which hours are over.
const AT_ONCE: u64 = 50_000;

/// Column of the label that every outcome has, and of the features' schema.
const LABEL: usize = 11;
const SCHEMA: usize = 23;

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Files, one for each hour in which somebody saw something.
    pub hours: usize,
    /// Their rows.
    pub rows: usize,
    /// Those of which it is known what became of them.
    pub labelled: usize,
    /// Those with what the model saw.
    pub with_features: usize,
    /// Events of hours that wait for what follows.
    pub waiting: usize,
    /// Lines of kept lists that were cut off by a kill.
    pub cut_off: usize,
    /// Events among those read that are in no row, as no person acts so.
    pub left_out: LeftOut,
    /// Whether hours from now on go by other label rules than those that were written before.
    pub new_labels: bool,
}

/// Writes every hour that ended more than the label window before `now_ms` and was not written, without what `filter`
/// leaves out. It holds the events of some fifty hours in memory.
///
/// # Errors
/// When the log or the tombstones cannot be read, or a file cannot be written; hours that were written stay.
pub fn write(data: &Path, now_ms: i64, filter: Filter) -> anyhow::Result<Summary> {
    let folder = folder(data);
    create_folder(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let _lock = FileLock::take(&folder.join(".lock"))?;
    let mut writer = Writer::open(data)?;
    let mut tail = Tail::new(data, writer.state.after);
    tail.pass_over(dead_letters::passed_over(data)?);
    // It begins where an hour does, and so do verdicts.
    let mut conduct = Conduct::new(filter);
    loop {
        let before = tail.seen();
        let Writer { hours, erased, summary, .. } = &mut writer;
        tail.read(before.saturating_add(AT_ONCE), |arrival| {
            if erased.contains(&arrival.event.user) {
                return;
            }
            match conduct.judge(&arrival) {
                Some(rule) => summary.left_out.add(rule),
                None => hours.add(arrival),
            }
        })?;
        if let Some(gone_ms) = gone_ms(&tail, now_ms) {
            // Also where nothing else tells any more that something went. A gap is read before the event that makes an hour due which
            // lacks what was in it.
            writer.state.leave_out(gone_ms);
        }
        // Rows that are yet to be written ask for none before these; a log that was put back may have weeks of them.
        writer.hours.forget(writer.state.next.saturating_sub(LABEL_HOURS));
        let is_end = tail.seen() == before;
        let now = if is_end { now_ms.div_euclid(HOUR_MS) } else { i64::MIN };
        while let Some(hour) = writer.hours.due(writer.state.next, LABEL_HOURS, now) {
            writer.finish(hour)?;
        }
        if is_end {
            break;
        }
    }
    writer.state.run_ms = Some(now_ms);
    writer.state.write(data)?;
    // Where no events come, no hour is finished; what is to be written yet came in within the label window, and asks for
    // lists of the one before it.
    slates::forget(data, now_ms.div_euclid(HOUR_MS) - 2 * LABEL_HOURS)?;
    writer.summary.waiting = writer.hours.between(writer.state.next, i64::MAX).count();
    Ok(writer.summary)
}

/// When the latest event came in that went of what was read, as it was old. What is younger than [`expiry::LEAST`] is never
/// old: a gap that says so was dated by a clock that had leapt ahead, or by somebody's erasure, and would leave out hours for
/// good of which the log holds everything.
fn gone_ms(tail: &Tail, now_ms: i64) -> Option<i64> {
    let least_ms = i64::try_from(expiry::LEAST.as_millis()).unwrap_or(i64::MAX);
    tail.gone_ms().map(|gone_ms| gone_ms.min(now_ms.saturating_sub(least_ms)))
}

/// What the events of a data folder say of their items; before there is a data set, what they say on any surface.
fn rules(data: &Path) -> anyhow::Result<LabelRules> {
    let surface = match data.join(dataset::FILE).exists() {
        true => Dataset::read(data)?.surface,
        false => String::new(),
    };
    LabelRules::of_data(data, None, &surface)
}

struct Writer {
    data: PathBuf,
    state: State,
    hours: Hours,
    erased: Erased,
    rules: LabelRules,
    summary: Summary,
}

impl Writer {
    fn open(data: &Path) -> anyhow::Result<Self> {
        let mut state = State::read(data)?;
        state.fit(events::last(data)?);
        if let Some(until_ms) = expiry::expired_until_ms(data)? {
            state.leave_out(until_ms);
        }
        let (hours, erased) = (Hours::from(state.clock), Erased::read(data)?);
        let (data, rules) = (data.to_owned(), rules(data)?);
        let summary = Summary { new_labels: state.go_by(rules.hash()?), ..Summary::default() };
        Ok(Self { data, state, hours, erased, rules, summary })
    }

    /// Writes an hour, and that it is written.
    fn finish(&mut self, hour: i64) -> anyhow::Result<()> {
        // Somebody may have asked to be forgotten since the events were read; who asks from now on waits for the lock.
        self.erased = Erased::read(&self.data)?;
        let (hours, erased) = (&self.hours, &self.erased);
        let between = |from, to| {
            hours.between(from, to).filter(move |arrival: &&Arrival| !erased.contains(&arrival.event.user))
        };
        let named: HashSet<(&str, &str)> = between(hour, hour)
            .filter_map(|arrival| Some((arrival.event.user.as_str(), arrival.event.slate.as_deref()?)))
            .collect();
        let is_named = |user: &str, slate: &str| named.contains(&(user, slate));
        let (lists, cut_off) = slates::read(&self.data, (hour - LABEL_HOURS, hour), is_named)?;
        let earlier = between(hour - LABEL_HOURS, hour - 1);
        let rows =
            rows::rows(earlier, between(hour, hour), between(hour, hour + LABEL_HOURS), &lists, &self.rules);
        self.summary.cut_off = self.summary.cut_off.max(cut_off);
        if !rows.is_empty() {
            let folder = folder(&self.data).join(partition(hour));
            create_folder(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
            table::write(&folder.join("part-00000.parquet"), &rows::COLUMNS, &rows)?;
            let with = |column: usize| rows.iter().filter(|row| row[column] != Value::Absent).count();
            self.summary.hours += 1;
            self.summary.rows += rows.len();
            self.summary.labelled += with(LABEL);
            self.summary.with_features += with(SCHEMA);
        }
        self.go_on_from(hour + 1)
    }

    fn go_on_from(&mut self, next: i64) -> anyhow::Result<()> {
        let first = next - LABEL_HOURS;
        if let Some((clock, after)) = self.hours.forget(first) {
            (self.state.clock, self.state.after) = (clock, after);
        }
        self.state.next = next;
        self.state.write(&self.data)?;
        slates::forget(&self.data, first)
    }
}
