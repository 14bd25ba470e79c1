//! The model in use and what runs it.

use super::{Code, Examined, Finding};
use crate::catalog::Dataset;
use crate::onnx;
use crate::towers::{ModelDirectory, Retriever, table};

pub(super) fn examine(examined: &Examined) -> Vec<Finding> {
    let Ok(dataset) = Dataset::read(&examined.data) else { return Vec::new() };
    let model = match ModelDirectory::find(&examined.data, &dataset) {
        Ok(Some(model)) => model,
        Ok(None) => return unfit(examined).into_iter().collect(),
        Err(error) => return vec![Finding::new(Code::ModelDamaged, format!("{error:#}"))],
    };
    match &examined.runtime {
        Some(library) if library.is_file() => unreadable(&model).into_iter().collect(),
        Some(library) => {
            let what = format!("{} names {}, which is no file", onnx::LIBRARY, library.display());
            vec![Finding::new(Code::RuntimeMissing, what)]
        }
        None => {
            let what = format!("{} is not set, and the model {} needs it", onnx::LIBRARY, model.origin);
            vec![Finding::new(Code::RuntimeMissing, what)]
        }
    }
}

/// The folder's own model does not fit; without one there is nothing to find.
fn unfit(examined: &Examined) -> Option<Finding> {
    let current = examined.data.join("models").join("current");
    current.exists().then(|| {
        let what = format!("{} was trained for other attributes and categories", current.display());
        Finding::new(Code::ModelUnfit, what)
    })
}

/// A file that ONNX Runtime or the core refuses.
fn unreadable(model: &ModelDirectory) -> Option<Finding> {
    let runtime = onnx::runtime().err().map(|error| Finding::new(Code::RuntimeMissing, format!("{error:#}")));
    let damaged = || {
        let damaged = |name: &str, error: String| {
            Finding::new(Code::ModelDamaged, format!("{name} of {}: {error}", model.origin))
        };
        let mut files = vec![("ranker.onnx", &model.ranker)];
        if let Retriever::Towers { item, user, .. } = &model.retriever {
            files.extend([("item_tower.onnx", item), ("user_tower.onnx", user)]);
        }
        let schema = segue_core::features::Schema::from_json(&model.schema).err();
        let schema = schema.map(|error| damaged("schema.json", error.to_string()));
        let refused = |(name, bytes): (&str, &std::borrow::Cow<'static, [u8]>)| {
            onnx::session(bytes, 1).err().map(|error| damaged(name, format!("{error:#}")))
        };
        schema.or_else(|| broken_table(model)).or_else(|| files.into_iter().find_map(refused))
    };
    runtime.or_else(damaged)
}

/// A table of item vectors that cannot be read.
fn broken_table(model: &ModelDirectory) -> Option<Finding> {
    let bytes = match &model.retriever {
        Retriever::Towers { table, .. } => table.as_ref()?,
        Retriever::Table(table) => table,
    };
    let error = table::ItemTable::from_bytes(bytes).err()?;
    Some(Finding::new(Code::ModelDamaged, format!("{} of {}: {error:#}", table::FILE, model.origin)))
}
