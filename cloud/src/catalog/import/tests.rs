//! Every format on a few rows, good and bad.

use std::path::PathBuf;
use std::sync::Arc;

use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use segue_core::session::event::EventKind;
use tempfile::TempDir;

use super::*;
use crate::catalog::split::Rule;
use crate::catalog::{AttributeKind, Catalogue};

pub(super) struct Imported {
    _folder: TempDir,
    source: PathBuf,
    data: PathBuf,
    pub(super) outcome: Outcome,
    pub(super) catalogue: Catalogue,
}

impl Imported {
    pub(super) fn reasons(&self) -> Vec<(&str, u64)> {
        self.outcome.rejects.iter().map(|(reason, count)| (*reason, *count)).collect()
    }

    fn reject_lines(&self) -> String {
        std::fs::read_to_string(self.data.join("rejects.jsonl")).unwrap()
    }
}

pub(super) fn import(format: Format, files: &[(&str, &[u8])]) -> Imported {
    let (folder, source) = written(files);
    let data = folder.path().join("data");
    let outcome = run(format, &source, None, &data).unwrap();
    let catalogue = Catalogue::load(&data).unwrap();
    Imported { _folder: folder, source, data, outcome, catalogue }
}

/// A folder, and the one in it that holds these files.
pub(super) fn written(files: &[(&str, &[u8])]) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    for (name, bytes) in files {
        let file = source.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, bytes).unwrap();
    }
    (folder, source)
}

/// A file without its header row.
fn below(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| *byte == b'\n').unwrap();
    &text[end + 1..]
}

#[test]
fn jsonl_keeps_good_rows_and_names_bad_ones() {
    let long = format!(r#"{{"event_id":"{}","item":"a","kind":"click","time_ms":1}}"#, "x".repeat(200));
    let events = [
        r#"{"event_id":"1","user":"u","item":"a","kind":"complete","time_ms":10,"played_ms":null}"#,
        r#"{"event_id":"1","user":"u","item":"a","kind":"complete","time_ms":11}"#,
        "not json",
        r#"{"event_id":"2","item":"missing","kind":"click","time_ms":12}"#,
        r#"{"event_id":"3","item":"a","kind":"Cheer!","time_ms":13}"#,
        r#"{"event_id":"4","item":"a","kind":"rating","value":7,"time_ms":13}"#,
        r#"{"event_id":"5","item":"a","kind":"click","time_ms":"soon"}"#,
        r#"{"item":"a","kind":"x_cheer","time_ms":14,"user":"u"}"#,
        long.as_str(),
        r#"{"event_id":"6","kind":"like","time_ms":15}"#,
    ]
    .join("\n");
    let items = "{\"item\":\"a\",\"title\":\"A\",\"vector\":[1,0]}\n{\"item\":\"b\",\"vector\":[1]}\n{\"title\":\"C\"}";
    let imported =
        import(Format::Jsonl, &[("items.jsonl", items.as_bytes()), ("events.jsonl", events.as_bytes())]);
    let ids: Vec<&str> = imported.catalogue.events.iter().map(|event| event.event_id.as_str()).collect();
    assert_eq!(ids, ["1", "line-8"]);
    assert_eq!(imported.catalogue.events[1].session, "u:0");
    assert_eq!(
        imported.reasons(),
        [
            ("column_missing", 2),
            ("id_duplicate", 1),
            ("id_invalid", 1),
            ("item_unknown", 1),
            ("kind_invalid", 1),
            ("not_json", 1),
            ("value_invalid", 1),
            ("value_out_of_range", 1),
            ("vector_length", 1),
        ]
    );
    assert_eq!(imported.outcome.dataset.counts.rejects, 10);
    let rejects = imported.reject_lines();
    assert!(rejects.contains(r#"{"table":"events","line":3,"reason":"not_json""#), "{rejects}");
    assert!(rejects.contains(r#""text":"not json""#));
}

#[test]
fn events_alone_are_enough_and_make_their_items() {
    let events = br#"{"event_id":"1","item":"a","kind":"click","time_ms":1,"candidates":["a","b"]}"#;
    let imported = import(Format::Jsonl, &[("events.jsonl", events)]);
    assert_eq!(imported.catalogue.items.len(), 2);
    assert!(imported.outcome.rejects.is_empty());
}

#[test]
fn importing_twice_replaces_and_a_failed_import_changes_nothing() {
    let imported = import(Format::Jsonl, &[("items.jsonl", b"{\"item\":\"a\"}\n{\"item\":\"b\"}")]);
    std::fs::write(imported.source.join("items.jsonl"), "{\"item\":\"c\"}").unwrap();
    run(Format::Jsonl, &imported.source, Some("shop"), &imported.data).unwrap();
    let catalogue = Catalogue::load(&imported.data).unwrap();
    assert_eq!((catalogue.items.len(), catalogue.dataset.surface.as_str()), (1, "shop"));
    std::fs::write(imported.source.join("items.jsonl"), "nothing").unwrap();
    let error = run(Format::Jsonl, &imported.source, None, &imported.data).unwrap_err().to_string();
    assert!(error.contains("(1 x not_json); the first, items line 1"), "{error}");
    assert!(run(Format::Csv, &imported.source, None, &imported.data).is_err());
    assert!(run(Format::Jsonl, &imported.source, Some("tv"), &imported.data).is_err());
    assert_eq!(Catalogue::load(&imported.data).unwrap().items[0].item, "c");
}

#[test]
fn csv_columns_hold_lists_attributes_and_context() {
    let items = b"item,title,categories,attribute.tempo,attribute.mood\n\
        a,\"One, two\",rock|pop,120,calm\n\
        b,B,,90,happy\n\
        c,C\n";
    let events = b"event_id,user,item,kind,time_ms,context.device,candidates\n\
        1,u,a,click,5,phone,a|b\n\
        2,u,b,click,x,,\n";
    let collections = b"collection,kind,items\np,playlist,b|a\nq,playlist,zzz\n";
    let imported = import(
        Format::Csv,
        &[("items.csv", items), ("events.csv", events), ("collections.csv", collections)],
    );
    let catalogue = &imported.catalogue;
    assert_eq!(catalogue.items[0].title, "One, two");
    assert_eq!(catalogue.items[0].categories, ["rock", "pop"]);
    assert_eq!(catalogue.events[0].context["device"], "phone");
    assert_eq!(catalogue.events[0].candidates, ["a", "b"]);
    assert_eq!(catalogue.collections[0].items, ["b", "a"]);
    let tempo = catalogue.dataset.attributes.iter().find(|attribute| attribute.name == "tempo").unwrap();
    assert_eq!(tempo.kind, AttributeKind::Number { minimum: 90.0, maximum: 120.0 });
    assert_eq!(imported.reasons(), [("item_unknown", 1), ("not_csv", 1), ("value_invalid", 1)]);
}

#[test]
fn parquet_rows_are_read_without_a_schema_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let schema = "message items {
        REQUIRED BYTE_ARRAY item (UTF8);
        REQUIRED BYTE_ARRAY categories (UTF8);
        OPTIONAL INT64 duration_ms;
        REQUIRED DOUBLE attribute.tempo;
    }";
    let file = std::fs::File::create(folder.path().join("items.parquet")).unwrap();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    let texts = |values: [&str; 3]| values.map(ByteArray::from);
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&texts(["a", "b", "a"]), None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<ByteArrayType>().write_batch(&texts(["x|y", "x", ""]), None, None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[5, 6], Some(&[1, 0, 1]), None).unwrap();
    column.close().unwrap();
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<DoubleType>().write_batch(&[1.5, 2.5, 3.5], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();

    let data = folder.path().join("data");
    let outcome = run(Format::Parquet, folder.path(), None, &data).unwrap();
    let catalogue = Catalogue::load(&data).unwrap();
    assert_eq!(catalogue.items.len(), 2);
    assert_eq!(catalogue.items[0].categories, ["x", "y"]);
    assert_eq!((catalogue.items[0].duration_ms, catalogue.items[1].duration_ms), (Some(5), None));
    assert_eq!(catalogue.items[1].attributes["tempo"].number(), Some(2.5));
    assert_eq!(outcome.rejects["id_duplicate"], 1);
    std::fs::write(folder.path().join("items.parquet"), "PAR1 not really").unwrap();
    let error = format!("{:#}", run(Format::Parquet, folder.path(), None, &data).unwrap_err());
    assert!(error.contains("items.parquet"), "{error}");
}

#[test]
fn parquet_times_in_nanoseconds_become_milliseconds() {
    let folder = tempfile::tempdir().unwrap();
    let schema = "message events {
        REQUIRED BYTE_ARRAY item (UTF8);
        REQUIRED BYTE_ARRAY kind (UTF8);
        REQUIRED INT64 time_ms (TIMESTAMP(NANOS,true));
    }";
    let file = std::fs::File::create(folder.path().join("events.parquet")).unwrap();
    let schema = Arc::new(parse_message_type(schema).unwrap());
    let properties = Arc::new(WriterProperties::builder().build());
    let mut writer = SerializedFileWriter::new(file, schema, properties).unwrap();
    let mut group = writer.next_row_group().unwrap();
    for text in ["a", "click"] {
        let mut column = group.next_column().unwrap().unwrap();
        column.typed::<ByteArrayType>().write_batch(&[ByteArray::from(text)], None, None).unwrap();
        column.close().unwrap();
    }
    let mut column = group.next_column().unwrap().unwrap();
    column.typed::<Int64Type>().write_batch(&[1_700_000_000_123_456_789], None, None).unwrap();
    column.close().unwrap();
    group.close().unwrap();
    writer.close().unwrap();
    let data = folder.path().join("data");
    run(Format::Parquet, folder.path(), None, &data).unwrap();
    assert_eq!(Catalogue::load(&data).unwrap().events[0].time_ms, 1_700_000_000_123);
}

#[test]
fn movielens_is_read_with_and_without_headers() {
    let with_headers = import(
        Format::Movielens,
        &[
            (
                "movies.csv",
                b"movieId,title,genres\n1,Heat (1995),Action|Crime\n2,\"Trial, The\",(no genres listed)\n",
            ),
            ("ratings.csv", b"userId,movieId,rating,timestamp\n7,1,4.5,1000\n7,2,1,5000\n7,9,3,6000\n"),
        ],
    );
    let catalogue = &with_headers.catalogue;
    assert_eq!(catalogue.items[0].title, "Heat");
    assert_eq!(catalogue.items[0].released_ms, Some(788_918_400_000));
    assert_eq!((catalogue.items[1].title.as_str(), catalogue.items[1].categories.len()), ("Trial, The", 0));
    assert_eq!(catalogue.events[0].kind, EventKind::Rating);
    assert_eq!((catalogue.events[0].value, catalogue.events[0].time_ms), (Some(4.5), 1_000_000));
    assert_ne!(catalogue.events[0].session, catalogue.events[1].session);
    assert_eq!(with_headers.reasons(), [("item_unknown", 1)]);
    let without = import(
        Format::Movielens,
        &[("movies.csv", b"1,Heat,Action\n"), ("ratings.csv", b"7,1,4.5,1000\n7,1,x,1000\n")],
    );
    assert_eq!((without.catalogue.items.len(), without.catalogue.events.len()), (1, 1));
    assert_eq!(without.reasons(), [("value_invalid", 1)]);
}

#[test]
fn eshop_clicks_become_products_and_anonymous_sessions() {
    let clicks =
        b"year,month,day,order,country,session_id,page1_main_category,page2_clothing_model_idx,colour,\
        location,model_photography,price,price_2,page\n\
        2010,2,3,1,29,1,1,5,2,5,1,41,2,1\n\
        2010,2,3,2,29,1,4,8,1,6,2,52,1,2\n\
        2010,2,3,1,45,2,1,5,2,5,1,41,2,1\n\
        2010,2,3,3,29,1,9,8,1,6,1,52,2,1\n";
    let imported = import(Format::Eshop, &[("clicks.csv", clicks)]);
    let catalogue = &imported.catalogue;
    assert_eq!((catalogue.items.len(), catalogue.users.len(), catalogue.events.len()), (2, 0, 3));
    assert_eq!(catalogue.items[0].title, "Black trousers no. 5");
    assert_eq!(catalogue.items[0].attributes["colour"].text(), Some("black"));
    assert_eq!(catalogue.items[0].price, Some(41.0));
    let places: Vec<Option<&String>> =
        catalogue.events.iter().map(|event| event.context.get("region")).collect();
    assert_eq!(places.iter().filter(|place| place.is_none()).count(), 1);
    assert_eq!(catalogue.sessions().len(), 2);
    assert_eq!(catalogue.dataset.surface, "shop");
    assert_eq!(imported.reasons(), [("value_out_of_range", 1)]);
}

#[test]
fn segmm_rows_of_one_request_are_a_slate() {
    let views = b"user_id,video_id,time_ms,duration_ms,playing_time,label_1D\n\
        1,10,500,1000,1000,\"[ 1\n 1]\"\n1,11,500,1000,200,[ 0 -1]\n1,12,900,1000,-5,[]\n2,10,1,1000,999,[]\n";
    let imported = import(Format::Segmm, &[("sample.csv", views)]);
    let events = &imported.catalogue.events;
    assert_eq!(events.len(), 3);
    assert_eq!(
        (events[0].kind.name(), events[1].kind.name(), events[2].kind.name()),
        ("skip", "complete", "skip")
    );
    assert_eq!(events[1].candidates, ["10", "11"]);
    assert_eq!((events[1].slate.as_deref(), events[2].position), (Some("b1-500"), Some(1)));
    assert!(imported.catalogue.items.iter().all(|item| item.duration_ms == Some(1_000)));
    assert_eq!(imported.reasons(), [("value_out_of_range", 1)]);
}

#[test]
fn a_history_that_is_cut_off_at_the_longest_line_is_left_out() {
    let long = format!("1 5 6\n2 {}\n", "7 ".repeat(LINE_BYTES / 2));
    let imported = import(Format::Lastfm, &[("LastFM.txt", long.as_bytes())]);
    assert_eq!(imported.reasons(), [("line_too_long", 1)]);
    assert_eq!(imported.catalogue.events.len(), 2);
}

#[test]
fn lastfm_holds_out_the_last_item_against_its_negatives() {
    let imported = import(
        Format::Lastfm,
        &[
            ("LastFM.txt", b"1 5 6 7\n2 5 x\n3 9\n"),
            ("LastFM_sample.txt", b"1 8 9\n"),
            ("LastFM_item2attributes.json", br#"{"5": [3, 3, 4], "6": [], "7": "none"}"#),
        ],
    );
    let catalogue = &imported.catalogue;
    assert_eq!(catalogue.split.rule, Rule::LeaveOneOut);
    let held_out: Vec<&str> = (0..catalogue.events.len())
        .filter(|index| catalogue.held_out[*index])
        .map(|index| catalogue.events[index].item.as_str())
        .collect();
    assert_eq!(held_out, ["9", "7"]);
    let last = catalogue.events.iter().find(|event| event.item == "7").unwrap();
    assert_eq!(last.candidates, ["7", "8", "9"]);
    assert_eq!(catalogue.items[0].categories, ["tag 3", "tag 4"]);
    assert!(!catalogue.dataset.timed);
    assert_eq!(imported.reasons(), [("value_invalid", 2)]);
}

#[test]
fn cpcd_turns_become_likes_and_dislikes() {
    let dialogs = br#"{"id":"d1","turns":[{"user_query":"rock","liked_results":["a"],"disliked_results":["b"]},{"user_query":"more","liked_results":["c"]}],"tracks":{"a":{"track_artists":["X","Y"],"track_titles":"Song"}},"goal_playlist":["a","c"]}
{"id":"d2"}"#;
    let imported = import(Format::Cpcd, &[("dialogs.jsonl", dialogs)]);
    let catalogue = &imported.catalogue;
    let kinds: Vec<&str> = catalogue.events.iter().map(|event| event.kind.name()).collect();
    assert_eq!(kinds, ["like", "dislike", "like"]);
    assert_eq!(catalogue.events[0].candidates, ["a", "b"]);
    assert_eq!(catalogue.events[0].context["query"], "rock");
    let track = &catalogue.items[catalogue.item_index("a").unwrap()];
    assert_eq!((track.title.as_str(), track.creator_name.as_deref()), ("Song", Some("X, Y")));
    assert_eq!(catalogue.collections[0].items, ["a", "c"]);
    assert_eq!(catalogue.split.rule, Rule::Folds { folds: 5, held_out: 0 });
    assert_eq!(imported.reasons(), [("not_json", 1)]);
}

#[test]
fn obd_impressions_keep_their_propensity() {
    let context = b",item_id,item_feature_0,item_feature_1\n0,0,-0.5,aa\n1,1,0.5,bb\n" as &[u8];
    let log = b",timestamp,item_id,position,click,propensity_score,user_feature_0\n\
        0,2019-11-24 00:00:01.500000+00:00,1,3,1,0.25,f\n1,2019-11-24 00:00:02+00:00,0,1,0,0.5,g\n\
        2,yesterday,0,1,0,0.5,g\n3,2019-11-24 00:00:03+00:00,0,1,0,0,g\n" as &[u8];
    let imported = import(
        Format::Obd,
        &[
            ("random/men/item_context.csv", context),
            ("random/men/men.csv", log),
            ("bts/men/item_context.csv", context),
            ("bts/men/men.csv", log),
        ],
    );
    let catalogue = &imported.catalogue;
    assert_eq!((catalogue.items.len(), catalogue.events.len()), (2, 4));
    let click = catalogue.events.iter().find(|event| event.kind == EventKind::Click).unwrap();
    assert_eq!((click.item.as_str(), click.position), ("men-1", Some(2)));
    assert_eq!(click.context["propensity"], "0.25");
    assert_eq!(imported.reasons(), [("value_invalid", 2), ("value_out_of_range", 2)]);
}

#[test]
fn times_in_seconds_among_milliseconds_are_pointed_out() {
    let events = br#"{"event_id":"1","user":"u","item":"a","kind":"click","time_ms":1700000000}
{"event_id":"2","user":"u","item":"a","kind":"click","time_ms":1700000000000}"# as &[u8];
    let imported = import(Format::Jsonl, &[("events.jsonl", events)]);
    assert_eq!(imported.catalogue.events.len(), 2);
    let remark = &imported.outcome.remarks[0];
    assert!(remark.starts_with("1 of 2 events") && remark.contains("milliseconds"), "{remark}");
    let fine =
        import(Format::Jsonl, &[("events.jsonl", events.split(|byte| *byte == b'\n').nth(1).unwrap())]);
    assert!(fine.outcome.remarks.is_empty());
}

#[test]
fn lengths_in_seconds_are_pointed_out_where_the_items_tell_otherwise() {
    let items = br#"{"item":"a","duration_ms":180000}
{"item":"b"}"# as &[u8];
    let events = |totals: [u64; 3]| -> Vec<u8> {
        let line = |(at, total): (usize, u64)| {
            format!(
                r#"{{"event_id":"{at}","user":"u","item":"a","kind":"complete","time_ms":1700000000000,"total_ms":{total}}}"#
            )
        };
        let mut lines: Vec<String> = totals.into_iter().enumerate().map(line).collect();
        // Nothing is known of how long this one lasts.
        lines.push(lines[0].replace(r#""item":"a""#, r#""item":"b""#).replace(r#""0""#, r#""9""#));
        lines.join("\n").into_bytes()
    };
    let remarks = |totals| {
        let events = events(totals);
        import(Format::Jsonl, &[("items.jsonl", items), ("events.jsonl", &events)]).outcome.remarks
    };
    let seconds = remarks([180, 180, 180_000]);
    assert!(seconds.len() == 1 && seconds[0].starts_with("2 of 3 events"), "{seconds:?}");
    assert!(seconds[0].contains("`total_ms`") && seconds[0].contains("milliseconds"), "{seconds:?}");
    assert!(remarks([180, 180_000, 180_000]).is_empty());
}

#[test]
fn movielens_1m_is_read_as_it_is_written() {
    let movies =
        b"1::Made Up (1990)::Animation|Comedy\n2::Caf\xe9 Nowhere (1991)::Drama\nbroken\n" as &[u8];
    let ratings =
        b"1::1::5::1000000000\n1::2::3::1000000050\n2::9::4::1000000050\n2::1::x::1000000050\n" as &[u8];
    let imported = import(Format::Movielens, &[("movies.dat", movies), ("ratings.dat", ratings)]);
    let catalogue = &imported.catalogue;
    assert_eq!(catalogue.items[1].title, "Caf\u{e9} Nowhere");
    assert_eq!((catalogue.items[0].categories.len(), catalogue.events.len()), (2, 2));
    assert_eq!((catalogue.events[0].time_ms, catalogue.events[0].value), (1_000_000_000_000, Some(5.0)));
    assert_eq!(imported.reasons(), [("item_unknown", 1), ("not_csv", 1), ("value_invalid", 1)]);
}

#[test]
fn kuairand_views_carry_their_gestures() {
    let log = b"user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_forward,is_hate,play_time_ms,duration_ms,is_rand\n\
        7,10,20220408,900,1649379600000,1,1,0,1,0,9000,8000,0\n7,11,20220408,900,1649379700000,0,0,0,0,1,500,8000,1\n\
        7,12,20220408,900,1649379800000,0,0,0,0,0,0,8000,0\n7,12,20220408,900,1649379800000,0,0,0,0,0,-1,8000,0\n" as &[u8];
    let features =
        b"video_id,author_id,upload_dt,video_duration,tag\n10,a1,2022-04-01,8000,\"12,65\"\n" as &[u8];
    let files = [("data/log_standard_x.csv", log), ("data/video_features_basic_x.csv", features)];
    let imported = import(Format::Kuairand, &files);
    let kinds: Vec<&str> = imported.catalogue.events.iter().map(|event| event.kind.name()).collect();
    assert_eq!(kinds, ["complete", "like", "share", "skip", "not_interested", "impression"]);
    let video = &imported.catalogue.items[0];
    assert_eq!((video.creator.as_str(), video.duration_ms), ("a1", Some(8_000)));
    assert_eq!(video.categories, ["tag 12", "tag 65"]);
    assert_eq!((imported.catalogue.items.len(), imported.catalogue.dataset.surface.as_str()), (3, "feed"));
    assert_eq!(imported.reasons(), [("value_out_of_range", 1)]);
}

#[test]
fn kuairec_rows_say_how_much_was_watched() {
    let matrix = b"user_id,video_id,play_duration,video_duration,time,date,timestamp,watch_ratio\n\
        1,501,3000,6000,2021-01-01 00:00:01.500,20210101,1609459201.5,0.5\n\
        1,502,9000,6000,2021-01-01 00:00:20.250,20210101,1609459220.25,1.5\n1,503,20000,10000,,,,2.0\n"
        as &[u8];
    let tags = b"video_id,feat\n501,\"[12, 34]\"\n" as &[u8];
    let imported = import(Format::Kuairec, &[("big_matrix.csv", matrix), ("item_categories.csv", tags)]);
    let events = &imported.catalogue.events;
    assert_eq!((events[0].kind.name(), events[1].kind.name()), ("skip", "complete"));
    assert_eq!((events[0].time_ms, events[0].played_ms), (1_609_459_201_500, Some(3_000)));
    assert_eq!(imported.catalogue.items[0].categories, ["tag 12", "tag 34"]);
    assert_eq!(imported.reasons(), [("column_missing", 1)]);
    let headless =
        import(Format::Kuairec, &[("big_matrix.csv", below(matrix)), ("item_categories.csv", below(tags))]);
    assert_eq!(headless.reasons(), imported.reasons());
    assert_eq!((headless.catalogue.events.len(), &headless.catalogue.items), (2, &imported.catalogue.items));
    let first = matrix.split_inclusive(|byte| *byte == b'\n').take(2).collect::<Vec<_>>().concat();
    let small = import(Format::Kuairec, &[("small_matrix.csv", &first)]);
    assert_eq!(small.catalogue.events, imported.catalogue.events[..1]);
    let both = import(Format::Kuairec, &[("small_matrix.csv", &first), ("big_matrix.csv", matrix)]);
    assert_eq!(both.catalogue.events, imported.catalogue.events, "the small one lies within the big one");
}

#[test]
fn spotify_sessions_keep_their_order() {
    let log = b"session_id,session_position,session_length,track_id_clean,skip_1,skip_2,skip_3,not_skipped,hour_of_day,date,premium,context_type\n\
        0_a,1,3,t_1,false,false,false,true,16,2018-07-15,true,radio\n0_a,2,3,t_2,true,true,true,false,16,2018-07-15,true,radio\n\
        0_a,3,3,t_1,false,false,true,false,16,2018-07-15,true,radio\n0_a,4,3,t_1,maybe,no,no,no,16,2018-07-15,true,radio\n" as &[u8];
    let features = b"track_id,duration,release_year,acousticness,mode\nt_1,180.5,1999,0.2,major\nt_2,200,2001,0.9,minor\n" as &[u8];
    let files = [("training_set/log_0.csv", log), ("track_features/tf_000.csv", features)];
    let imported = import(Format::Spotify, &files);
    let events = &imported.catalogue.events;
    let kinds: Vec<&str> = events.iter().map(|event| event.kind.name()).collect();
    assert_eq!(kinds, ["complete", "skip", "progress"]);
    assert_eq!((imported.catalogue.sessions().len(), events[1].time_ms - events[0].time_ms), (1, 180_000));
    assert_eq!(imported.catalogue.items[0].duration_ms, Some(180_500));
    assert_eq!(imported.catalogue.items[1].attributes["mode"].text(), Some("minor"));
    assert_eq!(imported.reasons(), [("value_invalid", 1)]);
}

#[test]
fn retailrocket_visits_become_clicks_carts_and_purchases() {
    let events = b"timestamp,visitorid,event,itemid,transactionid\n1500000000001,11,view,22,\n\
        1500000000002,11,addtocart,22,\n1500000000003,11,transaction,22,7\n1500000000004,1,wink,2,\n"
        as &[u8];
    let properties = b"timestamp,itemid,property,value\n1500000000200,22,categoryid,5\n\
        1500000000100,22,categoryid,7\n1500000000100,22,999,n7\n" as &[u8];
    let files = [("events.csv", events), ("item_properties_part1.csv", properties)];
    let imported = import(Format::Retailrocket, &files);
    let kinds: Vec<&str> = imported.catalogue.events.iter().map(|event| event.kind.name()).collect();
    assert_eq!(kinds, ["click", "add_to_cart", "purchase"]);
    assert_eq!(imported.catalogue.items[0].categories, ["category 5"]);
    assert_eq!((imported.catalogue.users.len(), imported.reasons()), (1, vec![("value_invalid", 1)]));
    let files = files.map(|(name, text)| (name, below(text)));
    let headless = import(Format::Retailrocket, &files);
    assert_eq!(
        (headless.reasons(), &headless.catalogue.items),
        (imported.reasons(), &imported.catalogue.items)
    );
}

#[test]
fn a_row_that_is_told_again_is_one_event_and_is_counted() {
    let visits = b"timestamp,visitorid,event,itemid,transactionid\n5000,1,view,2,\n5000,1,view,2,\n5000,1,addtocart,2,\n\
        5001,1,view,2,\n5000,3,view,2,\n" as &[u8];
    let again =
        b"timestamp,visitorid,event,itemid,transactionid\n9000,1,view,2,\n5000,3,view,2,\n" as &[u8];
    let shop = import(Format::Retailrocket, &[("events.csv", visits), ("events_2.csv", again)]);
    assert_eq!((shop.catalogue.events.len(), shop.reasons()), (5, vec![("id_duplicate", 2)]));
    let log = b"user_id,video_id,time_ms,is_like,play_time_ms,duration_ms\n7,10,5000,1,9000,8000\n7,10,5000,1,9000,8000\n\
        7,10,6000,0,0,8000\n7,11,5000,0,0,8000\n" as &[u8];
    let feed = import(Format::Kuairand, &[("log_a.csv", log)]);
    let kinds: Vec<&str> = feed.catalogue.events.iter().map(|event| event.kind.name()).collect();
    assert_eq!((kinds.len(), kinds.iter().filter(|kind| **kind == "like").count()), (4, 1));
    assert_eq!(feed.reasons(), [("id_duplicate", 1)]);
}

#[test]
#[ignore = "the public sets are no part of the project: cargo xtask test runs this where ../shared/data has them"]
fn the_public_sets_are_read_whole() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let folder = tempfile::tempdir().unwrap();
    for (format, source, events) in [
        (Format::Movielens, "ml-latest-small", 100_000),
        (Format::Eshop, "eshop", 165_474),
        (Format::Segmm, "segmm", 10_000),
        (Format::Lastfm, "lastfm", 52_551),
        (Format::Cpcd, "cpcd", 9_741),
        (Format::Obd, "obd-small", 40_000),
    ] {
        let outcome = run(format, &shared.join(source), None, folder.path()).unwrap();
        assert!(outcome.dataset.counts.events >= events, "{source}: {:?}", outcome.dataset.counts);
        assert!(outcome.rejects.is_empty(), "{source}: {:?}", outcome.rejects);
    }
}
