//! What clients need that run the engine themselves: manifest, rotations, packs, models.

use std::rc::Rc;

use segue_core::trust::Manifest;

use crate::answer::{Answer, COSE};
use crate::bundle::Bundle;
use crate::call::Call;
use crate::host::{Fault, Fetched, Host};
use crate::isolate::Isolate;
use crate::problem::{Code, Problem};
use crate::region::{EVERYWHERE, subject};
use crate::service::{Answered, unavailable};
use crate::shelf::Shelved;
use crate::supply::{WAIT_MS, WAITS};
use crate::visitor::Visitor;

/// A visitor may keep it, as long as it asks whether it is current; nobody on the way may, as the address does not say
/// whose region it is.
const ASK: &str = "private, no-cache";
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// One generation as it is on the shelf: what was accepted, and what its manifest lists.
type Generation = (Rc<Bundle>, Rc<Manifest>);

fn generation(shelved: &mut Shelved) -> Result<Generation, Problem> {
    Ok((Rc::clone(&shelved.bundle), Rc::clone(&shelved.manifest)))
}

impl Isolate {
    /// `GET` of what the visitor's region has.
    pub(crate) async fn supplies(
        &self,
        host: &impl Host,
        call: &Call,
        path: &str,
        visitor: &Visitor,
    ) -> Answered {
        let (bundle, manifest) = self.with(host, &visitor.region, generation).await?;
        let answer = match path {
            "manifest" => Answer::content(call, &bundle.manifest, COSE, ASK),
            "rotations" => Answer::content(call, &bundle.rotations, "application/msgpack", ASK),
            "pack" => Answer::content(call, &bundle.pack, COSE, ASK).with("segue-subject", &bundle.subject),
            _ => match (path.strip_prefix("packs/"), path.strip_prefix("models/")) {
                (_, Some(hash)) => return self.artefact(host, call, hash, &bundle, &manifest).await,
                (Some(wanted), _) if wanted == bundle.subject => {
                    Answer::content(call, &bundle.pack, COSE, ASK)
                }
                (Some(wanted), _) if wanted == subject(EVERYWHERE) => {
                    return self.everyones(host, call, visitor, manifest.generation).await;
                }
                _ => return Err(no_pack(&bundle.subject)),
            },
        };
        let answer = answer.with("segue-generation", manifest.generation.to_string());
        Ok(Answer { look_after: self.due(host, &visitor.region), ..answer })
    }

    /// Everyone's pack, which hosts ask for that do not know their region. Their manifest is that of the visitor's
    /// region: whichever of the two is behind catches up first, as a pack of another generation would be refused.
    async fn everyones(&self, host: &impl Host, call: &Call, visitor: &Visitor, expected: u64) -> Answered {
        let (_, manifest) = self.with(host, EVERYWHERE, generation).await?;
        if manifest.generation != expected {
            let is_ahead = manifest.generation > expected;
            self.catch_up(host, if is_ahead { &visitor.region } else { EVERYWHERE }).await;
        }
        let (bundle, manifest) = self.with(host, EVERYWHERE, generation).await?;
        let answer = Answer::content(call, &bundle.pack, COSE, ASK);
        let answer = answer.with("segue-generation", manifest.generation.to_string());
        Ok(Answer { look_after: self.due(host, EVERYWHERE), ..answer })
    }

    /// Something that the manifest names by its hash: from the bundle, from the script, from what is shared, from the
    /// cloud.
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
        let missing = || {
            let detail = format!("the manifest names no {hash}; fetch it again, then what it names");
            Problem::new(Code::ArtefactMissing, detail)
        };
        if !named {
            return Err(missing());
        }
        let send = |bytes: &[u8]| Answer::content(call, bytes, "application/octet-stream", FOR_EVER);
        if let Some(bytes) = bundle.artefacts.get(hash) {
            return Ok(send(bytes));
        }
        if let Some(bytes) = self.bundled.as_ref().and_then(|bundled| bundled.file(hash)) {
            return Ok(send(bytes));
        }
        let bytes = self.fetched(host, hash).await.map_err(unavailable)?;
        Ok(send(&bytes.ok_or_else(missing)?))
    }

    /// A file from the shared store or the cloud: of an isolate's requests for it one fetches, the others wait for it.
    async fn fetched(&self, host: &impl Host, hash: &str) -> Result<Option<Rc<[u8]>>, Fault> {
        let key = format!("models/{hash}");
        for _ in 0..=WAITS {
            if let Some(bytes) = self.file(hash) {
                return Ok(Some(bytes));
            }
            if self.takes_off(&key, host.now_ms()) {
                let bytes = fetch(host, &key, hash).await;
                if let Ok(Some(bytes)) = &bytes {
                    self.keep_file(hash, bytes);
                }
                self.land(&key);
                return bytes;
            }
            host.pause(WAIT_MS).await;
        }
        Err(format!("{key} did not arrive in time"))
    }
}

async fn fetch(host: &impl Host, key: &str, hash: &str) -> Result<Option<Rc<[u8]>>, Fault> {
    let fits = |bytes: &Vec<u8>| segue_core::trust::hash(bytes) == hash;
    if let Some(bytes) = host.read(key).await.ok().flatten().filter(fits) {
        return Ok(Some(bytes.into()));
    }
    let Fetched::Content(bytes, _) = host.fetch(key, None).await? else { return Ok(None) };
    if !fits(&bytes) {
        return Err(format!("the cloud's {key} has another hash"));
    }
    // What could not be shared is fetched again the next time.
    let _ = host.write(key, &bytes).await;
    Ok(Some(bytes.into()))
}

fn no_pack(subject: &str) -> Problem {
    Problem::new(Code::PackMissing, format!("this visitor gets `packs/{subject}`, or `pack`"))
}
