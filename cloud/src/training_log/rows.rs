//! The rows of an hour.

use segue_core::features::LoggedPlace;

use super::labels::{Followed, Label, sights};
use super::slates::{Kept, KeptPlace, Lists};
use super::table::{Column, Kind, Row, Value};
use crate::evaluate::LabelRules;
use crate::events::Arrival;

/// The columns, as `docs/EVENTS.md` tells of them.
pub(super) const COLUMNS: [Column; 29] = [
    ("number", Kind::Whole),
    ("event_id", Kind::Text),
    ("shown_ms", Kind::Whole),
    ("received_ms", Kind::Whole),
    ("user", Kind::Text),
    ("session", Kind::Text),
    ("slate", Kind::Text),
    ("item", Kind::Text),
    ("position", Kind::Whole),
    ("surface", Kind::Text),
    ("context", Kind::Text),
    ("complete", Kind::Number),
    ("skip", Kind::Number),
    ("like", Kind::Number),
    ("outcome", Kind::Text),
    ("outcome_ms", Kind::Whole),
    ("played_ms", Kind::Whole),
    ("value", Kind::Number),
    ("generation", Kind::Whole),
    ("policy", Kind::Text),
    ("ranker", Kind::Text),
    ("score", Kind::Number),
    ("propensity", Kind::Whole),
    ("schema", Kind::Text),
    ("context_inputs", Kind::Bytes),
    ("event_inputs", Kind::Bytes),
    ("candidate_inputs", Kind::Bytes),
    ("live_inputs", Kind::Bytes),
    ("heads", Kind::Bytes),
];

/// The columns that tell whose a row is.
pub(super) const USER: usize = 4;
pub(super) const SESSION: usize = 5;

/// The rows of the events of an hour: `earlier` are those of the label window before it, `later` its own and those of the
/// label window after it; `rules` say what became of it.
pub(super) fn rows<'a>(
    earlier: impl Iterator<Item = &'a Arrival>,
    hour: impl Iterator<Item = &'a Arrival>,
    later: impl Iterator<Item = &'a Arrival>,
    lists: &Lists,
    rules: &LabelRules,
) -> Vec<Row> {
    let followed = Followed::new(later);
    let shown = sights(earlier, hour);
    shown.into_iter().map(|arrival| row(arrival, &followed.label(&arrival.event, rules), lists)).collect()
}

fn row(arrival: &Arrival, label: &Label, lists: &Lists) -> Row {
    let event = &arrival.event;
    let list = event.slate.as_ref().and_then(|slate| lists.get(&(event.user.clone(), slate.clone())));
    let place = list.and_then(|list| list.places.iter().find(|place| place.item == event.item));
    let position = event.position.or(place.map(|place| place.position));
    let surface = event.context.get("surface").or(list.map(|list| &list.surface));
    let context =
        if event.context.is_empty() { list.map(|list| &list.context) } else { Some(&event.context) };
    let context = context.and_then(|context| serde_json::to_string(context).ok()).unwrap_or_default();
    let outcome = |head: usize| label.outcome.map_or(Value::Absent, |all| Value::Number(all[head].into()));
    let mut row = vec![
        Value::Whole(i64::try_from(arrival.number).unwrap_or(i64::MAX)),
        Value::text(&event.event_id),
        Value::Whole(event.time_ms),
        Value::Whole(arrival.received_ms),
        Value::text(&event.user),
        Value::text(&event.session),
        Value::text(event.slate.as_deref().unwrap_or_default()),
        Value::text(&event.item),
        position.into(),
        Value::text(surface.map_or("", String::as_str)),
        Value::text(&context),
        outcome(0),
        outcome(1),
        outcome(2),
        Value::text(&label.kinds),
        label.first_ms.into(),
        label.played_ms.and_then(|played| i64::try_from(played).ok()).into(),
        label.value.map_or(Value::Absent, Value::Number),
    ];
    row.extend(served(list, place));
    row
}

/// What the service kept of the list, and what its model saw of this place.
fn served(list: Option<&Kept>, place: Option<&KeptPlace>) -> [Value; 11] {
    let mut values = [const { Value::Absent }; 11];
    let Some((list, place)) = list.zip(place) else { return values };
    let text = |text: &Option<String>| Value::text(text.as_deref().unwrap_or_default());
    values[0] = i64::try_from(list.generation).ok().into();
    values[1] = text(&list.policy);
    values[2] = text(&list.ranker);
    values[3] = Value::Number(place.score.into());
    values[4] = Some(place.propensity).into();
    if let Some(seen) = list.features.places.iter().find(|seen| seen.item == place.item) {
        let LoggedPlace { candidate, live, heads, .. } = seen;
        values[5] = Value::text(&list.features.schema);
        values[6] = Value::floats(&list.features.context);
        values[7] = Value::floats(&list.features.events);
        values[8] = Value::floats(candidate);
        values[9] = Value::floats(live);
        values[10] = Value::floats(heads);
    }
    values
}
