//! The two towers, run by ONNX Runtime.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context, bail, ensure};
use ndarray::Array2;
use ort::environment::Environment;
use ort::ep::{CUDA, ExecutionProvider as _};
use ort::session::Session;
use ort::value::Tensor;

use super::cache::{VectorCache, Vectors};
use super::card;
use super::features::{self, FeatureMatrix};
use super::history::Histories;
use super::unit::normalise_rows;
use super::{Embeddings, ModelDirectory};
use crate::catalog::Catalogue;
use crate::progress;

/// The variable that names ONNX Runtime's shared library.
pub const LIBRARY: &str = "ORT_DYLIB_PATH";
/// Rows that go through a tower at a time on a processor, and on a card at least.
const BATCH: usize = 1024;
/// Weights in 8 bits become f32 once, when a session is made, as in the core. Left to itself ONNX Runtime keeps them and looks
/// for kernels that read them, which are others from version to version.
const WHOLE_WEIGHTS: &str = "session.disable_quant_qdq";
/// The smallest graph there is, `y = Identity(x)` (opset 13): tells whether a card works.
const IDENTITY: &[u8] = b"\x08\x08\x3a\x33\x0a\x10\x0a\x01x\x12\x01y\x22\x08Identity\x12\x01g\
    \x5a\x0d\x0a\x01x\x12\x08\x0a\x06\x08\x01\x12\x02\x0a\x00\x62\x0d\x0a\x01y\x12\x08\x0a\x06\x08\x01\x12\x02\x0a\x00\
    \x42\x04\x0a\x00\x10\x0d";
const REMEDY: &str = "`cargo xtask demo` fetches it; otherwise take libonnxruntime.so out of the PyPI wheel `onnxruntime` and name it there";

/// ONNX Runtime, loaded once.
///
/// # Errors
/// When the library is not named, missing or of another version; the message says what to do.
pub fn runtime() -> anyhow::Result<&'static Environment> {
    static RUNTIME: OnceLock<Result<Environment, String>> = OnceLock::new();
    let loaded = RUNTIME.get_or_init(|| load().map_err(|error| format!("{error:#}")));
    match loaded {
        Ok(environment) => Ok(environment),
        Err(message) => bail!("{message}"),
    }
}

fn load() -> anyhow::Result<Environment> {
    let path = std::env::var_os(LIBRARY)
        .with_context(|| format!("{LIBRARY} does not name ONNX Runtime's library: {REMEDY}"))?;
    let path = Path::new(&path);
    ensure!(path.is_file(), "{LIBRARY} names {}, which is no file: {REMEDY}", path.display());
    let builder = ort::init_from(path)
        .with_context(|| format!("cannot load ONNX Runtime from {}: {REMEDY}", path.display()))?;
    builder.build().context("ONNX Runtime does not start")
}

/// What computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// The processor.
    Cpu,
    /// An NVIDIA card, through ONNX Runtime's CUDA execution provider. Products in towers are of 32 bits, not TF32, so that
    /// vectors are those of the processor but for the last bits.
    Cuda,
}

impl Provider {
    /// As reports name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
        }
    }
}

/// What towers and exact search run on: a card, where ONNX Runtime's library is one for cards and the card works; tried
/// once.
pub fn provider() -> Provider {
    static PROVIDER: OnceLock<Provider> = OnceLock::new();
    *PROVIDER.get_or_init(|| match try_cuda() {
        Ok(true) => Provider::Cuda,
        Ok(false) => Provider::Cpu,
        Err(error) => {
            tracing::warn!(
                "ONNX Runtime is one for CUDA, which does not work here; the processor does it: {error:#}"
            );
            Provider::Cpu
        }
    })
}

/// Whether a graph runs on a card; false where the library knows of none, or there is no library.
fn try_cuda() -> anyhow::Result<bool> {
    if std::env::var_os(LIBRARY).is_none() || runtime().is_err() || !CUDA::is_available()? {
        return Ok(false);
    }
    session_on(IDENTITY, 1, Provider::Cuda).map(|_| true)
}

/// A session on a model's bytes, on the processor; `threads` 0 leaves the number to ONNX Runtime.
///
/// # Errors
/// When the runtime cannot be loaded or refuses the model.
pub fn session(model: &[u8], threads: usize) -> anyhow::Result<Session> {
    session_on(model, threads, Provider::Cpu)
}

/// As [`session`] on `provider`.
///
/// # Errors
/// As [`session`], and when the card does not work or has no room.
pub fn session_on(model: &[u8], threads: usize, provider: Provider) -> anyhow::Result<Session> {
    let builder = Session::builder(runtime()?).context("ONNX Runtime makes no session")?;
    let builder = builder.with_intra_threads(threads).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut builder =
        builder.with_config_entry(WHOLE_WEIGHTS, "1").map_err(|error| anyhow::anyhow!("{error}"))?;
    if provider == Provider::Cuda {
        let cuda = CUDA::default().with_tf32(false).build().error_on_failure();
        builder = builder.with_execution_providers([cuda]).map_err(|error| anyhow::anyhow!("{error}"))?;
    }
    builder.commit_from_memory(model).context("ONNX Runtime refuses the model")
}

/// A tower: feature rows in, unit vectors out.
pub struct Tower {
    session: Session,
    name: &'static str,
    input: String,
    provider: Provider,
}

impl Tower {
    /// Loads a tower; `name` is for messages.
    ///
    /// # Errors
    /// When the runtime cannot be loaded or the model is not a tower.
    pub fn open(model: &[u8], name: &'static str) -> anyhow::Result<Self> {
        let provider = provider();
        let session =
            session_on(model, 0, provider).with_context(|| format!("the {name} tower cannot be used"))?;
        let [input] = session.inputs() else {
            bail!("the {name} tower has {} inputs, a tower has one", session.inputs().len());
        };
        let input = input.name().to_owned();
        Ok(Self { session, name, input, provider })
    }

    /// The unit vectors of these rows, and their dimension.
    ///
    /// # Errors
    /// When the model takes another number of columns.
    pub fn run(&mut self, rows: &FeatureMatrix) -> anyhow::Result<(usize, Vec<f32>)> {
        let width = rows.columns.len();
        let progress = progress::bar("vectors", rows.rows());
        let mut vectors = Vec::new();
        let mut dimension = 0;
        let mut rest = rows.values.as_slice();
        let mut most = self.rows_at_once(width);
        while !rest.is_empty() {
            let batch = &rest[..rest.len().min(most * width)];
            let count = batch.len() / width;
            let (shape, values) = match self.batch(batch, width) {
                Err(_) if most > BATCH => {
                    most = (most / 2).max(BATCH);
                    continue;
                }
                answer => answer?,
            };
            rest = &rest[batch.len()..];
            ensure!(
                shape.len() == 2 && shape[0] == count as i64 && shape[1] > 0,
                "the {} tower answers {count} rows with the shape {shape:?}",
                self.name
            );
            dimension = shape[1] as usize;
            vectors.extend(values);
            progress.inc(count as u64);
        }
        progress.finish_and_clear();
        ensure!(
            vectors.iter().all(|value| value.is_finite()),
            "the {} tower gives values that are no numbers",
            self.name
        );
        normalise_rows(&mut vectors, dimension.max(1));
        Ok((dimension, vectors))
    }

    /// How many columns it takes; none where the model does not say.
    #[must_use]
    pub fn width(&self) -> Option<usize> {
        let shape = self.session.inputs().first()?.dtype().tensor_shape()?;
        usize::try_from(*shape.last()?).ok().filter(|width| *width > 0)
    }

    /// On a card where it has no room for what they become, half as many are tried next.
    fn rows_at_once(&self, width: usize) -> usize {
        match self.provider {
            Provider::Cpu => BATCH,
            Provider::Cuda => (card::in_force().memory_bytes / (4 * width.max(1))).max(BATCH),
        }
    }

    /// The unit vector of one row.
    ///
    /// # Errors
    /// When the model takes another number of columns.
    pub fn one(&mut self, row: &[f32]) -> anyhow::Result<Vec<f32>> {
        let (_, mut vector) = self.batch(row, row.len())?;
        let dimension = vector.len().max(1);
        normalise_rows(&mut vector, dimension);
        Ok(vector)
    }

    fn batch(&mut self, values: &[f32], width: usize) -> anyhow::Result<(Vec<i64>, Vec<f32>)> {
        let rows = Array2::from_shape_vec((values.len() / width, width), values.to_vec())?;
        let input = Tensor::from_array(rows)?;
        let outputs = self.session.run(ort::inputs![self.input.as_str() => input]).with_context(|| {
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
pub fn embed(
    catalogue: &Catalogue,
    histories: &Histories,
    model: &ModelDirectory,
    (item, user): (&[u8], &[u8]),
    is_wanted: &dyn Fn(usize) -> bool,
) -> anyhow::Result<Embeddings> {
    let rows = features::item_matrix(catalogue, histories);
    let mut tower = Tower::open(item, "item")?;
    let Vectors { dimension, values: items, reused } = match &model.kept_vectors {
        Some(folder) => {
            VectorCache::open(folder, &model.towers_hash()).run(&rows, |missing| tower.run(missing))?
        }
        None => {
            let (dimension, values) = tower.run(&rows)?;
            Vectors { dimension, values, reused: 0 }
        }
    };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::generate;
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
    fn the_smallest_graph_is_one_and_runs_on_what_is_there() {
        if std::env::var_os(LIBRARY).is_none() {
            assert_eq!(provider(), Provider::Cpu);
            return crate::skipped::note("no ONNX Runtime is named", "cargo xtask test");
        }
        let mut session = session_on(IDENTITY, 1, provider()).unwrap();
        let values = Tensor::from_array(([2_usize], vec![3.0_f32, 4.0])).unwrap();
        let outputs = session.run(ort::inputs!["x" => values]).unwrap();
        assert_eq!(outputs["y"].try_extract_tensor::<f32>().unwrap().1, [3.0, 4.0]);
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
    fn a_model_for_other_data_is_refused_before_it_runs() {
        let mut catalogue = generated();
        catalogue.dataset.categories.push("zydeco".into());
        let error = embed(&catalogue, None, Some(&ModelDirectory::demo())).unwrap_err();
        assert!(error.to_string().contains("other attributes and categories"), "{error}");
    }
}
