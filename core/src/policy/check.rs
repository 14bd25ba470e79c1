//! Every range a policy has to keep to, in one readable place.

use std::collections::BTreeSet;

use super::list::{Caps, Exploration, ListRules, Method};
use super::rules::Feedback;
use super::{Policy, RefillRules, Seen};
use crate::limits;

type Checked = Result<(), String>;

/// Names the first value that is out of its range, with the range.
pub(super) fn check(policy: &Policy) -> Checked {
    seen(&policy.seen)?;
    feedback(&policy.feedback)?;
    utility(policy)?;
    list(&policy.list)?;
    policy.refill.iter().try_for_each(refill)?;
    if let Some(exploration) = &policy.exploration {
        explored(exploration)?;
    }
    match &policy.variety {
        None => Ok(()),
        Some(variety) => {
            within("variety.temperature", variety.temperature, 0.0, 1.0)?;
            counted("variety.places", variety.places.into(), 1, 50)
        }
    }
}

/// Ranges that are open below start at the smallest number above.
const ABOVE_0: f32 = f32::MIN_POSITIVE;

fn within(name: &str, value: f32, low: f32, high: f32) -> Checked {
    if value.is_finite() && (low..=high).contains(&value) {
        return Ok(());
    }
    let low = if low == ABOVE_0 { "above 0".to_owned() } else { low.to_string() };
    Err(format!("{name} is {value}, allowed is {low} to {high}."))
}

fn counted(name: &str, value: u64, low: u64, high: u64) -> Checked {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(format!("{name} is {value}, allowed is {low} to {high}."))
}

fn seen(seen: &Seen) -> Checked {
    match seen {
        Seen::Window { days } => counted("seen.days", (*days).into(), 1, 3_650),
        Seen::Fatigue { half_life_hours, most } => {
            within("seen.half_life_hours", *half_life_hours, ABOVE_0, 8_760.0)?;
            within("seen.most", *most, ABOVE_0, 10.0)
        }
        Seen::Never | Seen::Session => Ok(()),
    }
}

fn refill(refill: &RefillRules) -> Checked {
    within("refill.drift", refill.drift, 0.0, 2.0)?;
    counted("refill.before_expiry_ms", refill.before_expiry_ms, 0, 31_536_000_000)
}

fn feedback(feedback: &Feedback) -> Checked {
    within("feedback.decay", feedback.decay, ABOVE_0, 1.0)?;
    within("feedback.not_interested_similarity", feedback.not_interested_similarity, 0.0, 2.0)?;
    for (kind, strength) in &feedback.strengths {
        within(&format!("feedback.strengths.{kind}"), *strength, -5.0, 5.0)?;
    }
    for (at, step) in feedback.skip.iter().enumerate() {
        within(&format!("feedback.skip[{at}].strength"), step.strength, -5.0, 5.0)?;
    }
    Ok(())
}

fn utility(policy: &Policy) -> Checked {
    for term in &policy.utility {
        within(&format!("utility.{}", term.head), term.weight, -1e6, 1e6)?;
    }
    let heads: BTreeSet<&str> = policy.utility.iter().map(|term| term.head.as_str()).collect();
    if heads.len() != policy.utility.len() {
        return Err("utility names a head twice.".into());
    }
    for (source, weight) in &policy.linear {
        within(&format!("linear.{source}"), *weight, -1e6, 1e6)?;
    }
    Ok(())
}

fn list(list: &ListRules) -> Checked {
    counted("list.search.beams", list.search.beams.into(), 1, 16)?;
    within("list.search.settled", list.search.settled, ABOVE_0, 1.0)?;
    within("list.search.continue", list.search.goes_on, ABOVE_0, 1.0)?;
    within("list.diversity", list.diversity, 0.0, 1.0)?;
    within("list.calibration", list.calibration, 0.0, 10.0)?;
    within("list.fresh.boost", list.fresh.boost, 0.0, 1.0)?;
    within("list.fresh.hours", list.fresh.hours, 0.0, 8_760.0)?;
    within("list.popularity.penalty", list.popularity.penalty, 0.0, 1.0)?;
    within("list.popularity.above", list.popularity.above, 0.0, 1.0)?;
    caps("list.creator", &list.creator)?;
    caps("list.category", &list.category)?;
    pins(list)
}

fn caps(name: &str, caps: &Caps) -> Checked {
    within(&format!("{name}.share"), caps.share, ABOVE_0, 1.0)?;
    counted(&format!("{name}.in_a_row"), caps.in_a_row.into(), 0, limits::PLACES as u64)?;
    counted(&format!("{name}.spacing"), caps.spacing.into(), 0, 50)
}

fn pins(list: &ListRules) -> Checked {
    let most = limits::PLACES as u64 - 1;
    let mut places = BTreeSet::new();
    for (at, pin) in list.pins.iter().enumerate() {
        counted(&format!("list.pins[{at}].place"), pin.place.into(), 0, most)?;
        if pin.item.is_some() == pin.source.is_some() {
            return Err(format!("list.pins[{at}] has to name one of `item` and `source`."));
        }
        if !places.insert(pin.place) {
            return Err(format!("list.pins[{at}].place is {}, which is pinned twice.", pin.place));
        }
    }
    Ok(())
}

fn explored(exploration: &Exploration) -> Checked {
    for (at, step) in exploration.share.iter().enumerate() {
        within(&format!("exploration.share[{at}].share"), step.share, 0.0, 0.5)?;
    }
    match exploration.method {
        Method::Thompson => Ok(()),
        Method::EpsilonGreedy { epsilon } => within("exploration.method.epsilon", epsilon, ABOVE_0, 1.0),
        Method::Ucb { width } => within("exploration.method.width", width, ABOVE_0, 10.0),
    }
}
