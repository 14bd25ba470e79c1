//! The two towers, run by ONNX Runtime.

use std::path::Path;

use anyhow::{Context, bail, ensure};
use ndarray::Array2;
use ort::session::Session;
use ort::value::Tensor;

use super::cache::{VectorCache, Vectors};
use super::features::{self, FeatureMatrix};
use super::history::Histories;
use super::unit::{dot, normalise_rows};
use super::{Embeddings, ModelDirectory};
use crate::catalog::Catalogue;
use crate::onnx::card::in_batches;
use crate::onnx::{Device, Precision, Provider, card, session_on};
use crate::progress;

/// Rows that go through a tower at a time on a processor, and on a card at least.
const BATCH: usize = 1024;
/// Rows of each run on another device that the processor does, too.
const CHECKED: usize = 256;
/// The least cosine between its vectors and those of another device.
const ALIKE: f32 = 0.999;

/// A tower: feature rows in, unit vectors out.
///
/// Of what another device than the processor gives, some is compared with what the processor gives. Where that is something else,
/// no numbers or an error, the next device takes over: the same in 32 bits, then the processor.
pub struct Tower {
    /// None while another device takes over: two at a time may not have room.
    session: Option<Session>,
    name: &'static str,
    input: String,
    device: Device,
    /// For the other devices; empty where this is the processor.
    model: Vec<u8>,
}

impl Tower {
    /// Loads a tower; `name` is for messages.
    ///
    /// # Errors
    /// When the runtime cannot be loaded or the model is not a tower.
    pub fn open(model: &[u8], name: &'static str) -> anyhow::Result<Self> {
        Self::open_on(model, name, Device::in_force())
    }

    /// Loads a tower for single rows: for one a card is slow to begin.
    ///
    /// # Errors
    /// As [`Tower::open`].
    pub(super) fn for_single_rows(model: &[u8], name: &'static str) -> anyhow::Result<Self> {
        Self::open_on(model, name, Device::PROCESSOR)
    }

    fn open_on(model: &[u8], name: &'static str, device: Device) -> anyhow::Result<Self> {
        device.open(&format!("{name} tower"), |device| {
            let session =
                session_on(model, 0, device).with_context(|| format!("the {name} tower cannot be used"))?;
            let [input] = session.inputs() else {
                bail!("the {name} tower has {} inputs, a tower has one", session.inputs().len());
            };
            let input = input.name().to_owned();
            let model = if device == Device::PROCESSOR { Vec::new() } else { model.to_vec() };
            Ok(Self { session: Some(session), name, input, device, model })
        })
    }

    /// The unit vectors of these rows, and their dimension.
    ///
    /// # Errors
    /// When the model takes another number of columns.
    pub fn run(&mut self, rows: &FeatureMatrix) -> anyhow::Result<(usize, Vec<f32>)> {
        self.or_instead(|tower| {
            let progress = progress::bar("vectors", rows.rows());
            let done = |count: usize| progress.inc(count as u64);
            let vectors = tower.vectors(&rows.values, rows.columns.len(), &done);
            progress.finish_and_clear();
            vectors
        })
    }

    /// The unit vector of one row.
    ///
    /// # Errors
    /// When the model takes another number of columns.
    pub fn one(&mut self, row: &[f32]) -> anyhow::Result<Vec<f32>> {
        Ok(self.or_instead(|tower| tower.vectors(row, row.len(), &|_| ()))?.1)
    }

    /// How many columns it takes; none where the model does not say.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        let shape = self.session.as_ref()?.inputs().first()?.dtype().tensor_shape()?;
        usize::try_from(*shape.last()?).ok().filter(|width| *width > 0)
    }

    /// The name by which its vectors are kept: those of 16 bits are others.
    fn kept_as(&self, model: &ModelDirectory) -> String {
        match self.device.precision {
            Precision::Single => model.towers_hash(),
            Precision::Half => format!("{}-half", model.towers_hash()),
        }
    }

    /// Does `work`, if need be on the devices that take over, which it stays on.
    fn or_instead<T>(&mut self, work: impl Fn(&mut Self) -> anyhow::Result<T>) -> anyhow::Result<T> {
        loop {
            match (work(self), self.device.instead()) {
                (Err(error), Some(instead)) => {
                    self.device.hand_over(&format!("{} tower", self.name), instead, &error);
                    self.session = None;
                    *self = Self::open_on(&self.model, self.name, instead)?;
                }
                (answer, _) => return answer,
            }
        }
    }

    /// The unit vectors of rows with `width` columns, and their dimension; `done` hears of batches.
    fn vectors(
        &mut self,
        values: &[f32],
        width: usize,
        done: &dyn Fn(usize),
    ) -> anyhow::Result<(usize, Vec<f32>)> {
        let (mut vectors, mut dimension) = (Vec::new(), 0);
        let mut most = match self.device.provider {
            Provider::Cpu => BATCH,
            Provider::Cuda => (card::in_force().memory_bytes / (4 * width.max(1))).max(BATCH),
        };
        in_batches(values.len() / width.max(1), &mut most, BATCH, |batch| {
            let count = batch.len();
            let (shape, values) = self.batch(&values[batch.start * width..batch.end * width], width)?;
            ensure!(
                shape.len() == 2 && shape[0] == count as i64 && shape[1] > 0,
                "the {} tower answers {count} rows with the shape {shape:?}",
                self.name
            );
            dimension = shape[1] as usize;
            vectors.extend(values);
            done(count);
            Ok::<_, anyhow::Error>(())
        })?;
        ensure!(
            vectors.iter().all(|value| value.is_finite()),
            "the {} tower gives values that are no numbers",
            self.name
        );
        normalise_rows(&mut vectors, dimension.max(1));
        if self.device != Device::PROCESSOR && dimension > 0 {
            self.check(values, width, &vectors, dimension)?;
        }
        Ok((dimension, vectors))
    }

    /// Compares some vectors, of rows that lie far apart, with the processor's.
    fn check(&self, values: &[f32], width: usize, vectors: &[f32], dimension: usize) -> anyhow::Result<()> {
        let apart = (vectors.len() / dimension).div_ceil(CHECKED);
        let some: Vec<f32> = values.chunks_exact(width).step_by(apart).flatten().copied().collect();
        let mut processor = Self::open_on(&self.model, self.name, Device::PROCESSOR)?;
        let (_, wanted) = processor.vectors(&some, width, &|_| ())?;
        ensure!(wanted.len() == some.len() / width * dimension, "the processor gives other dimensions");
        let found = vectors.chunks_exact(dimension).step_by(apart);
        let cosines = found.zip(wanted.chunks_exact(dimension)).map(|(one, other)| dot(one, other));
        let least = cosines.fold(1.0, f32::min);
        ensure!(least >= ALIKE, "a vector has a cosine of {least} to the processor's");
        Ok(())
    }

    fn batch(&mut self, values: &[f32], width: usize) -> anyhow::Result<(Vec<i64>, Vec<f32>)> {
        let rows = Array2::from_shape_vec((values.len() / width, width), values.to_vec())?;
        let input = Tensor::from_array(rows)?;
        let session = self.session.as_mut().context("another device was to take over")?;
        let outputs = session.run(ort::inputs![self.input.as_str() => input]).with_context(|| {
            format!("the {} tower does not take {width} columns: train it again for this data", self.name)
        })?;
        let (shape, vectors) = outputs[0].try_extract_tensor::<f32>()?;
        Ok((shape.to_vec(), vectors.to_vec()))
    }
}

/// Vectors of all items, and of the users whose place `is_wanted` says, by the model's towers, `(item, user)`.
///
/// # Errors
/// As [`super::embed`].
pub(super) fn embed(
    catalogue: &Catalogue,
    histories: &Histories,
    model: &ModelDirectory,
    (item, user): (&[u8], &[u8]),
    is_wanted: &dyn Fn(usize) -> bool,
) -> anyhow::Result<Embeddings> {
    let rows = features::item_matrix(catalogue, histories);
    let mut tower = Tower::open(item, "item")?;
    let Vectors { dimension, values: items, reused } = match &model.kept_vectors {
        Some(folder) => kept(&mut tower, &rows, model, folder)?,
        None => {
            let (dimension, values) = tower.run(&rows)?;
            Vectors { dimension, values, reused: 0 }
        }
    };
    // A card may not have room for both.
    drop(tower);
    let wanted: Vec<usize> = (0..catalogue.users.len()).filter(|user| is_wanted(*user)).collect();
    let rows = features::user_matrix(catalogue, histories, &rows, &wanted);
    let (user_dimension, vectors) = Tower::open(user, "user")?.run(&rows)?;
    ensure!(
        vectors.is_empty() || user_dimension == dimension,
        "the item tower gives {dimension} dimensions, the user tower {user_dimension}"
    );
    let mut users = vec![0.0; catalogue.users.len() * dimension];
    for (user, vector) in wanted.iter().zip(vectors.chunks_exact(dimension.max(1))) {
        users[user * dimension..][..dimension].copy_from_slice(vector);
    }
    Ok(Embeddings { dimension, items, users, towers: model.towers_hash(), reused, directions: None })
}

/// The vectors of these rows, those kept in `folder` among them. Where another device takes over, those that it makes are not
/// kept beside others.
fn kept(
    tower: &mut Tower,
    rows: &FeatureMatrix,
    model: &ModelDirectory,
    folder: &Path,
) -> anyhow::Result<Vectors> {
    loop {
        let name = tower.kept_as(model);
        let vectors = VectorCache::open(folder, &name).run(rows, |missing| {
            let made = tower.run(missing)?;
            ensure!(tower.kept_as(model) == name, "another device took over");
            Ok(made)
        });
        if vectors.is_ok() || tower.kept_as(model) == name {
            return vectors;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Retriever;
    use super::*;
    use crate::catalog::generate;
    use crate::onnx::LIBRARY;
    use crate::onnx::message::Message;
    use crate::onnx::parts::{self, FLOAT, node, tensor, value};
    use crate::towers::embed;

    fn generated() -> Catalogue {
        let folder = tempfile::tempdir().unwrap();
        let options = generate::Options { tracks: 300, users: 6, seed: 3, truth: None };
        generate::run(&options, folder.path()).unwrap();
        Catalogue::load(folder.path()).unwrap()
    }

    #[test]
    fn the_demos_towers_give_unit_vectors_or_the_error_says_what_is_missing() {
        let catalogue = generated();
        let result = embed(&catalogue, None, Some(&ModelDirectory::demo()));
        if std::env::var_os(LIBRARY).is_none() {
            let error = format!("{:#}", result.unwrap_err());
            assert!(error.contains(LIBRARY) && error.contains("onnxruntime"), "{error}");
            return;
        }
        let embeddings = result.unwrap();
        assert_eq!(
            (embeddings.dimension, embeddings.items.len(), embeddings.users.len()),
            (64, 300 * 64, 6 * 64)
        );
        let length: f32 = embeddings.item(7).iter().map(|entry| entry * entry).sum();
        assert!((length - 1.0).abs() < 1e-4);
        assert_eq!(embeddings.towers, ModelDirectory::demo().towers_hash());
    }

    #[test]
    fn kept_vectors_are_those_the_tower_gives_and_damaged_ones_are_made_again() {
        if std::env::var_os(LIBRARY).is_none() {
            return crate::skipped::note("no ONNX Runtime is named", "cargo xtask test");
        }
        let mut catalogue = generated();
        let folder = tempfile::tempdir().unwrap();
        let kept =
            ModelDirectory { kept_vectors: Some(folder.path().join("vectors")), ..ModelDirectory::demo() };
        let plain = embed(&catalogue, None, Some(&ModelDirectory::demo())).unwrap();
        let first = embed(&catalogue, None, Some(&kept)).unwrap();
        let near = |one: &[f32], other: &[f32]| one.iter().zip(other).all(|(a, b)| (a - b).abs() < 1e-5);
        assert!(near(&plain.items, &first.items));
        let again = embed(&catalogue, None, Some(&kept)).unwrap();
        assert_eq!((again.reused, &again.items), (300, &first.items));
        // One item is another one now: the others' vectors are the kept ones, to the last bit.
        catalogue.items[3].duration_ms = Some(1);
        let changed = embed(&catalogue, None, Some(&kept)).unwrap();
        assert_eq!(changed.reused, 299);
        assert_eq!(changed.items[..3 * 64], first.items[..3 * 64]);
        assert_eq!(changed.items[4 * 64..], first.items[4 * 64..]);
        assert_ne!(changed.item(3), first.item(3));
        let file = folder.path().join("vectors").join(format!("{}.vectors", kept.towers_hash()));
        let mut bytes = std::fs::read(&file).unwrap();
        bytes[100] ^= 1;
        std::fs::write(&file, bytes).unwrap();
        assert!(near(&embed(&catalogue, None, Some(&kept)).unwrap().items, &changed.items));
    }

    #[test]
    fn vectors_of_16_bits_are_near_those_of_32_and_kept_apart_from_them() {
        if std::env::var_os(LIBRARY).is_none() {
            return crate::skipped::note("no ONNX Runtime is named", "cargo xtask test");
        }
        let (catalogue, model) = (generated(), ModelDirectory::demo());
        let Retriever::Towers { item, user, .. } = &model.retriever else { panic!("the demo has towers") };
        let mut rows = features::item_matrix(&catalogue, &Histories::before(&catalogue, None));
        let halves = Device { provider: Provider::Cpu, precision: Precision::Half };
        let mut whole = Tower::open_on(item, "item", Device::PROCESSOR).unwrap();
        let mut half = Tower::open_on(item, "item", halves).unwrap();
        let ((dimension, wanted), (_, found)) = (whole.run(&rows).unwrap(), half.run(&rows).unwrap());
        let pairs = wanted.chunks_exact(dimension).zip(found.chunks_exact(dimension));
        let furthest = pairs.map(|(one, other)| dot(one, other)).fold(1.0, f32::min);
        assert!(furthest > 0.9999 && wanted != found, "a cosine of {furthest}");
        assert_ne!(half.kept_as(&model), whole.kept_as(&model));
        let folder = tempfile::tempdir().unwrap();
        super::kept(&mut half, &rows, &model, folder.path()).unwrap();
        // One more item, and the device fails.
        rows.values[0] += 1.0;
        half.session = Tower::open_on(user, "user", halves).unwrap().session;
        let kept = super::kept(&mut half, &rows, &model, folder.path()).unwrap();
        assert_eq!((kept.reused, half.device), (0, Device::PROCESSOR), "none of 16 bits beside those of 32");
        let wanted = whole.run(&rows).unwrap().1;
        assert_eq!(kept.values.len(), wanted.len());
        assert!(kept.values.iter().zip(&wanted).all(|(one, other)| (one - other).abs() < 1e-5));
        assert_eq!(half.kept_as(&model), whole.kept_as(&model));
    }

    #[test]
    fn what_16_bits_cannot_hold_is_done_in_32() {
        if std::env::var_os(LIBRARY).is_none() {
            return crate::skipped::note("no ONNX Runtime is named", "cargo xtask test");
        }
        let weights: Vec<u8> =
            [1e5_f32, 0.0, 0.0, 1.0].iter().flat_map(|value| value.to_le_bytes()).collect();
        let graph = Message::new()
            .message(1, node("MatMul", &["rows", "weights"], &["vectors"]))
            .text(2, "large")
            .message(5, tensor("weights", FLOAT, &[2, 2], &weights))
            .message(11, value("rows", FLOAT, &[None, Some(2)]))
            .message(12, value("vectors", FLOAT, &[None, Some(2)]));
        let halves = Device { provider: Provider::Cpu, precision: Precision::Half };
        let mut tower = Tower::open_on(&parts::model(graph), "item", halves).unwrap();
        assert_eq!(tower.device, halves);
        let vector = tower.one(&[3e-5, 4.0]).unwrap();
        assert_eq!(vector.len(), 2);
        assert!((vector[0] - 0.6).abs() < 1e-5 && (vector[1] - 0.8).abs() < 1e-5, "{vector:?}");
        assert_eq!(tower.device, Device::PROCESSOR);
    }

    #[test]
    fn a_device_that_gives_other_vectors_than_the_processor_is_found_out() {
        if std::env::var_os(LIBRARY).is_none() {
            return crate::skipped::note("no ONNX Runtime is named", "cargo xtask test");
        }
        let (catalogue, model) = (generated(), ModelDirectory::demo());
        let Retriever::Towers { item, user, .. } = &model.retriever else { panic!("the demo has towers") };
        let rows = features::item_matrix(&catalogue, &Histories::before(&catalogue, None));
        let halves = Device { provider: Provider::Cpu, precision: Precision::Half };
        let mut whole = Tower::open_on(item, "item", Device::PROCESSOR).unwrap();
        let wanted = whole.run(&rows).unwrap();
        let mut other = Tower::open_on(item, "item", halves).unwrap();
        let (values, width) = (rows.values.as_slice(), rows.columns.len());
        let turned: Vec<f32> = wanted.1.iter().map(|value| -value).collect();
        let refused = other.check(values, width, &turned, wanted.0).unwrap_err();
        assert!(refused.to_string().contains("a cosine of -"), "{refused}");
        other.check(values, width, &wanted.1, wanted.0).unwrap();
        // The session of another tower: an error like any other.
        other.session = Tower::open_on(user, "user", halves).unwrap().session;
        assert_eq!(other.run(&rows).unwrap(), wanted);
        assert_eq!(other.device, Device::PROCESSOR);
    }

    #[test]
    fn a_model_for_other_data_is_refused_before_it_runs() {
        let mut catalogue = generated();
        catalogue.dataset.categories.push("zydeco".into());
        let error = embed(&catalogue, None, Some(&ModelDirectory::demo())).unwrap_err();
        assert!(error.to_string().contains("other attributes and categories"), "{error}");
    }
}
