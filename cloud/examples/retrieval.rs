//! How many queries a second one core answers by each index, for `cargo xtask bench cloud`; faiss answers the same ones
//! (`tests/bench/faiss_peer.py`).
//!
//! `retrieval FOLDER ITEMS` writes vectors and queries as rows of 64 little-endian f32 for the peer, and prints a JSON object: for each index its
//! queries per second and recall, searched just broadly enough for a recall@100 of 0.99, or as broadly as is tried; and of exact
//! search on a graphics card, where ONNX Runtime has one, with its share of the card's matrix rate and the tower's people a second.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use segue_cloud::index::{
    Exact, Graph, ItemVectors, Product, Query, Retrieval, Shape, multiply_rate, recall_at,
};
use segue_cloud::onnx::card::{self, Card};
use segue_cloud::onnx::{Device, Provider};
use segue_cloud::towers::Tower;
use segue_cloud::towers::features::FeatureMatrix;
use serde_json::{Map, Value, json};

const DIMENSION: usize = 64;
const QUERIES: usize = 2_000;
/// Queries whose recall is looked at.
const CHECKED: usize = 200;
/// Neighbours asked for.
const K: usize = 100;
const RECALL: f64 = 0.99;
/// Rows of the matrices whose products tell what the card can do.
const MATRIX: usize = 8_192;
/// People whose vectors are made.
const PEOPLE: usize = 200_000;
const BREADTHS: [usize; 8] = [100, 150, 200, 300, 400, 600, 800, 1_200];

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, items] = arguments.as_slice() else { return Err("usage: retrieval FOLDER ITEMS".into()) };
    let (folder, items) = (Path::new(folder), items.parse::<usize>()?);
    let mut draws = ChaCha8Rng::seed_from_u64(7);
    let centres: Vec<f32> = (0..items.div_ceil(50) * DIMENSION).map(|_| normal(&mut draws)).collect();
    let vectors = Arc::new(ItemVectors::normalised(DIMENSION, around(&centres, items, &mut draws))?);
    let queries = ItemVectors::normalised(DIMENSION, around(&centres, QUERIES, &mut draws))?;
    write(&folder.join("items.f32"), &vectors)?;
    write(&folder.join("queries.f32"), &queries)?;
    let queries: Vec<Vec<f32>> = (0..QUERIES).map(|query| queries.get(query).to_vec()).collect();
    let exact = Exact::new(Arc::clone(&vectors));
    let mut figures = Map::new();
    let one_core = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    for (name, graph) in [
        ("hnsw", Graph::hnsw(&vectors, Shape::USUAL, &|_| {})?),
        ("usearch", Graph::usearch(&vectors, Shape::USUAL, &|_| {})?),
    ] {
        let recall = |ef| recall_at(K, &graph, &exact, &queries[..CHECKED], K, ef);
        let reached = BREADTHS.map(|ef| (ef, recall(ef)));
        let (ef, recall) =
            *reached.iter().find(|(_, recall)| *recall >= RECALL).unwrap_or(&reached[BREADTHS.len() - 1]);
        let rate = one_core.install(|| rate(&graph, &queries, ef));
        figures.insert(name.to_owned(), json!({"per_second": rate, "recall_at_100": recall, "breadth": ef}));
    }
    // As a refresh uses it.
    card::use_so(Card::default());
    let device = Device::in_force();
    if device.provider == Provider::Cuda {
        figures.insert("card".to_owned(), on_card(device, &vectors, &exact, &queries)?);
    }
    let rate = one_core.install(|| rate(&exact, &queries, K));
    figures.insert("exact".to_owned(), json!({"per_second": rate, "recall_at_100": 1.0}));
    println!("{}", Value::Object(figures));
    Ok(())
}

/// Exact search and the user tower on a graphics card.
fn on_card(
    device: Device,
    vectors: &Arc<ItemVectors>,
    exact: &Exact,
    queries: &[Vec<f32>],
) -> Result<Value, Box<dyn Error>> {
    let index = Product::new(vectors, device)?;
    // This also warms the card.
    let recall = recall_at(K, &index, exact, &queries[..CHECKED], K, K);
    let rate = rate(&index, queries, K);
    let most = multiply_rate(device, MATRIX)?;
    let share = rate * (vectors.len() * DIMENSION) as f64 / most;
    let users = users_per_second()?;
    Ok(json!({
        "per_second": rate, "recall_at_100": recall, "matrix_share": share, "users_per_second": users
    }))
}

/// People whose vectors the demo's tower makes in a second.
fn users_per_second() -> Result<f64, Box<dyn Error>> {
    let model = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/models/demo/user_tower.onnx"))?;
    let mut tower = Tower::open(&model, "user")?;
    let width = tower.width().ok_or("the user tower does not say how many columns it takes")?;
    let mut draws = ChaCha8Rng::seed_from_u64(8);
    let values = (0..PEOPLE * width).map(|_| normal(&mut draws)).collect();
    let rows = FeatureMatrix { columns: vec![String::new(); width], values };
    tower.run(&rows)?;
    let started = Instant::now();
    tower.run(&rows)?;
    Ok(PEOPLE as f64 / started.elapsed().as_secs_f64())
}

/// Queries answered in a second.
fn rate(index: &dyn Retrieval, queries: &[Vec<f32>], ef: usize) -> f64 {
    let asked: Vec<Query<'_>> = queries.iter().map(|vector| Query { vector, filter: &|_| true }).collect();
    let started = Instant::now();
    let found = index.search_many(&asked, K, ef);
    assert_eq!(found.len(), queries.len());
    queries.len() as f64 / started.elapsed().as_secs_f64()
}

/// Points around centres, as items of one kind lie together.
fn around(centres: &[f32], count: usize, draws: &mut ChaCha8Rng) -> Vec<f32> {
    let kinds = centres.len() / DIMENSION;
    (0..count)
        .flat_map(|_| {
            let kind = draws.next_u32() as usize % kinds;
            let centre = &centres[kind * DIMENSION..(kind + 1) * DIMENSION];
            centre.iter().map(|value| value + 0.6 * normal(draws)).collect::<Vec<f32>>()
        })
        .collect()
}

/// A draw from the normal distribution (Box and Muller, 1958).
fn normal(draws: &mut ChaCha8Rng) -> f32 {
    let mut uniform = || (f64::from(draws.next_u32()) + 0.5) / f64::from(u32::MAX);
    let (one, other) = (uniform(), uniform());
    ((-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()) as f32
}

fn write(file: &Path, vectors: &ItemVectors) -> std::io::Result<()> {
    let rows = (0..vectors.len()).flat_map(|row| vectors.get(row));
    fs::write(file, rows.flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}
