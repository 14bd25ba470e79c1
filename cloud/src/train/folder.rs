//! Where models lie in a data folder: `models/HASH/`, and the link `models/current` to the one in use.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use sha2::{Digest, Sha256};

use super::card;
use crate::hash::hex;

/// The model in use for this data, if one was trained or put there.
#[must_use]
pub fn current(data: &Path) -> Option<PathBuf> {
    let current = data.join("models").join("current");
    current.exists().then_some(current)
}

/// Where a model folder holds the model for one fold.
#[must_use]
pub fn fold_folder(model: &Path, fold: u32) -> PathBuf {
    model.join("folds").join(fold.to_string())
}

/// Copies a model's files into another folder.
pub(super) fn copy_files(from: &Path, to: &Path) -> anyhow::Result<()> {
    for name in card::files(from).into_iter().chain([card::FILE]) {
        fs::copy(from.join(name), to.join(name))
            .with_context(|| format!("cannot copy {name} to {}", to.display()))?;
    }
    Ok(())
}

/// A model in the making; what is not published is removed again.
pub(super) struct Staging {
    models: PathBuf,
    folder: PathBuf,
}

impl Staging {
    pub(super) fn create(data: &Path) -> anyhow::Result<Self> {
        let models = data.join("models");
        let folder = models.join(format!(".training-{}", std::process::id()));
        let staging = Self { models, folder };
        for folder in [staging.work(), staging.model()] {
            fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        Ok(staging)
    }

    /// For arrays and whatever else is not kept.
    pub(super) fn work(&self) -> PathBuf {
        self.folder.join("work")
    }

    /// For the model.
    pub(super) fn model(&self) -> PathBuf {
        self.folder.join("model")
    }

    /// Gives the model its name and makes it current.
    pub(super) fn publish(self) -> anyhow::Result<PathBuf> {
        let name = hash(&self.model())?;
        let place = self.models.join(&name);
        match place.exists() {
            true => renew_cards(&self.model(), &place)?,
            false => fs::rename(self.model(), &place)
                .with_context(|| format!("cannot make {}", place.display()))?,
        }
        point(&self.models, &name)?;
        Ok(place)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // What stays behind is only disk space, and a hidden folder says what it was for.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A model's folder and those of its folds.
fn folders(model: &Path) -> Vec<PathBuf> {
    let mut folders = vec![model.to_owned()];
    folders.extend((0..).map(|fold| fold_folder(model, fold)).take_while(|folder| folder.is_dir()));
    folders
}

/// Gives a model that was made before the cards of the same files made now: what they say beside, such as by which label rules
/// it learned, is of this training.
fn renew_cards(made: &Path, place: &Path) -> anyhow::Result<()> {
    for (from, to) in folders(made).into_iter().zip(folders(place)) {
        let to = to.join(card::FILE);
        fs::rename(from.join(card::FILE), &to).with_context(|| format!("cannot replace {}", to.display()))?;
    }
    Ok(())
}

/// SHA-256 over the files of a model and of its folds: the folder's name.
fn hash(model: &Path) -> anyhow::Result<String> {
    let mut digest = Sha256::new();
    for folder in folders(model) {
        for name in card::files(&folder) {
            let path = folder.join(name);
            digest.update(fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
        }
    }
    Ok(hex(&digest.finalize()))
}

/// Moves the link `current` in one step.
fn point(models: &Path, name: &str) -> anyhow::Result<()> {
    let current = models.join("current");
    let is_own = current.is_dir() && !current.is_symlink();
    ensure!(
        !is_own,
        "the model is in {}, but {} is a folder of your own: move it away to use the new one",
        models.join(name).display(),
        current.display()
    );
    let next = models.join(format!(".current-{}", std::process::id()));
    let moved = link(name, &next).and_then(|()| fs::rename(&next, &current));
    moved.with_context(|| format!("cannot make {name} the current model of {}", models.display()))
}

#[cfg(unix)]
fn link(name: &str, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(name, at)
}

#[cfg(not(unix))]
fn link(name: &str, at: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_dir(name, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(data: &Path, content: &str) -> anyhow::Result<PathBuf> {
        published(data, content, "card")
    }

    fn published(data: &Path, content: &str, card: &str) -> anyhow::Result<PathBuf> {
        let staging = Staging::create(data)?;
        fs::write(staging.model().join(card::FILE), card).unwrap();
        for name in card::files(&staging.model()) {
            fs::write(staging.model().join(name), content).unwrap();
        }
        staging.publish()
    }

    #[test]
    fn the_newest_model_is_current_and_the_one_before_stays() {
        let data = tempfile::tempdir().unwrap();
        assert_eq!(current(data.path()), None);
        let first = publish(data.path(), "one").unwrap();
        let second = publish(data.path(), "two").unwrap();
        assert_ne!(first, second);
        assert!(first.exists());
        let current = fs::canonicalize(current(data.path()).unwrap()).unwrap();
        assert_eq!(current, fs::canonicalize(&second).unwrap());
        assert_eq!(publish(data.path(), "two").unwrap(), second);
        assert_eq!(fs::read_dir(data.path().join("models")).unwrap().count(), 3);
    }

    #[test]
    fn the_same_files_made_again_have_the_newest_card() {
        let data = tempfile::tempdir().unwrap();
        let first = published(data.path(), "one", "learned by some rules").unwrap();
        assert_eq!(published(data.path(), "one", "learned by others").unwrap(), first);
        assert_eq!(fs::read_to_string(first.join(card::FILE)).unwrap(), "learned by others");
    }

    #[test]
    fn a_model_folder_of_ones_own_is_not_replaced() {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir_all(data.path().join("models/current")).unwrap();
        let error = publish(data.path(), "one").unwrap_err().to_string();
        assert!(error.contains("move it away"), "{error}");
    }
}
