//! What clients need that run the engine themselves: manifest, rotations, pack, models.

use segue_core::trust::Manifest;

use crate::answer::{Answer, COSE};
use crate::bundle::Bundle;
use crate::call::Call;
use crate::host::{Fault, Fetched, Host};
use crate::isolate::Isolate;
use crate::problem::{Code, Problem};
use crate::service::{Answered, unavailable};
use crate::visitor::Visitor;

/// A visitor may keep it, as long as it asks whether it is current; nobody on the way may, as the address does not say
/// whose region it is.
const ASK: &str = "private, no-cache";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

impl Isolate {
    /// `GET` of what the visitor's region has.
    pub(crate) async fn supplies(
        &self,
        host: &impl Host,
        call: &Call,
        path: &str,
        visitor: Visitor,
    ) -> Answered {
        let look_after = self.supply(host, &visitor.region).await.map_err(unavailable)?;
        let (bundle, manifest) = {
            let mut shelf = self.shelf.borrow_mut();
            let shelved = shelf.get(&visitor.region);
            let shelved = shelved.ok_or_else(|| unavailable("the engine left".to_owned()))?;
            (shelved.bundle.clone(), shelved.manifest.clone())
        };
        let answer = match path {
            "manifest" => Answer::content(call, &bundle.manifest, COSE, ASK),
            "rotations" => Answer::content(call, &bundle.rotations, "application/msgpack", ASK),
            "pack" => Answer::content(call, &bundle.pack, COSE, ASK).with("segue-subject", &bundle.subject),
            _ => match (path.strip_prefix("packs/"), path.strip_prefix("models/")) {
                (Some(subject), _) if subject == bundle.subject => {
                    Answer::content(call, &bundle.pack, COSE, ASK)
                }
                (_, Some(hash)) => return self.artefact(host, call, hash, &bundle, &manifest).await,
                _ => return Err(no_pack(&bundle.subject)),
            },
        };
        let answer = answer.with("segue-generation", manifest.generation.to_string());
        Ok(Answer { look_after: look_after.then_some(visitor.region), ..answer })
    }

    /// Something that the manifest names by its hash: from the bundle, from what is shared, from the cloud.
    async fn artefact(
        &self,
        host: &impl Host,
        call: &Call,
        hash: &str,
        bundle: &Bundle,
        manifest: &Manifest,
    ) -> Answered {
        if hash.len() != 64 || !hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            let detail = "not 64 lower-case hexadecimal digits; take the hash from the manifest";
            return Err(Problem::new(Code::HashInvalid, detail));
        }
        let ranker = manifest.ranker.iter().flat_map(|ranker| [&ranker.model, &ranker.schema]);
        let named = manifest.policies.values().chain(ranker).any(|artefact| artefact.hash == hash);
        let missing = || Problem::new(Code::ArtefactMissing, format!("the manifest names no {hash}"));
        if !named {
            return Err(missing());
        }
        let bytes = match bundle.artefacts.get(hash) {
            Some(bytes) => bytes.to_vec(),
            None => self.fetched_artefact(host, hash).await.map_err(unavailable)?.ok_or_else(missing)?,
        };
        Ok(Answer::content(call, &bytes, "application/octet-stream", FOR_EVER))
    }

    async fn fetched_artefact(&self, host: &impl Host, hash: &str) -> Result<Option<Vec<u8>>, Fault> {
        let key = format!("models/{hash}");
        let fits = |bytes: &Vec<u8>| segue_core::trust::hash(bytes) == hash;
        if let Some(bytes) = host.read(&key).await.ok().flatten().filter(fits) {
            return Ok(Some(bytes));
        }
        let Fetched::Content(bytes, _) = host.fetch(&key, None).await? else { return Ok(None) };
        if !fits(&bytes) {
            return Err(format!("the cloud's {key} has another hash"));
        }
        // What could not be shared is fetched again the next time.
        let _ = host.write(&key, &bytes).await;
        Ok(Some(bytes))
    }
}

fn no_pack(subject: &str) -> Problem {
    Problem::new(Code::PackMissing, format!("this visitor gets `packs/{subject}`, or `pack`"))
}
