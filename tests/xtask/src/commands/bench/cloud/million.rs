//! What a refresh of a million items takes in memory, with the index that `docs/OPERATIONS.md` recommends for so many.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::people;
use crate::paths::Paths;
use crate::shell;
use crate::steps::Step;
use crate::whole_path::Segue;

/// What the key is.
pub(super) const PEAK: &str = "refresh_1m_peak_bytes";
/// Why it is left out, and what measures it.
pub(super) const SKIPPED: &str = "it builds a graph of a million items, and needs Linux to tell the memory; `cargo xtask bench cloud --all` measures it";
const ITEMS: u64 = 1_000_000;
const PEOPLE: u64 = 1_000;
const INDEX: &str = "usearch";
const DIMENSION: u64 = 64;
/// Items lie around centres, fifty around each.
const CENTRES: u64 = ITEMS / 50;
const CATEGORIES: u64 = 20;

/// The most memory that one refresh had. The program is built anew, with usearch: no step that needs the one without may follow.
///
/// # Errors
/// When the program cannot be built, the folder cannot be made or the refresh fails.
pub(super) fn measure(paths: &Paths, step: &Step, segue: &Segue, source: &Path) -> anyhow::Result<Value> {
    let build = ["build", "--locked", "--release", "--package", "segue-cloud"];
    shell::run(step, &mut shell::cargo(paths, build))?;
    let data = paths.cache.join("bench-million");
    people::empty(&data)?;
    fill(&data, source)?;
    let mut refresh = segue.command(paths, &["refresh", "--json", "--index", INDEX], &data);
    let peak = shell::run_peak(step, &mut refresh);
    // Most of a gigabyte.
    fs::remove_dir_all(&data).with_context(|| format!("cannot remove {}", data.display()))?;
    Ok(json!(peak?.context("the system does not tell how much memory a process had")?))
}

/// The catalogue, and people who played some of it. No model was trained for such categories: the items' own vectors count.
fn fill(data: &Path, source: &Path) -> anyhow::Result<()> {
    fs::copy(source.join("split.json"), data.join("split.json")).context("copying split.json")?;
    let mut dataset: Value = serde_json::from_slice(&fs::read(source.join("dataset.json"))?)?;
    dataset["attributes"] = json!([]);
    dataset["categories"] = (0..CATEGORIES).map(category).collect();
    dataset["counts"] = people::counts(ITEMS, PEOPLE);
    fs::write(data.join("dataset.json"), dataset.to_string())?;
    let mut items = BufWriter::new(File::create(data.join("items.jsonl"))?);
    for number in 0..ITEMS {
        writeln!(items, "{}", item(number))?;
    }
    items.flush()?;
    people::write(data, PEOPLE)
}

/// In the order of the words.
fn category(number: u64) -> String {
    format!("kind{number:02}")
}

fn item(number: u64) -> Value {
    json!({
        "item": format!("t{number}"),
        "title": format!("Song {number}"),
        "creator": format!("c{}", number / 10),
        "categories": [category(number % CATEGORIES)],
        "vector": vector(number),
    })
}

/// Near its centre, in thousandths.
fn vector(number: u64) -> Vec<f64> {
    let centre = number % CENTRES;
    let at = |at: u64| unit(centre * DIMENSION + at) + 0.4 * unit((ITEMS + number) * DIMENSION + at);
    (0..DIMENSION).map(|place| (at(place) * 1_000.0).round() / 1_000.0).collect()
}

/// A number between -0.5 and 0.5 for each whole number, by SplitMix64.
fn unit(number: u64) -> f64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) as f64 / u64::MAX as f64 - 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_lie_around_centres_and_no_two_at_one_place() {
        let apart = |one: u64, other: u64| -> f64 {
            let both = vector(one).into_iter().zip(vector(other));
            both.map(|(one, other)| (one - other) * (one - other)).sum()
        };
        for number in 0..50 {
            let (near, far) = (apart(number, number + CENTRES), apart(number, number + 1));
            assert!(0.0 < near && 2.0 * near < far, "{number}: {near} {far}");
        }
        assert_eq!(vector(7).len() as u64, DIMENSION);
        let categories: Vec<String> = (0..CATEGORIES).map(category).collect();
        assert!(categories.is_sorted());
    }
}
