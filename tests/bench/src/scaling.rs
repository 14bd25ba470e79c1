//! What one event costs, over the number of candidates and over the length of the session.

use std::path::Path;

use anyhow::Result;
use serde_json::{Map, Value};

use crate::artefacts::Artefacts;
use crate::chart::{Chart, Point};
use crate::engine::Run;
use crate::times::Times;
use crate::workload::{CANDIDATES, EVENTS};

/// Candidates, with 50 events.
const OVER_CANDIDATES: [usize; 7] = [50, 100, 200, 500, 1_000, 2_000, 5_000];
/// Events before the one that is timed, with 500 candidates.
const OVER_EVENTS: [usize; 7] = [0, 10, 50, 100, 200, 500, 1_000];
const WARM_UP: usize = 20;
const MEASURED: usize = 200;

/// The median and the 99th percentile of each point, by key.
pub(crate) fn measure(model: &Path, plot: &Path) -> Result<Value> {
    let mut figures = Map::new();
    let mut candidates = Vec::new();
    for count in OVER_CANDIDATES {
        let times = after(&Artefacts::new(model, count)?, EVENTS)?;
        candidates.push(point(&mut figures, (count, EVENTS), count, &times));
    }
    let (artefacts, mut events) = (Artefacts::new(model, CANDIDATES)?, Vec::new());
    for count in OVER_EVENTS {
        let times = after(&artefacts, count)?;
        events.push(point(&mut figures, (CANDIDATES, count), count, &times));
    }
    let charts = [
        Chart { title: "one event, over candidates (50 events)", axis: "candidates", points: candidates },
        Chart { title: "one event, over events (500 candidates)", axis: "events before it", points: events },
    ];
    std::fs::write(plot, crate::chart::svg(&charts))?;
    Ok(Value::Object(figures))
}

fn point(
    figures: &mut Map<String, Value>,
    (candidates, events): (usize, usize),
    size: usize,
    times: &Times,
) -> Point {
    let (median, high) = (times.quantile(0.5), times.quantile(0.99));
    let key = format!("scaling_{candidates}x{events}");
    figures.insert(format!("{key}_p50_ms"), median.into());
    figures.insert(format!("{key}_p99_ms"), high.into());
    Point { size, median, high }
}

/// The event that follows `events` others, timed again and again from the same session.
fn after(artefacts: &Artefacts, events: usize) -> Result<Times> {
    let mut run = Run::new(artefacts, events)?;
    let session = run.save()?;
    let mut times = Vec::with_capacity(MEASURED);
    for round in 0..WARM_UP + MEASURED {
        run.restore(&session, events)?;
        let cost = run.step()?;
        if round >= WARM_UP {
            times.push(cost.whole);
        }
    }
    Ok(Times::new(times))
}
