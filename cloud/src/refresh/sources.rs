//! Where candidates come from, how many each source may bring, and how many of each are sure to stay.

/// A source of candidates; the value is its bit in the pack's column `sources`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Source {
    /// Nearest to the person's vector.
    Taste = 1,
    /// Nearest to what the person took up last: by the table of a model that holds one beside its towers, else by the
    /// vectors that taste is searched in.
    Similar = 2,
    /// Taken up in the same sessions as what the person took up last.
    Together = 4,
    /// By creators whom the person follows.
    Followed = 8,
    /// Taken up most in the person's region lately.
    Trending = 16,
    /// New and not yet shown often enough.
    New = 32,
    /// Little known: worth trying.
    Exploration = 64,
    /// Chosen by editors.
    Editorial = 128,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 8] = [
        Self::Taste,
        Self::Similar,
        Self::Together,
        Self::Followed,
        Self::Trending,
        Self::New,
        Self::Exploration,
        Self::Editorial,
    ];

    /// How many candidates it may bring; together they are at most [`RETRIEVED`](super::RETRIEVED).
    #[must_use]
    pub const fn brings(self) -> usize {
        match self {
            Self::Taste => 1_900,
            Self::Similar => 400,
            Self::Together => 300,
            Self::Followed | Self::Trending | Self::New => 100,
            Self::Exploration => 80,
            Self::Editorial => 20,
        }
    }

    /// How many of its candidates stay in the pack whatever the ranker thinks of them.
    #[must_use]
    pub fn keeps(self) -> usize {
        match self {
            Self::Taste => 0,
            Self::Similar | Self::Together => 20,
            Self::Followed | Self::Trending => 15,
            Self::New | Self::Exploration => 25,
            Self::Editorial => 10,
        }
    }
}

/// The sources that brought one candidate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sources(u8);

impl Sources {
    /// Adds a source.
    pub fn add(&mut self, source: Source) {
        self.0 |= source as u8;
    }

    /// Whether `source` is one of them.
    #[must_use]
    pub fn contains(self, source: Source) -> bool {
        self.0 & source as u8 != 0
    }

    /// As the number that a pack's column carries: 0 to 255, exact in a column's 8 significant bits.
    #[must_use]
    pub fn number(self) -> f32 {
        f32::from(self.0)
    }

    /// From a column's number; what is none has no sources.
    #[must_use]
    pub fn of_number(number: f32) -> Self {
        Self(if (0.0..=255.0).contains(&number) { number as u8 } else { 0 })
    }
}

impl From<Source> for Sources {
    fn from(source: Source) -> Self {
        Self(source as u8)
    }
}

/// One candidate of a list.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Its place in the catalogue.
    pub item: usize,
    /// Its utility, or before it is ranked its closeness to the person.
    pub score: f32,
    /// What brought it.
    pub sources: Sources,
    /// It stays whatever the ranker thinks of it: a new item whose turn it is.
    pub is_sure: bool,
}

impl Place {
    /// One that a source brought.
    #[must_use]
    pub fn new(item: usize, score: f32, sources: impl Into<Sources>) -> Self {
        Self { item, score, sources: sources.into(), is_sure: false }
    }
}

/// New items whose turn it is in each pack; of the others the best stay, until there are as many as [`Source::keeps`].
pub(super) const TURNS: usize = 12;

/// The first `count` of an ordered list, in which those that are sure and the best few of each source are sure to stay.
#[must_use]
pub(super) fn keep(list: &[Place], count: usize) -> Vec<Place> {
    if list.len() <= count {
        return list.to_vec();
    }
    let mut stays: Vec<bool> = list.iter().map(|place| place.is_sure).collect();
    for source in Source::ALL {
        let its = (0..list.len()).filter(|place| list[*place].sources.contains(source));
        let sure = its.clone().filter(|place| list[*place].is_sure).count();
        let its = its.filter(|place| !list[*place].is_sure);
        its.take(source.keeps().saturating_sub(sure)).for_each(|place| stays[place] = true);
    }
    let sure = stays.iter().filter(|stays| **stays).count();
    let mut left = count.saturating_sub(sure);
    for stays in &mut stays {
        if !*stays && left > 0 {
            *stays = true;
            left -= 1;
        }
    }
    list.iter().zip(stays).filter(|(_, stays)| *stays).map(|(place, _)| *place).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::super::{KEPT, RETRIEVED};
    use super::*;

    #[test]
    fn quotas_fit_what_is_retrieved_and_leave_room_in_a_pack() {
        assert_eq!(Source::ALL.map(Source::brings).iter().sum::<usize>(), RETRIEVED);
        assert!(Source::ALL.map(Source::keeps).iter().sum::<usize>() <= KEPT / 2);
        for source in Source::ALL {
            assert!(source.keeps() <= source.brings());
        }
    }

    #[test]
    fn sources_survive_a_columns_precision() {
        for number in 0..=255 {
            let column = segue_core::pack::Column::of(&[Some(number as f32)]);
            assert_eq!(Sources::of_number(column.get(0).unwrap()).number(), number as f32);
        }
        let mut both = Sources::from(Source::Editorial);
        both.add(Source::Taste);
        assert!(
            both.contains(Source::Taste) && both.contains(Source::Editorial) && !both.contains(Source::New)
        );
        assert_eq!(Sources::of_number(f32::NAN), Sources::default());
    }

    #[test]
    fn the_best_of_each_source_stay_in_order_and_the_rest_goes_by_rank() {
        let source = |item: usize| if item >= 600 { Source::New } else { Source::Taste };
        let mut list: Vec<Place> =
            (0..700).map(|item| Place::new(item, 1.0 - item as f32, source(item))).collect();
        let kept = |list: &[Place]| keep(list, 500).iter().map(|place| place.item).collect::<Vec<_>>();
        assert_eq!(kept(&list), (0..475).chain(600..625).collect::<Vec<_>>());
        list[698].is_sure = true;
        assert_eq!(kept(&list), (0..475).chain(600..624).chain([698]).collect::<Vec<_>>());
        assert_eq!(keep(&list[..10], 500).len(), 10);
    }
}
