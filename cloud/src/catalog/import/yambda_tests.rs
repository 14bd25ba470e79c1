//! Yambda's files, alone and beside each other.

use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;

use super::*;
use crate::catalog::Catalogue;

/// The rows of one column.
enum Column<'a> {
    Numbers(&'a [i64]),
    SomeNumbers(&'a [Option<i64>]),
    Words(&'a [&'a str]),
}

use Column::{Numbers, SomeNumbers, Words};

fn write(path: &Path, columns: &[(&str, Column<'_>)]) {
    let kind = |column: &Column<'_>| match column {
        Numbers(_) => ("REQUIRED INT64", ""),
        SomeNumbers(_) => ("OPTIONAL INT64", ""),
        Words(_) => ("REQUIRED BYTE_ARRAY", "(UTF8)"),
    };
    let field = |(name, column): &(&str, Column<'_>)| {
        let (kind, meaning) = kind(column);
        format!("{kind} {name} {meaning};")
    };
    let schema = format!("message rows {{ {} }}", columns.iter().map(field).collect::<String>());
    let schema = Arc::new(parse_message_type(&schema).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for (_, column) in columns {
        let mut rows = group.next_column().unwrap().unwrap();
        match column {
            Numbers(numbers) => rows.typed::<Int64Type>().write_batch(numbers, None, None),
            SomeNumbers(numbers) => {
                let known: Vec<i64> = numbers.iter().copied().flatten().collect();
                let levels: Vec<i16> = numbers.iter().map(|number| i16::from(number.is_some())).collect();
                rows.typed::<Int64Type>().write_batch(&known, Some(&levels), None)
            }
            Words(words) => {
                let words: Vec<ByteArray> = words.iter().map(|word| ByteArray::from(*word)).collect();
                rows.typed::<ByteArrayType>().write_batch(&words, None, None)
            }
        }
        .unwrap();
        rows.close().unwrap();
    }
    group.close().unwrap();
    writer.close().unwrap();
}

fn listens(folder: &Path) {
    let columns = [
        ("uid", Numbers(&[10, 10, 20])),
        ("timestamp", Numbers(&[5, 65, 5])),
        ("item_id", Numbers(&[7, 8, 7])),
        ("played_ratio_pct", Numbers(&[100, 20, 95])),
        ("track_length_seconds", Numbers(&[200, 100, 200])),
    ];
    write(&folder.join("listens.parquet"), &columns);
}

/// Who pressed on what and when; `name` says what was pressed.
fn presses(folder: &Path, name: &str, uid: i64, timestamp: i64, item: i64) {
    let (uid, timestamp, item) = ([uid], [timestamp], [item]);
    let columns = [("uid", Numbers(&uid)), ("timestamp", Numbers(&timestamp)), ("item_id", Numbers(&item))];
    write(&folder.join(name), &columns);
}

fn imported(folder: &Path) -> (Outcome, Catalogue) {
    let data = folder.join("data-folder");
    let outcome = run(Format::Yambda, folder, None, &data).unwrap();
    (outcome, Catalogue::load(&data).unwrap())
}

/// The events in the order of time: what, of which item, when.
fn told(catalogue: &Catalogue) -> Vec<(&str, &str, i64)> {
    let events = catalogue.events.iter();
    events.map(|event| (event.kind.name(), event.item.as_str(), event.time_ms)).collect()
}

#[test]
fn listens_are_plays_with_their_length() {
    let folder = tempfile::tempdir().unwrap();
    listens(folder.path());
    let (outcome, catalogue) = imported(folder.path());
    assert!(outcome.rejects.is_empty(), "{:?}", outcome.rejects);
    let played: Vec<_> =
        catalogue.events.iter().map(|event| (event.kind.name().to_owned(), event.played_ms)).collect();
    assert_eq!(played.len(), 3);
    assert!(
        played.contains(&("skip".into(), Some(20_000)))
            && played.contains(&("complete".into(), Some(190_000)))
    );
    assert_eq!((catalogue.users.len(), catalogue.items.len()), (2, 2));
    let data = folder.path().join("data-folder");
    assert!(run(Format::Yambda, &data, None, &folder.path().join("other")).is_err());
}

#[test]
fn likes_and_dislikes_are_read_beside_listens_and_items_get_their_artists() {
    let folder = tempfile::tempdir().unwrap();
    listens(folder.path());
    presses(folder.path(), "likes.parquet", 10, 70, 7);
    presses(folder.path(), "dislikes.parquet", 20, 80, 9);
    let artists = [("artist_id", Numbers(&[31, 32])), ("item_id", Numbers(&[7, 9]))];
    write(&folder.path().join("artist_item_mapping.parquet"), &artists);
    let (outcome, catalogue) = imported(folder.path());
    assert!(outcome.rejects.is_empty(), "{:?}", outcome.rejects);
    assert_eq!(told(&catalogue)[3..], [("like", "7", 70_000), ("dislike", "9", 80_000)]);
    let mut creators: Vec<(&str, &str)> =
        catalogue.items.iter().map(|item| (item.item.as_str(), item.creator.as_str())).collect();
    creators.sort_unstable();
    assert_eq!(creators, [("7", "31"), ("8", ""), ("9", "32")]);
}

#[test]
fn the_file_of_all_kinds_names_them_and_is_read_alone() {
    let folder = tempfile::tempdir().unwrap();
    let kinds = ["listen", "like", "dislike", "unlike", "undislike", "wink"];
    let columns = [
        ("uid", Numbers(&[10, 10, 20, 10, 20, 20])),
        ("timestamp", Numbers(&[5, 10, 15, 20, 25, 30])),
        ("item_id", Numbers(&[7, 7, 8, 7, 8, 8])),
        ("event_type", Words(&kinds)),
        ("played_ratio_pct", SomeNumbers(&[Some(50), None, None, None, None, None])),
        ("track_length_seconds", SomeNumbers(&[Some(200), None, None, None, None, None])),
    ];
    write(&folder.path().join("multi_event.parquet"), &columns);
    presses(folder.path(), "likes.parquet", 10, 10, 7);
    let (outcome, catalogue) = imported(folder.path());
    assert_eq!(outcome.rejects, [("value_invalid", 1)].into());
    let wanted = [
        ("skip", "7", 5_000),
        ("like", "7", 10_000),
        ("dislike", "8", 15_000),
        ("unlike", "7", 20_000),
        ("restore", "8", 25_000),
    ];
    assert_eq!(told(&catalogue), wanted);
    assert_eq!((catalogue.events[0].played_ms, catalogue.events[0].total_ms), (Some(100_000), Some(200_000)));
}
