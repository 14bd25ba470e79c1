//! The engines of an isolate, one for each region it serves, the least recently asked one leaving when it is full.

use std::collections::BTreeMap;
use std::rc::Rc;

use segue_core::Engine;
use segue_core::trust::Manifest;

use crate::bundle::Bundle;

/// Most regions whose engines an isolate holds: each is about 2 MB, and an isolate has 128.
const MOST: usize = 6;

/// A region's engine with what it was made from.
pub struct Shelved {
    /// The engine; between requests its session is nobody's.
    pub engine: Engine,
    /// What it accepted.
    pub bundle: Rc<Bundle>,
    /// What its manifest lists.
    pub manifest: Rc<Manifest>,
    /// When something newer was last looked for.
    pub looked_ms: i64,
    used: u64,
}

/// The engines of an isolate.
#[derive(Default)]
pub struct Shelf {
    engines: BTreeMap<String, Shelved>,
    uses: u64,
}

impl Shelf {
    /// The region's engine.
    pub fn get(&mut self, region: &str) -> Option<&mut Shelved> {
        self.uses += 1;
        let shelved = self.engines.get_mut(region)?;
        shelved.used = self.uses;
        Some(shelved)
    }

    /// Puts a region's engine in place of the one before.
    pub fn put(&mut self, region: &str, engine: Engine, bundle: Bundle, manifest: Manifest, looked_ms: i64) {
        if self.engines.len() >= MOST && !self.engines.contains_key(region) {
            let oldest = self.engines.iter().min_by_key(|(_, shelved)| shelved.used);
            let oldest = oldest.map(|(region, _)| region.clone());
            oldest.iter().for_each(|region| drop(self.engines.remove(region)));
        }
        self.uses += 1;
        let (bundle, manifest) = (Rc::new(bundle), Rc::new(manifest));
        let shelved = Shelved { engine, bundle, manifest, looked_ms, used: self.uses };
        self.engines.insert(region.to_owned(), shelved);
    }
}
