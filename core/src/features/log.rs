//! The feature log: exactly what the model saw of the places of a slate, so that training can learn from what was
//! served instead of computing it again ("log and wait": Sculley et al., 2015, on training-serving skew).

use serde::{Deserialize, Serialize};

use super::{Inputs, Schema};
use crate::error::{Code, Error, Result};
use crate::limits;

/// What the model saw and said for one slate. As JSON or MessagePack it comes back bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeatureLog {
    /// Version of this record, [`FeatureLog::FORMAT`].
    pub format: u16,
    /// SHA-256 of the feature schema, [`Schema::hash`].
    pub schema: String,
    /// f32 `[context width]`.
    pub context: Vec<f32>,
    /// f32 `[events, event width]`, newest first; slots beyond them were zero with mask 0.
    pub events: Vec<f32>,
    /// How many slots held an event.
    pub used: usize,
    /// The slate's first places, at most [`limits::LOGGED_PLACES`], in its order.
    pub places: Vec<LoggedPlace>,
}

/// What the model saw and said of one placed candidate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoggedPlace {
    /// The item.
    pub item: String,
    /// f32 `[candidate width]`.
    pub candidate: Vec<f32>,
    /// f32 `[live width]`.
    pub live: Vec<f32>,
    /// f32 `[heads]`, after calibration.
    pub heads: Vec<f32>,
}

impl FeatureLog {
    /// The version this crate reads.
    pub const FORMAT: u16 = 1;

    /// The log of `placed`: items with their rows in `inputs` and `heads`; rows that were not scored are left out.
    #[must_use]
    pub fn new<'a>(
        schema: &Schema,
        inputs: &Inputs,
        heads: &[f32],
        placed: impl Iterator<Item = (&'a str, usize)>,
    ) -> Self {
        let used = inputs.mask.iter().filter(|slot| **slot > 0.0).count();
        let place = |(item, index): (&str, usize)| {
            Some(LoggedPlace {
                item: item.to_owned(),
                candidate: row(&inputs.candidates, schema.candidate_width(), index)?,
                live: row(&inputs.live, schema.live_width(), index)?,
                heads: row(heads, schema.heads.len(), index)?,
            })
        };
        Self {
            format: Self::FORMAT,
            schema: schema.hash(),
            context: inputs.context.clone(),
            events: inputs.events.iter().copied().take(used * schema.event_width()).collect(),
            used,
            places: placed.filter_map(place).take(limits::LOGGED_PLACES).collect(),
        }
    }

    /// The scorer's inputs again, with the places as candidates.
    ///
    /// # Errors
    /// `format_unknown`; `model_inputs_mismatch` when `schema` is not the one that was served, or a row has not its
    /// width.
    pub fn inputs(&self, schema: &Schema) -> Result<Inputs> {
        if self.format != Self::FORMAT {
            let detail =
                format!("a feature log of format {}, this version reads {}.", self.format, Self::FORMAT);
            return Err(Error::new(Code::FormatUnknown, detail));
        }
        if self.schema != schema.hash() || self.used > schema.slots {
            let detail = format!("a feature log of the schema {}, not of {}.", self.schema, schema.hash());
            return Err(Error::new(Code::ModelInputsMismatch, detail));
        }
        let mut inputs = Inputs::zeros(schema, self.places.len());
        let (candidates, live): (Vec<_>, Vec<_>) =
            self.places.iter().map(|place| (place.candidate.as_slice(), place.live.as_slice())).unzip();
        fill(&mut inputs.candidates, &candidates, schema.candidate_width())?;
        fill(&mut inputs.live, &live, schema.live_width())?;
        fill(&mut inputs.context, &[&self.context], schema.context_width())?;
        let events = self.used * schema.event_width();
        fill(&mut inputs.events[..events], &[&self.events], events)?;
        inputs.mask[..self.used].fill(1.0);
        Ok(inputs)
    }
}

fn row(table: &[f32], width: usize, index: usize) -> Option<Vec<f32>> {
    let start = index.checked_mul(width)?;
    table.get(start..start.checked_add(width)?).map(<[f32]>::to_vec)
}

fn fill(table: &mut [f32], rows: &[&[f32]], width: usize) -> Result<()> {
    if let Some(row) = rows.iter().find(|row| row.len() != width) {
        let detail = format!("a logged row of {} columns, wanted are {width}.", row.len());
        return Err(Error::new(Code::ModelInputsMismatch, detail));
    }
    table.iter_mut().zip(rows.iter().copied().flatten()).for_each(|(column, value)| *column = *value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::{Feature, Transform};

    fn schema() -> Schema {
        let feature = |source: &str| Feature {
            name: source.into(),
            source: source.into(),
            transform: Transform::Identity,
        };
        let linear = Schema::linear(["refresh_score", "impressions"].into_iter()).unwrap();
        Schema {
            slots: 3,
            event: vec![feature("strength")],
            context: vec![feature("session_events")],
            ..linear
        }
    }

    fn inputs() -> Inputs {
        Inputs {
            count: 3,
            candidates: vec![0.1, 1.0 / 3.0, f32::MIN_POSITIVE],
            live: vec![1.0, 2.0, 3.0],
            events: vec![-0.7, 0.6, 0.0],
            mask: vec![1.0, 1.0, 0.0],
            context: vec![2.0],
        }
    }

    #[test]
    fn a_log_comes_back_bit_for_bit_and_gives_the_inputs_again() {
        let (schema, inputs) = (schema(), inputs());
        let log = FeatureLog::new(&schema, &inputs, &[0.1, 0.2, 0.3], [("c", 2), ("b", 1)].into_iter());
        let json: FeatureLog = serde_json::from_slice(&serde_json::to_vec(&log).unwrap()).unwrap();
        let packed: FeatureLog = rmp_serde::from_slice(&rmp_serde::to_vec(&log).unwrap()).unwrap();
        assert_eq!((&json, &packed), (&log, &log));
        let again = json.inputs(&schema).unwrap();
        assert_eq!(again.candidates, [f32::MIN_POSITIVE, 1.0 / 3.0]);
        assert_eq!(again.live, [3.0, 2.0]);
        assert_eq!((again.events, again.mask, again.context), (inputs.events, inputs.mask, inputs.context));
        assert_eq!(json.places[1].heads, [0.2]);
    }

    #[test]
    fn a_log_of_another_schema_or_of_other_widths_is_refused() {
        let schema = schema();
        let log = FeatureLog::new(&schema, &inputs(), &[0.1, 0.2, 0.3], [("a", 0)].into_iter());
        let other = Schema { version: "other".into(), ..schema.clone() };
        assert_eq!(log.inputs(&other).unwrap_err().code(), Code::ModelInputsMismatch);
        let short = FeatureLog { events: vec![0.1], ..log.clone() };
        assert_eq!(short.inputs(&schema).unwrap_err().code(), Code::ModelInputsMismatch);
        let newer = FeatureLog { format: 2, ..log };
        assert_eq!(newer.inputs(&schema).unwrap_err().code(), Code::FormatUnknown);
    }

    #[test]
    fn places_without_a_score_and_beyond_the_limit_are_left_out() {
        let (schema, inputs) = (schema(), inputs());
        let log = FeatureLog::new(&schema, &inputs, &[0.1], [("a", 0), ("b", 1)].into_iter());
        assert_eq!(log.places.len(), 1);
        let many = std::iter::repeat_n(("a", 0), limits::LOGGED_PLACES + 5);
        assert_eq!(FeatureLog::new(&schema, &inputs, &[0.1], many).places.len(), limits::LOGGED_PLACES);
    }
}
