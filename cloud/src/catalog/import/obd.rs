//! Open Bandit Dataset: impressions with their propensities, no sessions and no people.

use std::path::{Path, PathBuf};

use anyhow::ensure;
use segue_core::session::event::{Event, EventKind};

use super::builder::{Builder, Description, Outcome};
use super::calendar::timestamp_ms;
use super::csv_file::{Row, for_each_row};
use super::reject::{Reason, Reject};
use crate::catalog::{AttributeValue, Item};

const ITEM_FEATURES: [&str; 4] = ["item_feature_0", "item_feature_1", "item_feature_2", "item_feature_3"];
const USER_FEATURES: [&str; 4] = ["user_feature_0", "user_feature_1", "user_feature_2", "user_feature_3"];

/// Folders this deep are searched for campaigns.
const DEPTH: usize = 3;

struct Campaign {
    folder: PathBuf,
    /// `men`, `women` or `all`: the folder's name, and that of its log.
    name: String,
    /// `random` or `bts`: the folder above.
    policy: String,
}

pub(super) fn import(path: &Path, data: &Path, mut builder: Builder) -> anyhow::Result<Outcome> {
    let mut campaigns = Vec::new();
    find(path, DEPTH, &mut campaigns)?;
    ensure!(
        !campaigns.is_empty(),
        "{}: no POLICY/CAMPAIGN/CAMPAIGN.csv with item_context.csv",
        path.display()
    );
    campaigns.sort_by(|a, b| a.folder.cmp(&b.folder));
    builder.items_are_given();
    for campaign in &campaigns {
        let context = campaign.folder.join("item_context.csv");
        let columns = ["", "item_id", "item_feature_0", "item_feature_1", "item_feature_2", "item_feature_3"];
        for_each_row(&context, "item_context", &columns, &mut builder, |builder, row| {
            item(builder, row, campaign)
        })?;
        let log = campaign.folder.join(format!("{}.csv", campaign.name));
        for_each_row(
            &log,
            &format!("{}/{}", campaign.policy, campaign.name),
            &[],
            &mut builder,
            |builder, row| impression(builder, row, campaign),
        )?;
    }
    builder.finish(Description { surface: "shop", timed: true, rule: None }, data)
}

fn find(folder: &Path, depth: usize, campaigns: &mut Vec<Campaign>) -> anyhow::Result<()> {
    let name = |path: Option<&Path>| {
        path.and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    };
    let campaign = name(Some(folder));
    if folder.join(format!("{campaign}.csv")).is_file() && folder.join("item_context.csv").is_file() {
        let policy = name(folder.parent());
        campaigns.push(Campaign { folder: folder.to_owned(), name: campaign, policy });
    } else if depth > 0 && folder.is_dir() {
        for entry in std::fs::read_dir(folder)? {
            find(&entry?.path(), depth - 1, campaigns)?;
        }
    }
    Ok(())
}

// Both policies list the same items of a campaign, so the second listing adds nothing.
fn item(builder: &mut Builder, row: &Row<'_>, campaign: &Campaign) -> Result<(), Reject> {
    let id = item_id(row, campaign)?;
    if builder.has_item(&id) {
        return Ok(());
    }
    let mut item = Item { title: format!("Item {id}"), item: id, ..Item::default() };
    for name in ITEM_FEATURES {
        if let Some(text) = row.optional(name) {
            // The first feature is a number, the others are hashes.
            let number =
                text.parse().ok().filter(|number: &f64| number.is_finite() && name == ITEM_FEATURES[0]);
            let value = number.map_or_else(|| AttributeValue::Text(text.to_owned()), AttributeValue::Number);
            item.attributes.insert(name.to_owned(), value);
        }
    }
    item.categories.push(campaign.name.clone());
    builder.item(item)
}

fn item_id(row: &Row<'_>, campaign: &Campaign) -> Result<String, Reject> {
    Ok(format!("{}-{}", campaign.name, row.integer("item_id")?))
}

fn impression(builder: &mut Builder, row: &Row<'_>, campaign: &Campaign) -> Result<(), Reject> {
    let text = row.text("timestamp")?;
    let time_ms = timestamp_ms(text).ok_or_else(|| Reject::invalid("timestamp", text, "a date with time"))?;
    let propensity = row.number("propensity_score")?;
    let position = row.integer("position")?;
    let place = u32::try_from(position - 1)
        .map_err(|_| Reject::new(Reason::ValueOutOfRange, format!("`position` is {position}, below 1")))?;
    if !(propensity > 0.0 && propensity <= 1.0) {
        let detail = format!("`propensity_score` is {propensity}, outside 0..=1");
        return Err(Reject::new(Reason::ValueOutOfRange, detail));
    }
    let kind = match row.integer("click")? {
        0 => EventKind::Impression,
        1 => EventKind::Click,
        other => {
            return Err(Reject::new(Reason::ValueOutOfRange, format!("`click` is {other}, neither 0 nor 1")));
        }
    };
    let id = format!("{}-{}-{}", campaign.policy, campaign.name, row.line);
    let mut event = Event::new(id, item_id(row, campaign)?, kind, time_ms);
    event.position = Some(place);
    event.context.insert("propensity".to_owned(), propensity.to_string());
    event.context.insert("logging_policy".to_owned(), campaign.policy.clone());
    for name in USER_FEATURES {
        if let Some(value) = row.optional(name) {
            event.context.insert(name.to_owned(), value.to_owned());
        }
    }
    builder.event(event)
}
