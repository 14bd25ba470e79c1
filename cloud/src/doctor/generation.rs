//! The generation in force: is it there, whole, signed, in time; and what became of the last refresh.

use segue_core::trust::{Manifest, Trust, VerifiedManifest};

use super::{Code, Examined, Finding};
use crate::keys::KeyStore;
use crate::packs::{Generation, PackStore};

const DAY_MS: i64 = 86_400_000;
/// Clocks of well-kept machines differ by less.
const SKEW_MS: i64 = 5 * 60_000;

pub(super) fn examine(examined: &Examined) -> Vec<Finding> {
    let mut findings = refused(examined);
    let store = PackStore::new(&examined.data);
    let generation = match current(&store) {
        Ok(generation) => generation,
        Err(finding) => {
            findings.push(finding);
            return findings;
        }
    };
    let damaged = |error: &anyhow::Error| Finding::new(Code::GenerationDamaged, format!("{error:#}"));
    findings.extend(generation.shards().iter().find_map(|shard| shard.verify().err()).as_ref().map(damaged));
    match manifest(examined, &generation) {
        Ok(Some(manifest)) => {
            findings.extend(times(examined, &manifest));
            findings.extend(artefacts(&store, &manifest));
        }
        Ok(None) => {}
        Err(error) => findings.push(damaged(&error)),
    }
    findings
}

fn current(store: &PackStore) -> Result<Generation, Finding> {
    let number = match store.current() {
        Ok(Some(number)) => number,
        Ok(None) => return Err(Finding::new(Code::GenerationMissing, "nothing is published")),
        Err(error) => return Err(Finding::new(Code::PointerDamaged, format!("{error:#}"))),
    };
    match store.open(number) {
        Ok(Some(generation)) => Ok(generation),
        Ok(None) => {
            let what = format!("served/current names generation {number}, which is not there");
            Err(Finding::new(Code::PointerDamaged, what))
        }
        Err(error) => Err(Finding::new(Code::GenerationDamaged, format!("{error:#}"))),
    }
}

/// The manifest as a client sees it; none without a root key, which is another finding.
pub(super) fn manifest(
    examined: &Examined,
    generation: &Generation,
) -> anyhow::Result<Option<VerifiedManifest>> {
    let Ok(Some(root)) = KeyStore::new(&examined.data).root() else { return Ok(None) };
    let mut trust = Trust::new(root)?;
    trust.accept_rotations(generation.rotations())?;
    let manifest = Manifest::verify(generation.manifest(), trust.key())?;
    let (said, number) = (manifest.generation, generation.number());
    anyhow::ensure!(said == number, "the manifest of generation {number} says generation {said}");
    Ok(Some(manifest))
}

fn times(examined: &Examined, manifest: &Manifest) -> Vec<Finding> {
    let (age, left) = (examined.now_ms - manifest.created_ms, manifest.expires_ms - examined.now_ms);
    let mut findings = Vec::new();
    if age < -SKEW_MS {
        let what = format!("generation {} was made {} in the future", manifest.generation, shown(-age));
        findings.push(Finding::new(Code::ClockBehind, what));
    }
    if age > examined.late_ms {
        let what = format!(
            "generation {} is {} old; another was due after {}",
            manifest.generation,
            shown(age),
            shown(examined.late_ms)
        );
        findings.push(Finding::new(Code::RefreshLate, what));
    }
    match left {
        ..=0 => findings.push(Finding::new(
            Code::GenerationExpired,
            format!("generation {} has not been accepted for {}", manifest.generation, shown(-left)),
        )),
        1..DAY_MS => findings.push(Finding::new(
            Code::GenerationExpiring,
            format!("generation {} is accepted for another {}", manifest.generation, shown(left)),
        )),
        _ => {}
    }
    findings
}

/// Models and policies that are not what the manifest names.
fn artefacts(store: &PackStore, manifest: &Manifest) -> Vec<Finding> {
    let ranker = manifest.ranker.iter().flat_map(|ranker| [&ranker.model, &ranker.schema]);
    let named = ranker.chain(manifest.policies.values());
    let wrong = named.filter_map(|artefact| match store.blob(&artefact.hash) {
        Ok(Some(_)) => None,
        Ok(None) => Some(format!("served/blobs/{} is missing", artefact.hash)),
        Err(error) => Some(format!("{error:#}")),
    });
    wrong.map(|what| Finding::new(Code::ArtefactDamaged, what)).collect()
}

/// Runs that the gates did not let through, for as long as they lie there.
fn refused(examined: &Examined) -> Vec<Finding> {
    let runs = std::fs::read_dir(examined.data.join("refresh").join("runs"));
    // One with a dot is being cleared away.
    let is_run = |run: &std::fs::DirEntry| !run.file_name().as_encoded_bytes().starts_with(b".");
    let files =
        runs.into_iter().flatten().flatten().filter(is_run).map(|run| run.path().join("refused.json"));
    let found = files.filter(|file| file.exists());
    found.map(|file| Finding::new(Code::RefreshRefused, format!("see {}", file.display()))).collect()
}

/// A span of time for people.
pub(crate) fn shown(milliseconds: i64) -> String {
    let units = [(DAY_MS, "d"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    let unit = units.into_iter().find(|(length, _)| milliseconds >= *length);
    unit.map_or_else(
        || format!("{milliseconds} ms"),
        |(length, name)| format!("{} {name}", milliseconds / length),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_shown_in_their_largest_unit() {
        let spans = [5, 59_000, 61_000, 7_200_000, 3 * DAY_MS + 1].map(shown);
        assert_eq!(spans, ["5 ms", "59 s", "1 min", "2 h", "3 d"]);
    }
}
