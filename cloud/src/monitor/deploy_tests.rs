//! What `cloud/deploy` holds: every metric that dashboard and alarms name is one that the service prints.

use std::collections::BTreeSet;
use std::process::Command;

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{METRICS, Metric};
use crate::app::router;
use crate::config::Config;
use crate::doctor::Code;
use crate::index::Quality;
use crate::refresh::tests::{folder, options};
use crate::state::AppState;

const DASHBOARD: &str = include_str!("../../deploy/dashboard.json");
const ALERTS: &str = include_str!("../../deploy/alerts.yml");
const UNIT: &str = include_str!("../../deploy/segue.service");
const CARD: &str = include_str!("../../deploy/segue-card.conf");

/// What a service with a generation prints after one request and one bad event.
async fn printed() -> String {
    let (data, _) = folder();
    crate::refresh::run(data.path(), &options()).unwrap();
    let state = AppState::open(Config::new(data.path())).unwrap();
    let body = Body::from("{\"events\":[1]}");
    let post =
        Request::builder().method("POST").uri("/api/v1/events").header("content-type", "application/json");
    assert_eq!(router(state.clone()).oneshot(post.body(body).unwrap()).await.unwrap().status(), 202);
    let get = Request::builder().uri("/metrics").body(Body::empty()).unwrap();
    let answer = router(state).oneshot(get).await.unwrap();
    String::from_utf8(to_bytes(answer.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

/// The queries of the dashboard.
fn dashboard() -> Vec<String> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    targets.map(|target| target["expr"].as_str().unwrap().to_owned()).collect()
}

/// The values of a key of the rules, a folded one joined.
fn of_rules(key: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut folded = false;
    for line in ALERTS.lines() {
        let words = line.trim().trim_start_matches("- ");
        if let Some(value) = words.strip_prefix(&format!("{key}: ")) {
            folded = value == ">-";
            found.push(if folded { String::new() } else { value.to_owned() });
        } else if folded && !words.contains(": ") {
            found.last_mut().unwrap().push_str(words);
        } else {
            folded = false;
        }
    }
    found
}

/// The metrics that a query names, without what histograms add to their names.
fn named(query: &str) -> BTreeSet<String> {
    let words = query.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    let names = words.filter(|word| word.starts_with("segue_"));
    names
        .map(|name| {
            ["_bucket", "_sum", "_count"].iter().fold(name, |name, end| name.trim_end_matches(end)).to_owned()
        })
        .collect()
}

/// The labels that a query selects by.
fn selected(query: &str) -> BTreeSet<&str> {
    let inside = query.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    let pairs = inside.flat_map(|inside| inside.split(','));
    pairs.filter_map(|pair| pair.split(['=', '!']).next()).map(str::trim).collect()
}

#[tokio::test]
async fn every_metric_that_dashboard_and_alarms_name_is_printed() {
    let printed = printed().await;
    let queries = [dashboard(), of_rules("expr")].concat();
    assert!(queries.len() > 30);
    let known = |metric: &Metric, label: &str| metric.labels.contains(&label) || label == "instance";
    for query in &queries {
        for name in named(query) {
            assert!(printed.contains(&format!("# TYPE {name} ")), "{name} of `{query}` is not printed");
            let metric = METRICS.iter().find(|metric| metric.name == name).unwrap();
            let stranger = selected(query).into_iter().find(|label| !known(metric, label));
            assert_eq!(stranger, None, "{query}");
        }
    }
    for metric in METRICS.iter().filter(|metric| metric.name.starts_with("segue_refresh_")) {
        assert!(printed.contains(&format!("# TYPE {} ", metric.name)), "{} is not printed", metric.name);
    }
}

#[test]
fn every_alarm_has_a_query_a_severity_and_a_runbook_that_is_there() {
    let count = of_rules("alert").len();
    assert!(count >= 10);
    for key in ["expr", "labels", "annotations"] {
        assert_eq!(of_rules(key).len(), count, "{key}");
    }
    let codes = crate::error::Code::ALL.map(crate::error::Code::name);
    let findings: Vec<&str> = Code::ALL.iter().map(|code| code.name()).collect();
    for annotations in of_rules("annotations") {
        let runbook = annotations.split("runbook: ").nth(1).unwrap().trim_end_matches('}');
        assert!(findings.contains(&runbook) || codes.contains(&runbook), "{annotations}");
    }
    let late = of_rules("expr").into_iter().find(|query| query.contains("segue_event_lag_seconds")).unwrap();
    assert!(late.ends_with("> 60"), "{late}");
}

/// With the gate's own bound it would never ring: what is below that is not published.
#[test]
fn the_alarm_about_recall_rings_for_what_may_be_published() {
    let rules = of_rules("expr");
    let rule = rules.iter().find_map(|query| query.strip_prefix("segue_refresh_recall_at_100 < ")).unwrap();
    let bound: f64 = rule.split(' ').next().unwrap().parse().unwrap();
    assert!(Quality { self_recall: 1.0, recall_at_100: bound - 0.01 }.is_enough(), "{rule}");
}

/// Prometheus' own word on the rules, where it is installed.
#[test]
fn prometheus_accepts_the_rules() {
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/alerts.yml");
    match Command::new("promtool").args(["check", "rules", rules]).output() {
        Ok(checked) => assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr)),
        Err(_) => crate::skipped::note("promtool is not installed", "apt-get install prometheus"),
    }
}

/// systemd's own word on the unit and what lets it reach a card, where it is installed, with a program that is there.
#[test]
fn systemd_accepts_the_unit_and_what_lets_it_reach_a_card() {
    let folder = tempfile::tempdir().unwrap();
    let (unit, more) = (folder.path().join("segue.service"), folder.path().join("segue.service.d"));
    let program = std::env::current_exe().unwrap();
    std::fs::write(&unit, UNIT.replace("/usr/local/bin/segue", program.to_str().unwrap())).unwrap();
    std::fs::create_dir(&more).unwrap();
    std::fs::write(more.join("card.conf"), CARD).unwrap();
    let Ok(checked) = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output() else {
        return crate::skipped::note("systemd-analyze is not installed", "apt-get install systemd");
    };
    // A key that systemd does not know is a line about its file and no failure; it tells of the machine's own units too.
    let words = String::from_utf8_lossy(&checked.stderr);
    let about: Vec<&str> = words.lines().filter(|line| line.contains("segue.service")).collect();
    assert!(about.is_empty(), "{about:?}");
    if !checked.status.success() {
        crate::skipped::note("systemd-analyze cannot read units here", "a machine with systemd");
    }
}
