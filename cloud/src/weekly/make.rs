//! Making a person's playlist of this week.

use std::collections::BTreeMap;

use super::{WEEKS, Week};
use crate::catalog::Collection;
use crate::error::{ApiError, Code};
use crate::live::{Step, Wanted, recommend};
use crate::state::AppState;

/// The surface whose policy makes them, which is also what they are called.
const SURFACE: &str = "weekly";
/// Items of a playlist.
const ITEMS: usize = 30;

/// The person's playlists as of `now_ms`, the newest first: this week's, which is made where it is not there yet, and those
/// of the weeks before.
///
/// # Errors
/// `pack_missing` for somebody without a readable pack of their own, `user_erased`, and those of
/// [`recommend`].
pub fn weekly(
    state: &AppState,
    user: &str,
    region: Option<&str>,
    now_ms: i64,
) -> Result<Vec<(Week, Collection)>, ApiError> {
    let failed = |error| ApiError::internal("the playlists could not be read", &format!("{error:#}"));
    let week = Week::of(now_ms);
    let mut known = state.weekly.of(user, week).map_err(failed)?;
    if known.first().is_some_and(|(newest, _)| *newest == week) {
        return Ok(known);
    }
    known.truncate(WEEKS - 1);
    let items = items(state, user, region, &known, now_ms)?;
    if items.is_empty() {
        return Ok(known);
    }
    let row = Collection {
        collection: format!("{SURFACE}-{week}-{user}"),
        user: Some(user.to_owned()),
        kind: SURFACE.to_owned(),
        title: Some(week.title()),
        items,
        time_ms: Some(now_ms),
    };
    let is_erased = || state.tombstones.erased().contains(user);
    let kept = state.weekly.keep(week, row, is_erased).map_err(failed)?;
    let gone = || ApiError::new(Code::UserErased, "this person was forgotten; take `packs/region:all`");
    known.insert(0, (week, kept.ok_or_else(gone)?));
    Ok(known)
}

/// The first of the person's list that were on no playlist before.
fn items(
    state: &AppState,
    user: &str,
    region: Option<&str>,
    known: &[(Week, Collection)],
    now_ms: i64,
) -> Result<Vec<String>, ApiError> {
    let missing = |detail: &str| ApiError::new(Code::PackMissing, detail);
    if !state.has_own_pack(user)? {
        return Err(missing("this person has no pack of their own yet; take `recommendations`"));
    }
    let region = region.map(|region| ("region".to_owned(), region.to_owned()));
    let wanted = Wanted {
        user: user.to_owned(),
        surface: SURFACE.to_owned(),
        offset: 0,
        count: ITEMS,
        context: region.into_iter().collect::<BTreeMap<_, _>>(),
        as_of_ms: now_ms,
        events: Vec::new(),
        without: known.iter().flat_map(|(_, row)| row.items.iter().cloned()).collect(),
    };
    let list = recommend(state, &wanted)?;
    match list.step {
        Step::LiveRanker | Step::PreviousRanker | Step::PackOrder => {
            Ok(list.places.into_iter().map(|place| place.item).collect())
        }
        // What takes the place of a pack that cannot be read is not kept for a week.
        _ => Err(missing("the person's pack cannot be read; take `recommendations`")),
    }
}
