//! A trained model's folder: two towers, a table of item vectors or both, the session ranker, the feature schema.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

use super::table;
use crate::catalog::Dataset;
use crate::hash::hex;

/// Boosted trees in a model folder: a row of the judge, never published.
pub const TREES: &str = "gbdt.onnx";

const ITEM_TOWER: &str = "item_tower.onnx";
const USER_TOWER: &str = "user_tower.onnx";

/// The files in `folder` that make vectors: both towers, a table of item vectors, or towers and a table beside them.
#[must_use]
pub fn vector_files(folder: &Path) -> Vec<&'static str> {
    let (towers, table) = (folder.join(ITEM_TOWER).exists(), folder.join(table::FILE).exists());
    let mut files = Vec::new();
    if towers || !table {
        files.extend([ITEM_TOWER, USER_TOWER]);
    }
    files.extend(table.then_some(table::FILE));
    files
}

/// A model's files in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelDirectory {
    /// Where it came from, for messages.
    pub origin: String,
    /// Folder where item vectors are kept for later runs, if they are to be.
    pub kept_vectors: Option<PathBuf>,
    /// What makes the vectors of items and users.
    pub retriever: Retriever,
    /// `ranker.onnx`.
    pub ranker: Cow<'static, [u8]>,
    /// `schema.json`: what the core reads, and the data it was trained for.
    pub schema: Cow<'static, [u8]>,
    /// `gbdt.onnx`, where there is one.
    pub trees: Option<Cow<'static, [u8]>>,
}

/// What makes the vectors of items and users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retriever {
    /// `item_tower.onnx` and `user_tower.onnx`: vectors from metadata and history.
    Towers {
        /// `item_tower.onnx`.
        item: Cow<'static, [u8]>,
        /// `user_tower.onnx`.
        user: Cow<'static, [u8]>,
        /// `item_vectors.bin` beside them, where there is one: it finds what is taken up together with an item, and makes no
        /// vector that anybody else sees.
        table: Option<Cow<'static, [u8]>>,
    },
    /// `item_vectors.bin`: a vector for each item, learned from what was taken up together.
    Table(Cow<'static, [u8]>),
}

#[derive(serde::Deserialize)]
struct TrainedOn {
    dataset: String,
    /// Hash of what made the vectors, where the training tells.
    #[serde(default)]
    towers: Option<String>,
}

impl ModelDirectory {
    /// Reads a model folder.
    ///
    /// # Errors
    /// When a file is missing, the schema names no data set, or the ranker was trained on vectors of other towers.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let read = |name: &str| -> anyhow::Result<Cow<'static, [u8]>> {
            let path = folder.join(name);
            let bytes = std::fs::read(&path).with_context(|| {
                format!(
                    "cannot read {}: a model folder holds item_tower.onnx and user_tower.onnx, item_vectors.bin or all three, \
                     ranker.onnx and schema.json",
                    path.display()
                )
            })?;
            Ok(Cow::Owned(bytes))
        };
        let files = vector_files(folder);
        let table = files.contains(&table::FILE).then(|| read(table::FILE)).transpose()?;
        let model = Self {
            origin: folder.display().to_string(),
            kept_vectors: None,
            retriever: match table {
                Some(table) if !files.contains(&ITEM_TOWER) => Retriever::Table(table),
                table => Retriever::Towers { item: read(ITEM_TOWER)?, user: read(USER_TOWER)?, table },
            },
            ranker: read("ranker.onnx")?,
            schema: read("schema.json")?,
            trees: folder.join(TREES).exists().then(|| read(TREES)).transpose()?,
        };
        let (towers, made) = (model.trained_on()?.towers, model.towers_hash());
        ensure!(
            towers.as_ref().is_none_or(|towers| *towers == made),
            "the ranker in {} was trained on vectors of the towers {}, those beside it are {made}: export both together",
            model.origin,
            towers.unwrap_or_default()
        );
        Ok(model)
    }

    /// The models that come with the program: trained on generated data, described by `cloud/models/demo/CARD.md`.
    #[must_use]
    pub fn demo() -> Self {
        Self {
            origin: "demo".into(),
            kept_vectors: None,
            retriever: Retriever::Towers {
                item: Cow::Borrowed(include_bytes!("../../models/demo/item_tower.onnx")),
                user: Cow::Borrowed(include_bytes!("../../models/demo/user_tower.onnx")),
                table: None,
            },
            ranker: Cow::Borrowed(include_bytes!("../../models/demo/ranker.onnx")),
            schema: Cow::Borrowed(include_bytes!("../../models/demo/schema.json")),
            trees: Some(Cow::Borrowed(include_bytes!("../../models/demo/gbdt.onnx"))),
        }
    }

    /// The model to use for this data: `models/current` of the data folder where there is one, else the demo's;
    /// none where the one found was trained for other attributes and categories.
    ///
    /// # Errors
    /// When `models/current` exists and is not a model folder.
    pub fn find(data: &Path, dataset: &Dataset) -> anyhow::Result<Option<Self>> {
        let current = data.join("models").join("current");
        let model = if current.exists() { Self::open(&current)? } else { Self::demo() };
        Ok(if model.fits(dataset)? { Some(model) } else { None })
    }

    /// Whether the model was trained for data with these declarations.
    ///
    /// # Errors
    /// When the schema cannot be read.
    pub fn fits(&self, dataset: &Dataset) -> anyhow::Result<bool> {
        Ok(self.trained_on()?.dataset == dataset.schema_hash())
    }

    /// The model's files with their names.
    #[must_use]
    pub fn files(&self) -> Vec<(&'static str, &[u8])> {
        let mut files: Vec<(&'static str, &[u8])> = match &self.retriever {
            Retriever::Towers { item, user, .. } => vec![(ITEM_TOWER, item), (USER_TOWER, user)],
            Retriever::Table(table) => vec![(table::FILE, table)],
        };
        files.extend(self.table_beside().map(|table| (table::FILE, table)));
        files.extend([("ranker.onnx", self.ranker.as_ref()), ("schema.json", &self.schema)]);
        files
    }

    /// The table of item vectors beside towers, where there is one.
    #[must_use]
    pub fn table_beside(&self) -> Option<&[u8]> {
        match &self.retriever {
            Retriever::Towers { table, .. } => table.as_deref(),
            Retriever::Table(_) => None,
        }
    }

    /// The same towers with this table beside them.
    #[cfg(test)]
    pub(crate) fn with_table_beside(mut self, bytes: Vec<u8>) -> Self {
        if let Retriever::Towers { table, .. } = &mut self.retriever {
            *table = Some(bytes.into());
        }
        self
    }

    /// SHA-256 over both towers, or over the table where there are none: the name of the vectors that they make.
    #[must_use]
    pub fn towers_hash(&self) -> String {
        let mut digest = Sha256::new();
        match &self.retriever {
            Retriever::Towers { item, user, .. } => {
                digest.update(item);
                digest.update(user);
            }
            Retriever::Table(table) => digest.update(table),
        }
        hex(&digest.finalize())
    }

    fn trained_on(&self) -> anyhow::Result<TrainedOn> {
        serde_json::from_slice(&self.schema).with_context(|| {
            format!("schema.json of {} names no `dataset`: export the model again", self.origin)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::towers::samples;

    fn folder_for(dataset: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let current = folder.path().join("models/current");
        std::fs::create_dir_all(&current).unwrap();
        for name in ["item_tower.onnx", "user_tower.onnx", "ranker.onnx"] {
            std::fs::write(current.join(name), name).unwrap();
        }
        std::fs::write(current.join("schema.json"), format!(r#"{{"dataset":"{dataset}"}}"#)).unwrap();
        folder
    }

    #[test]
    fn the_datas_own_model_is_used_where_the_schema_fits() {
        let dataset = samples::catalogue().dataset;
        let fitting = folder_for(&dataset.schema_hash());
        let found = ModelDirectory::find(fitting.path(), &dataset).unwrap().unwrap();
        assert_eq!(found.ranker.as_ref(), b"ranker.onnx");
        let other = folder_for("0123");
        assert_eq!(ModelDirectory::find(other.path(), &dataset).unwrap(), None);
    }

    #[test]
    fn the_demos_model_is_for_generated_data_only() {
        let folder = tempfile::tempdir().unwrap();
        let made = Dataset {
            attributes: crate::catalog::generate::items::attributes(),
            categories: generated_categories(),
            ..samples::catalogue().dataset
        };
        let found = ModelDirectory::find(folder.path(), &made).unwrap().unwrap();
        assert_eq!(found.origin, "demo");
        assert_eq!(ModelDirectory::find(folder.path(), &samples::catalogue().dataset).unwrap(), None);
    }

    fn generated_categories() -> Vec<String> {
        let mut names: Vec<String> =
            crate::catalog::generate::genres::GENRES.iter().map(|genre| genre.name.to_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn the_demos_schema_is_one_that_the_core_reads() {
        let schema = segue_core::features::Schema::from_json(&ModelDirectory::demo().schema).unwrap();
        assert_eq!(schema.dimension, crate::towers::DIMENSION);
    }

    #[cfg(feature = "ranker")]
    #[test]
    fn the_demos_ranker_runs_where_apps_run_it() {
        use segue_core::features::{Inputs, Schema};
        use segue_core::score::{RankerScorer, Scorer, check_heads};
        let model = ModelDirectory::demo();
        let schema = Schema::from_json(&model.schema).unwrap();
        let inputs = Inputs {
            count: 3,
            candidates: vec![0.1; 3 * schema.candidate_width()],
            live: vec![0.1; 3 * schema.live_width()],
            events: vec![0.1; schema.slots * schema.event_width()],
            mask: (0..schema.slots).map(|slot| f32::from(u8::from(slot < 4))).collect(),
            context: vec![0.5; schema.context_width()],
        };
        let mut scorer = RankerScorer::new(&model.ranker, &schema).unwrap();
        scorer.prepare(&inputs).unwrap();
        let heads = scorer.score(&inputs, &mut segue_core::Budget::unlimited()).unwrap();
        check_heads(&heads, inputs.count, &schema).unwrap();
        assert!(heads.iter().all(|probability| (0.0..=1.0).contains(probability)), "{heads:?}");
    }

    #[test]
    fn a_ranker_that_was_trained_on_vectors_of_other_towers_is_no_model_with_these() {
        let folder = folder_for("0123");
        let current = folder.path().join("models/current");
        let made = ModelDirectory::open(&current).unwrap().towers_hash();
        let told = |towers: &str| {
            let schema = format!(r#"{{"dataset":"0123","towers":"{towers}"}}"#);
            std::fs::write(current.join("schema.json"), schema).unwrap();
            ModelDirectory::open(&current).map_err(|error| error.to_string())
        };
        assert!(told(&made).is_ok());
        let error = told("others").unwrap_err();
        assert!(error.contains("others") && error.contains(&made), "{error}");
    }

    #[test]
    fn a_table_may_lie_beside_towers_and_does_not_name_their_vectors() {
        let folder = folder_for("0123");
        let current = folder.path().join("models/current");
        let towers = ModelDirectory::open(&current).unwrap();
        std::fs::write(current.join(table::FILE), "table").unwrap();
        let both = ModelDirectory::open(&current).unwrap();
        let table = b"table".as_slice();
        assert_eq!((towers.table_beside(), both.table_beside()), (None, Some(table)));
        assert_eq!(both.towers_hash(), towers.towers_hash());
        assert!(both.files().contains(&(table::FILE, table)) && both.files().len() == 5);
        std::fs::remove_file(current.join(USER_TOWER)).unwrap();
        let error = ModelDirectory::open(&current).unwrap_err().to_string();
        assert!(error.contains(USER_TOWER), "{error}");
        std::fs::remove_file(current.join(ITEM_TOWER)).unwrap();
        let alone = ModelDirectory::open(&current).unwrap();
        assert_eq!(alone.retriever, Retriever::Table(table.into()));
    }

    #[test]
    fn a_missing_file_is_named() {
        let folder = folder_for("0123");
        let current = folder.path().join("models/current");
        std::fs::remove_file(current.join("ranker.onnx")).unwrap();
        let error = ModelDirectory::open(&current).unwrap_err().to_string();
        assert!(error.contains("ranker.onnx"), "{error}");
    }
}
