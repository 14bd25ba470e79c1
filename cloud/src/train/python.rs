//! The Python that trains: found, asked what it lacks, called.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};

use super::Options;
use crate::onnx::LIBRARY;

/// The variable that names the Python with PyTorch.
const VARIABLE: &str = "SEGUE_PYTHON";
/// The folder of the training's sources in a checkout.
const SOURCES: &str = "cloud/training";
/// The package in it.
const PACKAGE: &str = "segue_training";
/// The code of an error that says what to install.
const UNAVAILABLE: &str = "training_unavailable";

/// Prints the packages that are missing, and ONNX Runtime's library where it finds it.
const ASK: &str = r#"
import importlib.util, pathlib
find = importlib.util.find_spec
print(" ".join(name for name in ("torch", "onnx", "onnxscript", "onnxruntime", "numpy") if find(name) is None))
runtime = find("onnxruntime")
folder = pathlib.Path(runtime.origin).parent / "capi" if runtime else pathlib.Path("nowhere")
print(next(iter(sorted(folder.glob("libonnxruntime*"))), ""))
"#;

/// What makes the vectors of items and people.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Retriever {
    /// What was taken up together: catalogues whose items are met again and again.
    #[default]
    Item2vec,
    /// Two towers over metadata and history: catalogues where much is new.
    Towers,
    /// Two towers, and beside them what was taken up together, which finds what is similar: catalogues of both kinds.
    Both,
}

impl Retriever {
    /// Its word in commands.
    fn word(self) -> &'static str {
        match self {
            Self::Item2vec => "item2vec",
            Self::Towers => "towers",
            Self::Both => "both",
        }
    }
}

/// How a ranker's file keeps its weights; the core computes in f32 with either.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Weights {
    /// Four bytes each, as they were learned.
    #[default]
    F32,
    /// A byte each, with a scale for each row or column of a large matrix.
    Int8,
}

impl Weights {
    /// Its word in commands.
    fn word(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
        }
    }
}

/// A Python that has what training needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Python {
    program: PathBuf,
    sources: PathBuf,
    /// ONNX Runtime's library in it.
    library: PathBuf,
}

impl Python {
    /// Finds Python and the training's sources, and asks for the packages.
    ///
    /// # Errors
    /// `training_unavailable`: says what is missing and how to install it.
    pub fn find(program: Option<&Path>, sources: Option<&Path>) -> anyhow::Result<Self> {
        let sources = match sources {
            Some(folder) => folder.to_owned(),
            None => around().with_context(|| {
                format!("{UNAVAILABLE}: {SOURCES} of the project is not found: name it with --training DIR")
            })?,
        };
        ensure!(
            sources.join(PACKAGE).is_dir(),
            "{UNAVAILABLE}: {} has no folder {PACKAGE}: name {SOURCES} of the project with --training DIR",
            sources.display()
        );
        let program = program.map(Path::to_owned).or_else(|| std::env::var_os(VARIABLE).map(Into::into));
        let program = program.unwrap_or_else(|| "python3".into());
        let library = ask(&program).with_context(|| remedy(&sources))?;
        Ok(Self { program, sources, library })
    }

    /// Trains on `data`, keeps arrays in `work` and writes the model into `output`; returns what the training says. Vectors go on
    /// from those of the model `before`. Of `options` it goes by what makes them, how weights are kept, and how many processes learn
    /// together.
    ///
    /// # Errors
    /// When the training fails; what it printed was passed on.
    pub(super) fn train(
        &self,
        data: &Path,
        work: &Path,
        output: &Path,
        before: Option<&Path>,
        options: &Options,
    ) -> anyhow::Result<serde_json::Value> {
        let absolute = |path: &Path| std::path::absolute(path);
        let mut command = Command::new(&self.program);
        command
            .args(launcher(options.processes))
            .args(["-m", PACKAGE, "--segue"])
            .arg(std::env::current_exe()?);
        command.args(["train", "--retriever", options.retriever.word()]);
        command.args(["--weights", options.weights.word()]);
        command.arg("--data").arg(absolute(data)?).arg("--work").arg(absolute(work)?);
        command.arg("--out").arg(absolute(output)?).current_dir(&self.sources);
        if let Some(before) = before {
            command.arg("--before").arg(absolute(before)?);
        }
        if std::env::var_os(LIBRARY).is_none() {
            command.env(LIBRARY, &self.library);
        }
        let status = command.status().with_context(|| format!("cannot run {}", self.program.display()))?;
        ensure!(status.success(), "the training failed ({status}): its own message stands above");
        let facts = work.join("facts.json");
        let bytes = std::fs::read(&facts).with_context(|| format!("cannot read {}", facts.display()))?;
        serde_json::from_slice(&bytes).with_context(|| format!("{} is not JSON", facts.display()))
    }
}

/// What starts that many processes of a module (`torchrun`); nothing for one.
fn launcher(processes: u32) -> Vec<String> {
    if processes < 2 {
        return Vec::new();
    }
    let count = processes.to_string();
    ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", &count].map(str::to_owned).to_vec()
}

/// The training's sources in a folder around the working folder or the program.
fn around() -> Option<PathBuf> {
    let folders = [std::env::current_dir().ok()?, std::env::current_exe().ok()?];
    let mut candidates = folders.iter().flat_map(|folder| folder.ancestors()).map(|at| at.join(SOURCES));
    candidates.find(|folder| folder.join(PACKAGE).is_dir())
}

/// What Python lacks is an error; else where its ONNX Runtime is.
fn ask(program: &Path) -> anyhow::Result<PathBuf> {
    let mut command = Command::new(program);
    let output = command.args(["-c", ASK]).stderr(Stdio::null()).output();
    let output = output.with_context(|| format!("cannot run {}", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut lines = text.lines();
    let (Some(missing), Some(library), true) = (lines.next(), lines.next(), output.status.success()) else {
        bail!("{} is no Python 3 that works ({})", program.display(), output.status);
    };
    ensure!(missing.is_empty(), "{} lacks {}", program.display(), missing.replace(' ', ", "));
    Ok(library.into())
}

fn remedy(sources: &Path) -> String {
    let lock = sources.join("requirements.lock");
    format!(
        "{UNAVAILABLE}: install what training needs with `python3 -m venv VENV && VENV/bin/pip install \
         --require-hashes -r {}`, then give --python VENV/bin/python",
        lock.display()
    )
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn a_missing_python_says_what_to_install() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("training");
        let error = Python::find(Some(Path::new("no-such-python")), Some(&sources)).unwrap_err();
        let text = format!("{error:#}");
        assert!(text.starts_with(UNAVAILABLE), "{text}");
        assert!(text.contains("no-such-python") && text.contains("requirements.lock"), "{text}");
    }

    #[test]
    fn one_process_needs_no_launcher() {
        assert!(launcher(0).is_empty() && launcher(1).is_empty());
        assert_eq!(launcher(2).last().map(String::as_str), Some("2"));
    }

    #[test]
    fn weights_are_called_alike_on_both_command_lines() {
        let python = include_str!("../../training/segue_training/quantise.py");
        let words: Vec<String> =
            Weights::value_variants().iter().map(|weights| format!("{:?}", weights.word())).collect();
        assert!(python.contains(&format!("FLOAT, INT8 = {}\n", words.join(", "))), "{words:?}");
        for weights in Weights::value_variants() {
            assert_eq!(weights.to_possible_value().unwrap().get_name(), weights.word());
        }
    }

    #[test]
    fn what_makes_vectors_is_called_alike_on_both_command_lines() {
        let python = include_str!("../../training/segue_training/train.py");
        let word = |retriever: Retriever| format!("{:?}", retriever.word());
        let words = [Retriever::Towers, Retriever::Item2vec, Retriever::Both].map(word).join(", ");
        assert!(python.contains(&format!("TOWERS, ITEM2VEC, BOTH = {words}\n")), "{words}");
        for retriever in Retriever::value_variants() {
            assert_eq!(retriever.to_possible_value().unwrap().get_name(), retriever.word());
        }
    }

    #[test]
    fn a_folder_without_the_sources_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let text = Python::find(None, Some(folder.path())).unwrap_err().to_string();
        assert!(text.contains("--training") && text.contains(PACKAGE), "{text}");
    }
}
