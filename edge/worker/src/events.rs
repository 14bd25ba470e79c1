//! `POST /api/v1/events`: what pages send that run the engine themselves, in the cloud's shapes, for the cloud.

use std::collections::BTreeSet;

use segue_core::Event;
use serde::Serialize;

use crate::answer::Answer;
use crate::call::Call;
use crate::forward::{self, ACCEPTED};
use crate::host::Host;
use crate::isolate::Isolate;
use crate::rows::{Batch, Reject, sorted};
use crate::service::Answered;
use crate::visitor::Visitor;

/// What became of a batch, as the cloud tells it: the three add up to the rows sent.
#[derive(Serialize)]
struct Receipt {
    accepted: usize,
    /// Rows whose id came earlier in the batch; what the cloud has had before it counts itself.
    duplicates: usize,
    rejected: Vec<Reject>,
}

impl Isolate {
    /// 202 once the accepted events are where they reach the cloud from, whatever becomes of this worker.
    pub(crate) async fn take_in(
        &self,
        host: &impl Host,
        call: &Call,
        visitor: &Visitor,
        body: &[u8],
    ) -> Answered {
        let Batch { sent_ms, events } = Batch::read(call, body)?;
        let (mut events, rejected) = sorted(events, sent_ms, host.now_ms(), |event| admit(event, visitor));
        let taken = events.len();
        let mut ids = BTreeSet::new();
        events.retain(|event| ids.insert(event.event_id.clone()));
        let receipt = Receipt { accepted: events.len(), duplicates: taken - events.len(), rejected };
        forward::hand_on(host, &events).await?;
        Answer::json(ACCEPTED, &receipt)
    }
}

/// Events of nobody's, from visitors who let them be forwarded. A row that is refused stays refused, so that a page
/// does not keep what it did without consent until there is one.
fn admit(event: Event, visitor: &Visitor) -> Result<Event, (&'static str, String)> {
    if let Some(why) = visitor.withheld() {
        return Err(("not_forwarded", why.to_owned()));
    }
    if !event.user.is_empty() {
        let detail = "`user` is somebody with an account; send their events to the cloud";
        return Err(("user_forbidden", detail.to_owned()));
    }
    Ok(event)
}
