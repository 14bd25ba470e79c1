//! More of the same: what resembles the item of the last feedback, or does not, where it was refused.

use super::{Method, Question, Ranked};
use crate::catalog::Item;

/// What the same item, the same creator and the same categories count.
const SAME: [f32; 3] = [3.0, 2.0, 1.0];

/// Orders by the last feedback of the session; knows nothing before the first.
pub(super) struct RepeatLast;

impl Method for RepeatLast {
    fn rank(&mut self, question: &Question<'_>) -> anyhow::Result<Ranked> {
        let catalogue = question.stage.catalogue();
        let said = |event: &u32| {
            let grade = question.stage.rules.grade(&catalogue.events[*event as usize]);
            let item = catalogue.event_items[*event as usize].filter(|_| grade != 0)?;
            Some((&catalogue.items[item as usize], if grade > 0 { 1.0 } else { -1.0 }))
        };
        let Some((last, sign)) = question.known().iter().rev().find_map(said) else {
            return Ok(question.by_score(|_| 0.0));
        };
        Ok(question.by_score(|item| sign * alike(last, &catalogue.items[item as usize])))
    }
}

fn alike(one: &Item, other: &Item) -> f32 {
    let common = one.categories.iter().filter(|name| other.categories.contains(name)).count();
    let all = one.categories.len() + other.categories.len() - common;
    let same = [
        f32::from(u8::from(one.item == other.item)),
        f32::from(u8::from(!one.creator.is_empty() && one.creator == other.creator)),
        common as f32 / all.max(1) as f32,
    ];
    same.iter().zip(SAME).map(|(same, weight)| same * weight).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_creator_says_more_than_the_categories() {
        let item = |name: &str, creator: &str, categories: &[&str]| Item {
            item: name.into(),
            creator: creator.into(),
            categories: categories.iter().map(|name| (*name).to_owned()).collect(),
            ..Item::default()
        };
        let last = item("a", "x", &["rock", "pop"]);
        let likeness = [
            alike(&last, &last),
            alike(&last, &item("b", "x", &["jazz"])),
            alike(&last, &item("c", "y", &["rock", "pop"])),
            alike(&last, &item("d", "y", &["rock", "folk"])),
            alike(&last, &item("e", "", &[])),
        ];
        assert_eq!(likeness, [6.0, 2.0, 1.0, 1.0 / 3.0, 0.0]);
    }
}
