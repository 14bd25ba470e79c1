//! One ranker for all threads, on a graphics card.
//!
//! A card is quick with many rows and slow to begin. So what several threads ask goes through the model in one run: who asks first
//! waits for the card, what others ask meanwhile joins it, and each gets its part of the answer (flat combining: Hendler,
//! Incze, Shavit and Tzafrir, 2010). Candidates of several people go together where their sessions say the same, as they
//! do when packs are made: nobody has begun one.

use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use anyhow::{Context as _, ensure};
use segue_core::features::{Inputs, Schema};
use segue_core::score::{Scorer, check_heads};
use segue_core::{Budget, Code, Error, Result};

use super::OrtScorer;
use crate::onnx::card::{self, in_batches};
use crate::onnx::{Device, Provider};

/// Candidates that go to a card at a time at least.
const LEAST: usize = 1024;
/// Candidates that go to a processor at a time at most: those of one person.
const ON_PROCESSOR: usize = 3_000;
/// Candidates of each run on another device that the processor scores, too.
const CHECKED: usize = 64;
/// How far a head may be from the processor's ([`apart`]).
const APART: f32 = 0.01;
/// What it is called in the log.
const NAME: &str = "ranker";

/// Candidates that go to a card at a time at most, with all that the ranker reads of them.
pub(crate) fn candidates_at_once(schema: &Schema) -> usize {
    let row = 4 * (schema.candidate_width() + schema.live_width()).max(1);
    (card::in_force().memory_bytes / row).max(LEAST)
}

/// A ranker that its clones share.
#[derive(Debug, Clone)]
pub(crate) struct SharedScorer(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Heads of each candidate.
    heads: usize,
    /// Candidates of several people in one run at most.
    most: usize,
    /// Where who asks next joins, while it can be joined.
    open: Mutex<Arc<Batch>>,
    runner: Mutex<Runner>,
}

/// Candidates that go through the ranker together.
#[derive(Debug)]
struct Batch {
    /// Gone once they go to the card.
    gathered: Mutex<Option<Inputs>>,
    heads: OnceLock<Result<Vec<f32>>>,
}

impl SharedScorer {
    /// Loads a ranker on `device`, or on one that takes over.
    ///
    /// # Errors
    /// As [`OrtScorer::new`].
    pub(crate) fn new(model: &[u8], schema: &Schema, device: Device) -> anyhow::Result<Self> {
        let runner = Mutex::new(Runner::open(model, schema, device)?);
        let (open, most) = (Mutex::new(Arc::new(Batch::closed())), candidates_at_once(schema));
        Ok(Self(Arc::new(Shared { heads: schema.heads.len(), most, open, runner })))
    }
}

impl Scorer for SharedScorer {
    /// All candidates in one piece, one unit.
    fn score(&mut self, inputs: &Inputs, budget: &mut Budget<'_>) -> Result<Vec<f32>> {
        if inputs.count == 0 || !budget.take() {
            return Ok(Vec::new());
        }
        let (batch, rows) = self.0.join(inputs);
        if rows.start == 0 {
            self.0.carry_out(&batch);
        }
        let heads = batch.heads.wait().as_ref().map_err(Clone::clone)?;
        Ok(heads[rows.start * self.0.heads..rows.end * self.0.heads].to_vec())
    }
}

impl Shared {
    /// The batch that takes these candidates, and which rows of it they are. Who gets the first row has to carry it out.
    fn join(&self, inputs: &Inputs) -> (Arc<Batch>, Range<usize>) {
        let mut open = lock(&self.open);
        let rows = open.add(inputs, self.most).unwrap_or_else(|| {
            *open = Arc::new(Batch::of(inputs.clone()));
            0..inputs.count
        });
        (Arc::clone(&open), rows)
    }

    /// Sends a batch through the ranker when that is free; until then others may join it.
    fn carry_out(&self, batch: &Batch) {
        // Those who joined wait for an answer whatever happens here.
        let _answer = Answered(batch);
        let mut runner = lock(&self.runner);
        let gathered = lock(&batch.gathered).take();
        if let Some(inputs) = gathered {
            let _ = batch.heads.set(runner.run(&inputs));
        }
    }
}

impl Batch {
    fn of(inputs: Inputs) -> Self {
        Self { gathered: Mutex::new(Some(inputs)), heads: OnceLock::new() }
    }

    /// One that nobody can join.
    fn closed() -> Self {
        Self { gathered: Mutex::new(None), heads: OnceLock::new() }
    }

    /// Takes in these candidates, and says which rows they are; none where they are too many, their session says something
    /// else, or the batch is on its way.
    fn add(&self, inputs: &Inputs, most: usize) -> Option<Range<usize>> {
        let mut gathered = lock(&self.gathered);
        let all = gathered.as_mut()?;
        let is_alike =
            (&all.events, &all.mask, &all.context) == (&inputs.events, &inputs.mask, &inputs.context);
        if !is_alike || all.count + inputs.count > most {
            return None;
        }
        let begin = all.count;
        all.count += inputs.count;
        all.candidates.extend_from_slice(&inputs.candidates);
        all.live.extend_from_slice(&inputs.live);
        Some(begin..all.count)
    }
}

/// Answers a batch that was left without an answer, as by a panic.
struct Answered<'a>(&'a Batch);

impl Drop for Answered<'_> {
    fn drop(&mut self) {
        // Does nothing where there is an answer.
        let _ = self.0.heads.set(Err(Error::new(Code::ModelDamaged, "the ranker broke off.")));
    }
}

/// What runs the ranker. Of what another device than the processor gives, some is compared with what the processor gives; where
/// that is something else, no numbers or an error, the next device takes over.
struct Runner {
    /// None while another device takes over: two at a time may not have room.
    scorer: Option<OrtScorer>,
    /// By which another device is judged.
    processor: OrtScorer,
    model: Vec<u8>,
    schema: Schema,
    device: Device,
    /// Candidates that there was room for at a time.
    most: usize,
}

impl Runner {
    fn open(model: &[u8], schema: &Schema, device: Device) -> anyhow::Result<Self> {
        device.open(NAME, |device| {
            let most = match device.provider {
                Provider::Cpu => ON_PROCESSOR,
                Provider::Cuda => candidates_at_once(schema),
            };
            Ok(Self {
                scorer: Some(OrtScorer::on(model, schema, device, 0)?),
                processor: OrtScorer::new(model, schema)?,
                model: model.to_vec(),
                schema: schema.clone(),
                device,
                most,
            })
        })
    }

    /// The heads of all candidates.
    fn run(&mut self, inputs: &Inputs) -> Result<Vec<f32>> {
        loop {
            match (self.heads(inputs), self.device.instead()) {
                (Err(error), Some(instead)) => {
                    self.device.hand_over(NAME, instead, &error);
                    self.scorer = None;
                    *self = Self::open(&self.model, &self.schema, instead).map_err(damaged)?;
                }
                (answer, _) => return answer.map_err(damaged),
            }
        }
    }

    /// The heads of all candidates by this device, in as many runs as there has to be room for.
    fn heads(&mut self, inputs: &Inputs) -> anyhow::Result<Vec<f32>> {
        let mut heads = Vec::with_capacity(inputs.count * self.schema.heads.len());
        let scorer = self.scorer.as_mut().context("another device was to take over")?;
        let budget = &mut Budget::unlimited();
        in_batches(inputs.count, &mut self.most, LEAST, |rows| {
            heads.extend(match rows.len() == inputs.count {
                true => scorer.score(inputs, budget)?,
                false => scorer.score(&some(inputs, rows), budget)?,
            });
            Ok::<_, Error>(())
        })?;
        check_heads(&heads, inputs.count, &self.schema)?;
        if self.device != Device::PROCESSOR {
            self.check(inputs, &heads)?;
        }
        Ok(heads)
    }

    /// Compares the heads of some candidates, which lie far apart, with the processor's.
    fn check(&mut self, inputs: &Inputs, heads: &[f32]) -> anyhow::Result<()> {
        let step = inputs.count.div_ceil(CHECKED).max(1);
        let few = some(inputs, (0..inputs.count).step_by(step));
        let wanted = self.processor.score(&few, &mut Budget::unlimited())?;
        check_heads(&wanted, few.count, &self.schema)?;
        let found = heads.chunks_exact(self.schema.heads.len()).step_by(step).flatten();
        let furthest = found.zip(&wanted).map(|(one, other)| apart(*one, *other)).fold(0.0, f32::max);
        ensure!(furthest <= APART, "a head differs by {furthest} from the processor's");
        Ok(())
    }
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Runner").field("device", &self.device).finish_non_exhaustive()
    }
}

/// How far a head is from the wanted one; of an amount above 1, as a share of it.
fn apart(head: f32, wanted: f32) -> f32 {
    (head - wanted).abs() / wanted.abs().max(1.0)
}

/// Some of the candidates, in the same session.
fn some(inputs: &Inputs, rows: impl Iterator<Item = usize> + Clone) -> Inputs {
    let of = |table: &[f32]| {
        let width = table.len() / inputs.count.max(1);
        rows.clone().flat_map(|row| &table[row * width..(row + 1) * width]).copied().collect()
    };
    Inputs {
        count: rows.clone().count(),
        candidates: of(&inputs.candidates),
        live: of(&inputs.live),
        events: inputs.events.clone(),
        mask: inputs.mask.clone(),
        context: inputs.context.clone(),
    }
}

/// What the core says of itself stays; all else is a model that cannot be used.
fn damaged(error: anyhow::Error) -> Error {
    let told = |error: anyhow::Error| Error::new(Code::ModelDamaged, format!("{error:#}."));
    error.downcast::<Error>().unwrap_or_else(told)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, feature = "ranker"))]
mod tests {
    use std::time::{Duration, Instant};

    use super::super::tests_support::{ROUNDING, demo, difference, drawn, scored};
    use super::*;
    use crate::onnx::Precision;

    /// How far products of 16 bits may move an answer; 0.0006 was measured over such inputs with weights of 16 bits.
    const HALVES: f32 = 0.005;
    /// What a card does, on the processor, where weights alone are rounded (`onnx/halves.rs`).
    const DEVICE: Device = Device { provider: Provider::Cpu, precision: Precision::Half };

    /// Nobody's session with candidates that no other number has.
    fn person(schema: &Schema, count: usize) -> Inputs {
        Inputs { candidates: drawn(schema, count, count % 10).candidates, ..Inputs::zeros(schema, count) }
    }

    #[test]
    fn scores_of_16_bits_that_threads_ask_for_meanwhile_come_together_and_each_gets_its_own() {
        let Some((ranker, schema)) = demo() else { return };
        let shared = SharedScorer::new(&ranker, &schema, DEVICE).unwrap();
        let people: Vec<Inputs> = (0..8).map(|at| person(&schema, 300 + at)).collect();
        let all = people.iter().map(|inputs| inputs.count).sum::<usize>();
        let busy = lock(&shared.0.runner);
        let answers: Vec<Vec<f32>> = std::thread::scope(|scope| {
            let ask = |inputs| {
                let mut scorer = shared.clone();
                scope.spawn(move || scored(&mut scorer, inputs))
            };
            let asked: Vec<_> = people.iter().map(ask).collect();
            let begun = Instant::now();
            let gathered = || lock(&lock(&shared.0.open).gathered).as_ref().map(|inputs| inputs.count);
            while gathered() != Some(all) {
                assert!(begun.elapsed() < Duration::from_secs(60), "{:?} of {all}", gathered());
                std::thread::sleep(Duration::from_millis(5));
            }
            drop(busy);
            asked.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(lock(&lock(&shared.0.open).gathered).is_none(), "all went in one run");
        let mut whole = OrtScorer::new(&ranker, &schema).unwrap();
        let mut moved = 0.0_f32;
        for (inputs, answer) in people.iter().zip(&answers) {
            let wanted = scored(&mut whole, inputs);
            assert_eq!(answer.len(), wanted.len());
            moved = answer.iter().zip(&wanted).map(|(one, other)| (one - other).abs()).fold(moved, f32::max);
        }
        assert!(moved > ROUNDING && moved < HALVES, "the answers moved by {moved}");
    }

    #[test]
    fn other_sessions_too_many_candidates_and_what_is_on_its_way_begin_another_batch() {
        let Some((_, schema)) = demo() else { return };
        let one = person(&schema, 10);
        let batch = Batch::of(one.clone());
        assert_eq!(batch.add(&one, 25), Some(10..20));
        assert_eq!(batch.add(&one, 25), None);
        let mut begun = one.clone();
        begun.mask[0] = 1.0;
        assert_eq!(batch.add(&begun, 100), None);
        assert_eq!(batch.add(&one, 100), Some(20..30));
        assert_eq!(lock(&batch.gathered).take().unwrap().candidates.len(), 30 * schema.candidate_width());
        assert_eq!(batch.add(&one, 100), None);
    }

    #[test]
    fn after_a_result_that_is_no_number_the_next_device_goes_on() {
        let Some((ranker, schema)) = demo() else { return };
        let mut shared = SharedScorer::new(&ranker, &schema, DEVICE).unwrap();
        let mut whole = OrtScorer::new(&ranker, &schema).unwrap();
        let usual = drawn(&schema, 3_000, 7);
        let mut wrong = usual.clone();
        wrong.live[0] = f32::NAN;
        assert!(difference(&mut shared, &mut whole, &usual) > ROUNDING);
        let refused = shared.score(&wrong, &mut Budget::unlimited()).unwrap_err();
        assert_eq!(refused.code(), Code::ScoresInvalid, "of the last device, too");
        assert!(difference(&mut shared, &mut whole, &usual) < ROUNDING);
    }

    #[test]
    fn a_device_that_gives_other_heads_than_the_processor_is_found_out() {
        let Some((ranker, schema)) = demo() else { return };
        let inputs = person(&schema, 3_000);
        let mut runner = Runner::open(&ranker, &schema, DEVICE).unwrap();
        let wanted = scored(&mut OrtScorer::new(&ranker, &schema).unwrap(), &inputs);
        let others: Vec<f32> = wanted.iter().map(|head| head + 0.02).collect();
        assert!(runner.check(&inputs, &others).unwrap_err().to_string().contains("differs by 0.0"));
        runner.check(&inputs, &wanted).unwrap();
        assert!(apart(0.5, 0.52) > APART, "a probability");
        assert!(
            apart(1_805.0, 1_800.0) < APART && apart(1_850.0, 1_800.0) > APART,
            "an amount, by its share"
        );
    }

    #[test]
    fn candidates_that_there_is_no_room_for_go_in_several_runs() {
        let Some((ranker, schema)) = demo() else { return };
        let inputs = drawn(&schema, 3_000, 7);
        let heads = |most| {
            let runner = Runner::open(&ranker, &schema, DEVICE).unwrap();
            Runner { most, ..runner }.run(&inputs).unwrap()
        };
        let (once, often) = (heads(3_000), heads(1_100));
        assert_eq!(once.len(), often.len());
        assert!(once.iter().zip(&often).all(|(one, other)| (one - other).abs() < ROUNDING));
    }

    /// Of the best 500 of 3,000 candidates by each head, how many are so by 16 bits, too, at least.
    const SAME: usize = 490;

    #[test]
    fn the_best_by_scores_of_16_bits_are_the_best_but_for_few() {
        let Some((ranker, schema)) = demo() else { return };
        let mut shared = SharedScorer::new(&ranker, &schema, DEVICE).unwrap();
        let mut whole = OrtScorer::new(&ranker, &schema).unwrap();
        let width = schema.heads.len();
        for used in [0, 7, 50] {
            let inputs = drawn(&schema, 3_000, used);
            let best = |heads: &[f32], head: usize| {
                let mut places: Vec<usize> = (0..inputs.count).collect();
                let of = |place: &usize| heads[place * width + head];
                places.sort_by(|one, other| of(other).total_cmp(&of(one)));
                places.into_iter().take(500).collect::<std::collections::BTreeSet<_>>()
            };
            let (found, wanted) = (scored(&mut shared, &inputs), scored(&mut whole, &inputs));
            for head in 0..width {
                let same = best(&found, head).intersection(&best(&wanted, head)).count();
                assert!(same >= SAME, "head {head}: {same} of 500");
            }
        }
    }

    #[test]
    fn who_joined_a_batch_that_broke_off_is_told() {
        let Some((ranker, schema)) = demo() else { return };
        let mut shared = SharedScorer::new(&ranker, &schema, DEVICE).unwrap();
        // So many that their answers have no room anywhere.
        let batch = Batch::of(Inputs { count: usize::MAX, ..person(&schema, 1) });
        let broken = std::panic::AssertUnwindSafe(|| shared.0.carry_out(&batch));
        std::panic::catch_unwind(broken).unwrap_err();
        assert_eq!(batch.heads.wait().as_ref().unwrap_err().code(), Code::ModelDamaged);
        assert!(!scored(&mut shared, &person(&schema, 3)).is_empty(), "the next ones are scored");
    }
}
