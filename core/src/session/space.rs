//! A session outlives its packs: what happens to remembered vectors when a pack brings vectors of another model.

use super::State;
use super::subject::Scope;
use crate::pack::VerifiedPack;

impl State {
    /// Goes on with `pack`, of which what is near to refused items is barred. Everything is kept when its vectors can be
    /// compared with the remembered ones.
    ///
    /// Otherwise the vectors of remembered events and of refused items are taken anew from `pack`, as far as it
    /// holds them, and the direction of older events is forgotten. What was said of items, creators and categories
    /// stays.
    pub(crate) fn adopt(&mut self, pack: &VerifiedPack) {
        let space = pack.vector_space();
        if self.space != space {
            self.change_space(space, pack);
        }
        self.bar_neighbours(pack.candidates());
    }

    fn change_space(&mut self, space: String, pack: &VerifiedPack) {
        self.space = space;
        let vector = |item: &str| pack.find(item).map(|candidate| candidate.vector.clone());
        for event in self.window.iter_mut().filter(|event| event.scope == Scope::Item) {
            event.vector = vector(&event.item).unwrap_or_default();
        }
        self.refused = std::mem::take(&mut self.refused)
            .into_iter()
            .filter_map(|refused| Some(refused.with(vector(&refused.item)?)))
            .collect();
        self.taste.forget_vectors();
        self.taste.relearn(&mut self.window);
    }
}
