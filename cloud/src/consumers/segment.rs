//! Whose events are counted together.

use serde::{Deserialize, Serialize};

use crate::catalog::{Event, User};

/// Whose events are counted together: everybody's, a country's, an age group's, or both.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Segment {
    /// A country.
    pub country: Option<String>,
    /// An age group, as the table of users has it.
    pub age_group: Option<String>,
}

impl Segment {
    /// The segment that a user belongs to.
    #[must_use]
    pub fn of_user(user: &User) -> Self {
        Self { country: user.country.clone(), age_group: user.age_group.clone() }
    }

    /// The segment of the pack `region:NAME`, by the name: `all`, `DE`, `DE:age:18-24` or `all:category:jazz`.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let (region, rest) = name.split_once(':').unwrap_or((name, ""));
        let country = Some(region.to_owned()).filter(|region| region != "all");
        Self { country, age_group: rest.strip_prefix("age:").map(str::to_owned) }
    }

    /// This one, in the region where the event happened if the person's country is not known. Only what can be a
    /// country's code is one: names that are made up would fill the memory.
    #[must_use]
    pub(super) fn at(&self, event: &Event) -> Option<Self> {
        let region = event.context.get("region").filter(|_| self.country.is_none())?;
        let is_code = region.len() == 2 && region.bytes().all(|byte| byte.is_ascii_uppercase());
        is_code.then(|| Self { country: Some(region.clone()), age_group: self.age_group.clone() })
    }

    /// The segments that those of this one add to, beside everybody.
    #[must_use]
    pub(crate) fn wider(&self) -> Vec<Self> {
        let (country, age_group) = (self.country.clone(), self.age_group.clone());
        let mut all = Vec::new();
        if country.is_some() && age_group.is_some() {
            all.push(self.clone());
        }
        if country.is_some() {
            all.push(Self { country, age_group: None });
        }
        if age_group.is_some() {
            all.push(Self { country: None, age_group });
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use segue_core::session::EventKind;

    use super::*;

    #[test]
    fn an_event_counts_where_its_person_lives_or_else_where_it_happened() {
        let mut event = Event::new("e", "i", EventKind::Like, 0);
        let of = |country: &str| Segment { country: Some(country.into()), age_group: Some("18-24".into()) };
        let unknown = Segment { country: None, ..of("DE") };
        assert_eq!(unknown.at(&event), None);
        for (region, found) in [("FR", Some(of("FR"))), ("Atlantis", None), ("fr", None)] {
            event.context.insert("region".into(), region.into());
            assert_eq!((unknown.at(&event), of("DE").at(&event)), (found, None));
        }
        assert_eq!((of("DE").wider().len(), Segment::default().wider().len()), (3, 0));
    }

    #[test]
    fn the_packs_of_regions_name_their_segments() {
        let segment = |country: Option<&str>, age: Option<&str>| Segment {
            country: country.map(str::to_owned),
            age_group: age.map(str::to_owned),
        };
        for (name, wanted) in [
            ("all", segment(None, None)),
            ("DE", segment(Some("DE"), None)),
            ("DE:age:18-24", segment(Some("DE"), Some("18-24"))),
            ("all:age:55+", segment(None, Some("55+"))),
            ("all:category:age:1", segment(None, None)),
        ] {
            assert_eq!(Segment::named(name), wanted, "{name}");
        }
    }
}
