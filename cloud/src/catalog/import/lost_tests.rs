//! Imports of which no event can be read: they fail, say why, and leave the data folder alone.

use super::tests::{import, written};
use super::*;

/// What the import of these files fails by.
#[track_caller]
fn refused(format: Format, files: &[(&str, &[u8])]) -> String {
    let (folder, source) = written(files);
    let data = folder.path().join("data");
    let error = run(format, &source, None, &data).unwrap_err().to_string();
    assert!(!data.join("dataset.json").exists(), "{error}");
    error
}

const MOVIES: &[u8] = b"movieId,title,genres\n1,Made Up (1990),Drama\nx,No Number,Drama\n";

#[test]
fn ratings_without_their_times_are_refused_with_the_column_that_is_missing() {
    let ratings = b"userId,movieId,rating\n7,1,4.5\n8,1,2\n";
    let error = refused(Format::Movielens, &[("movies.csv", MOVIES), ("ratings.csv", ratings)]);
    assert!(error.contains("no event could be read from 2 rows"), "{error}");
    assert!(error.contains("2 x column_missing") && !error.contains("value_invalid"), "{error}");
    assert!(error.contains("ratings line 2: there is no column `timestamp`"), "{error}");
}

#[test]
fn a_matrix_without_its_times_is_refused_though_its_videos_are_known() {
    let tags = b"video_id,feat\n501,\"[12, 34]\"\n";
    let matrix = b"user_id,video_id,play_duration,video_duration\n1,501,3000,6000\n";
    let error = refused(Format::Kuairec, &[("item_categories.csv", tags), ("big_matrix.csv", matrix)]);
    assert!(error.contains("matrix line 2: there is no column `timestamp`"), "{error}");
}

#[test]
fn tables_of_ones_own_are_refused_where_no_event_can_be_read() {
    let items = b"item\na\n";
    let events = b"event_id,user,item,kind\n1,u,a,click\n";
    let error = refused(Format::Csv, &[("items.csv", items), ("events.csv", events)]);
    assert!(error.contains("events line 2: `time_ms` is missing or empty"), "{error}");
    let (items, events) = (br#"{"item":"a"}"#, br#"{"event_id":"1","item":"b","kind":"click","time_ms":1}"#);
    let error = refused(Format::Jsonl, &[("items.jsonl", items), ("events.jsonl", events)]);
    assert!(error.contains("1 x item_unknown"), "{error}");
}

#[test]
fn views_conversations_and_histories_of_which_none_can_be_read_are_refused() {
    let views =
        b"user_id,video_id,time_ms,duration_ms,playing_time,label_1D\nu,v,9000000000000000000,10,10,1\n";
    let error = refused(Format::Segmm, &[("views.csv", views)]);
    assert!(error.contains("value_out_of_range"), "{error}");
    let error = refused(Format::Cpcd, &[("dialogs.jsonl", b"{\n")]);
    assert!(error.contains("1 x not_json"), "{error}");
    let error = refused(Format::Lastfm, &[("LastFM.txt", b"nobody nothing\n")]);
    assert!(error.contains("no item could be read from 1 rows"), "{error}");
}

#[test]
fn tables_without_events_and_those_with_one_that_can_be_read_are_imported() {
    let header = b"userId,movieId,rating,timestamp\n";
    let none = import(Format::Movielens, &[("movies.csv", MOVIES), ("ratings.csv", header)]);
    assert_eq!((none.catalogue.events.len(), none.reasons()), (0, vec![("value_invalid", 1)]));
    let users = import(Format::Csv, &[("items.csv", b"item\na\n"), ("users.csv", b"country\nDE\n")]);
    assert_eq!((users.catalogue.items.len(), users.reasons()), (1, vec![("column_missing", 1)]));
    let ratings = b"userId,movieId,rating,timestamp\n7,1,4.5,1000\n7,1,4.5,soon\n";
    let one = import(Format::Movielens, &[("movies.csv", MOVIES), ("ratings.csv", ratings)]);
    assert_eq!((one.catalogue.events.len(), one.outcome.dataset.counts.rejects), (1, 2));
}
