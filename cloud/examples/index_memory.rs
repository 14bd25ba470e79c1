//! What a graph of usearch with vectors of 16 bits takes in memory, for `cargo xtask bench cloud`.
//!
//! `index_memory ITEMS` puts so many vectors of 64 dimensions into it one after the other, asks a few questions, and prints a JSON object: the
//! bytes that the graph added to what the process has in memory. The 32-bit vectors that distances are computed from come on
//! top of that, and are printed beside it.

use std::error::Error;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::json;
use usearch::{Index, IndexOptions, MetricKind, ScalarKind};

const DIMENSION: usize = 64;
/// As the refresh builds its graphs.
const LINKS: usize = 16;
const BREADTH: usize = 100;
/// Searches at once, likewise: each keeps its own workspace.
const THREADS: usize = 256;
const QUESTIONS: usize = 100;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [items] = arguments.as_slice() else { return Err("usage: index_memory ITEMS".into()) };
    let items = items.parse::<usize>()?;
    let mut draws = ChaCha8Rng::seed_from_u64(7);
    let before = resident_bytes().ok_or("the system does not tell how much memory a process has")?;
    let index = Index::new(&IndexOptions {
        dimensions: DIMENSION,
        metric: MetricKind::L2sq,
        quantization: ScalarKind::F16,
        connectivity: LINKS,
        expansion_add: BREADTH,
        expansion_search: BREADTH,
        multi: false,
    })?;
    index.reserve_capacity_and_threads(items, THREADS)?;
    // Points around centres, as items of one kind lie together; each is drawn and let go of.
    let centres: Vec<[f32; DIMENSION]> = (0..items.div_ceil(50)).map(|_| point(&mut draws)).collect();
    for item in 0..items {
        index.add(item as u64, &near(&centres, &mut draws))?;
    }
    for _ in 0..QUESTIONS {
        let found = index.search(&near(&centres, &mut draws), 10)?;
        assert_eq!(found.keys.len(), 10.min(items));
    }
    let after = resident_bytes().ok_or("the system does not tell how much memory a process has")?;
    let centres = (centres.len() * DIMENSION * size_of::<f32>()) as u64;
    let graph = after.saturating_sub(before).saturating_sub(centres);
    println!("{}", json!({"graph_bytes": graph, "vectors_bytes": items * DIMENSION * size_of::<f32>()}));
    Ok(())
}

fn point(draws: &mut ChaCha8Rng) -> [f32; DIMENSION] {
    std::array::from_fn(|_| draws.next_u32() as f32 / u32::MAX as f32 - 0.5)
}

fn near(centres: &[[f32; DIMENSION]], draws: &mut ChaCha8Rng) -> [f32; DIMENSION] {
    let centre = centres[draws.next_u32() as usize % centres.len()];
    let off = point(draws);
    std::array::from_fn(|at| centre[at] + 0.6 * off[at])
}

/// The memory that this process has now.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1_024)
}
