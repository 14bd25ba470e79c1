//! Items that come and go between two refreshes, over HTTP.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use segue_core::pack::VerifiedPack;
use segue_core::trust::Manifest;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::on_demand_tests::ready;
use super::tests::{published, serve_with};
use crate::app::router;
use crate::auth::ServiceKeys;
use crate::catalog::{Catalogue, Item};
use crate::clock::now_ms;
use crate::consumers::Segment;
use crate::packs::PackStore;
use crate::refresh::run as refresh;
use crate::refresh::tests::{folder, options, root, write};
use crate::state::AppState;

pub(super) const KEY: &str = "0123456789abcdef0123456789abcdef";

pub(super) fn serve(data: &std::path::Path) -> Arc<AppState> {
    serve_with(data, |config| config.callers.services = ServiceKeys::read(None, Some(KEY)).unwrap())
}

pub(super) async fn ask(
    state: &Arc<AppState>,
    method: &str,
    path: &str,
    body: Option<Value>,
) -> (StatusCode, Vec<u8>) {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.header("authorization", format!("Bearer {KEY}"));
    let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
    let response = router(Arc::clone(state)).oneshot(request.body(body).unwrap()).await.unwrap();
    let (head, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap().to_vec();
    let operation = crate::api::check::operation(method, path).unwrap();
    crate::api::check::answer(operation, head.status.as_u16(), &head.headers, &body);
    (head.status, body)
}

async fn change(state: &Arc<AppState>, changes: Value) -> Value {
    let (status, body) = ask(state, "POST", "/api/v1/items", Some(changes)).await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    serde_json::from_slice(&body).unwrap()
}

pub(super) async fn list(state: &Arc<AppState>, user: &str) -> Vec<String> {
    let path = format!("/api/v1/recommendations?user={user}&surface=radio&count=30");
    let (status, body) = ask(state, "GET", &path, None).await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    let list: Value = serde_json::from_slice(&body).unwrap();
    list["items"].as_array().unwrap().iter().map(|place| place["item"].as_str().unwrap().to_owned()).collect()
}

/// The pack that a client gets, checked as a client does.
pub(super) async fn pack(state: &Arc<AppState>, subject: &str) -> VerifiedPack {
    let (_, bytes) = ask(state, "GET", &format!("/api/v1/packs/{subject}"), None).await;
    let generation = PackStore::new(&state.config.data).open_current().unwrap().unwrap();
    let key = root(&state.config.data);
    let manifest = Manifest::verify(generation.manifest(), &key).unwrap();
    VerifiedPack::open(&bytes, &key, &manifest, subject, i64::MIN).unwrap()
}

#[tokio::test]
async fn what_is_withdrawn_leaves_lists_and_packs_at_once_and_comes_back_when_it_is_put_in_again() {
    let data = published();
    let state = serve(data.path());
    let before = list(&state, "u0").await;
    let receipt = change(&state, json!({"withdraw": [before[0], "no such item"]})).await;
    assert_eq!((&receipt["withdrawn"], &receipt["rejected"][0]["code"]), (&json!(1), &json!("item_unknown")));
    assert!(!list(&state, "u0").await.contains(&before[0]));
    let end = |pack: &VerifiedPack| pack.find(&before[0]).unwrap().ends_ms;
    assert!(end(&pack(&state, "user:u0").await).is_some_and(|end| end <= now_ms()));
    drop(state);
    let again = serve(data.path());
    assert!(!list(&again, "u0").await.contains(&before[0]), "also after a restart");

    let row = Catalogue::load(data.path()).unwrap().items.into_iter().find(|row| row.item == before[0]);
    let mut row = serde_json::to_value(row.unwrap()).unwrap();
    row.as_object_mut().unwrap().remove("available_until_ms");
    change(&again, json!({"upsert": [row]})).await;
    assert_eq!(list(&again, "u0").await, before);
    assert_eq!(end(&pack(&again, "user:u0").await), None);
}

#[tokio::test]
async fn what_is_put_in_can_be_looked_up_at_once_and_is_in_the_next_packs() {
    let data = published();
    let state = serve(data.path());
    let like = Catalogue::load(data.path()).unwrap().items[0].clone();
    let mut row = serde_json::to_value(like).unwrap();
    row["item"] = json!("fresh");
    row["title"] = json!("Fresh");
    let bad =
        [json!({"item": ""}), json!({"item": "b", "vector": [1.0]}), json!({"item": "c", "price": "x"})];
    let rows: Vec<Value> = [row].into_iter().chain(bad).collect();
    let receipt = change(&state, json!({ "upsert": rows })).await;
    let codes: Vec<&Value> =
        receipt["rejected"].as_array().unwrap().iter().map(|reject| &reject["code"]).collect();
    assert_eq!((&receipt["upserted"], codes.len()), (&json!(1), 3));
    assert_eq!(codes, ["column_missing", "vector_length", "value_invalid"]);
    let (_, body) = ask(&state, "GET", "/api/v1/items?ids=fresh,b", None).await;
    let found: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&found["items"][0]["title"], &found["missing"]), (&json!("Fresh"), &json!(["b"])));
    let released = found["items"][0]["released_ms"].clone();
    assert!(released.as_i64().is_some_and(|released| released <= now_ms()), "what nobody knew came out now");
    let known = Catalogue::load(data.path()).unwrap().items[1].item.clone();
    change(&state, json!({"upsert": [{"item": "fresh", "title": "Again"}, {"item": known}]})).await;
    let (_, body) = ask(&state, "GET", &format!("/api/v1/items?ids=fresh,{known}"), None).await;
    let found: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(
        [&found["items"][0]["released_ms"], &found["items"][1]["released_ms"]],
        [&released, &Value::Null]
    );
    refresh(data.path(), &options()).unwrap();
    state.reload();
    let generation = state.published().unwrap();
    let holds = |subject: &str| {
        let pack = generation.packs.get(subject).unwrap().unwrap();
        segue_core::pack::Pack::open(&pack, &root(data.path())).unwrap().items.contains(&"fresh".to_owned())
    };
    assert!(generation.packs.subjects().any(holds), "no pack holds the new item");
}

#[tokio::test]
async fn what_is_put_in_is_known_to_whoever_asks_for_more_like_it_before_the_next_refresh() {
    let data = published();
    let state = serve(data.path());
    let like = Catalogue::load(data.path()).unwrap().items[0].clone();
    let row = Item { item: "fresh".into(), ..like.clone() };
    change(&state, json!({"upsert": [row]})).await;
    ready(&state).await;
    let similar = async |item: &str| -> Vec<String> {
        let (status, body) = ask(&state, "GET", &format!("/api/v1/items/{item}/similar"), None).await;
        assert_eq!(status, StatusCode::OK, "{item}: {}", String::from_utf8_lossy(&body));
        let answer: Value = serde_json::from_slice(&body).unwrap();
        answer["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["item"].as_str().unwrap().to_owned())
            .collect()
    };
    let neighbours = similar("fresh").await;
    let near = neighbours[0].clone();
    assert!(similar(&near).await.contains(&"fresh".to_owned()), "{neighbours:?}");
    assert_eq!(ask(&state, "POST", "/api/v1/packs/u0", None).await.0, StatusCode::OK);
    assert!(pack(&state, "user:u0").await.find("fresh").is_some());
}

/// Waits until so many changed items were taken in.
async fn caught_up(state: &Arc<AppState>, items: u64) {
    let begun = std::time::Instant::now();
    while state.workshop.prepared().1 < items {
        assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", state.workshop.prepared());
        state.workshop.look(state);
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn what_is_put_in_while_the_service_is_ready_is_taken_in_without_preparing_anew() {
    let data = published();
    let state = serve(data.path());
    ready(&state).await;
    assert_eq!(state.workshop.prepared(), (1, 0));
    let similar = async |item: &str| -> Vec<String> {
        let (status, body) = ask(&state, "GET", &format!("/api/v1/items/{item}/similar"), None).await;
        assert_eq!(status, StatusCode::OK, "{item}: {}", String::from_utf8_lossy(&body));
        let answer: Value = serde_json::from_slice(&body).unwrap();
        let items = answer["items"].as_array().unwrap().iter();
        items.map(|row| row["item"].as_str().unwrap().to_owned()).collect()
    };
    let like = Catalogue::load(data.path()).unwrap().items[0].clone();
    for (number, id) in ["fresh", "fresher"].into_iter().enumerate() {
        change(&state, json!({"upsert": [Item { item: id.into(), ..like.clone() }]})).await;
        caught_up(&state, number as u64 + 1).await;
        let neighbours = similar(id).await;
        assert!(similar(&neighbours[0]).await.contains(&id.to_owned()), "{neighbours:?}");
    }
    assert_eq!(ask(&state, "POST", "/api/v1/packs/u0", None).await.0, StatusCode::OK);
    let pack = pack(&state, "user:u0").await;
    assert!(pack.find("fresh").is_some() && pack.find("fresher").is_some());
    // Its row changes, and it goes again.
    change(&state, json!({"upsert": [Item { item: "fresh".into(), title: "Again".into(), ..like }]})).await;
    caught_up(&state, 3).await;
    change(&state, json!({"withdraw": ["fresh"]})).await;
    caught_up(&state, 4).await;
    assert!(!similar("fresher").await.contains(&"fresh".to_owned()));
    assert_eq!(state.workshop.prepared(), (1, 4), "everything was prepared once");
}

#[tokio::test]
async fn a_row_that_cannot_be_placed_alone_keeps_nobody_from_being_answered() {
    let (data, mut catalogue) = folder();
    for (at, item) in catalogue.items.iter_mut().enumerate() {
        item.vector = Some(vec![1.0, at as f32, 2.0]);
    }
    write(data.path(), &catalogue);
    refresh(data.path(), &options()).unwrap();
    let state = serve(data.path());
    ready(&state).await;
    let row = Item { item: "fresh".into(), ..catalogue.items[0].clone() };
    change(&state, json!({"upsert": [row.clone()]})).await;
    caught_up(&state, 1).await;
    change(&state, json!({"upsert": [Item { vector: None, ..row }]})).await;
    for _ in 0..20 {
        state.workshop.look(&state);
        state.workshop.ask(|_| ()).await.unwrap();
    }
}

#[tokio::test]
async fn a_shop_that_knows_nothing_of_its_items_but_titles_takes_new_ones_in() {
    let (data, mut catalogue) = folder();
    for item in &mut catalogue.items {
        *item = Item { item: item.item.clone(), title: item.title.clone(), ..Item::default() };
    }
    let catalogue = Catalogue::new(
        catalogue.dataset,
        catalogue.items,
        catalogue.users,
        Vec::new(),
        Vec::new(),
        catalogue.split,
    );
    write(data.path(), &catalogue);
    refresh(data.path(), &options()).unwrap();
    let state = serve(data.path());
    ready(&state).await;
    // More of them than are taken in at a time.
    let rows = (0..120).map(|number| json!({"item": format!("new {number}"), "title": "New"}));
    change(&state, json!({"upsert": rows.collect::<Vec<Value>>()})).await;
    caught_up(&state, 120).await;
    let known = state.workshop.ask(|on_demand| on_demand.similar("new 119", &Segment::default(), 5));
    assert!(known.await.unwrap().is_some());
}

#[tokio::test]
async fn what_is_for_fewer_people_leaves_the_packs_of_the_others_at_once() {
    let data = published();
    let state = serve(data.path());
    let first = pack(&state, "user:u0").await;
    let ids: Vec<String> = first.candidates()[..3].iter().map(|one| one.item.clone()).collect();
    let rows = Catalogue::load(data.path()).unwrap();
    let row = |id: &String, change: &dyn Fn(&mut Item)| {
        let mut row = rows.items[rows.item_index(id).unwrap()].clone();
        change(&mut row);
        serde_json::to_value(row).unwrap()
    };
    change(
        &state,
        json!({"upsert": [
            row(&ids[0], &|row| row.regions = vec!["fr".into()]),
            row(&ids[1], &|row| row.age_rating = Some(16)),
            row(&ids[2], &|row| row.regions = vec!["de".into()]),
        ]}),
    )
    .await;
    for (subject, ended) in
        [("user:u0", [true, true, true]), ("region:de", [true, true, false]), ("region:all", [true; 3])]
    {
        let pack = pack(&state, subject).await;
        let is_over = |id: &String| pack.find(id).unwrap().ends_ms == Some(0);
        assert_eq!([0, 1, 2].map(|place| is_over(&ids[place])), ended, "{subject}");
    }
    assert!(list(&state, "u0").await.iter().all(|item| !ids.contains(item)));
    refresh(data.path(), &options()).unwrap();
    state.reload();
    assert!(pack(&state, "user:u0").await.find(&ids[2]).is_some(), "for people of this country it came back");
}

#[tokio::test]
async fn only_services_change_items_and_too_many_at_once_are_refused() {
    let data = published();
    let nobody = serve_with(data.path(), |_| ());
    let (status, _) = ask(&nobody, "POST", "/api/v1/items", Some(json!({}))).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    drop(nobody);
    let state = serve(data.path());
    let many: Vec<String> = (0..1_001).map(|number| number.to_string()).collect();
    let (status, _) = ask(&state, "POST", "/api/v1/items", Some(json!({ "withdraw": many }))).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    let (status, _) = ask(&state, "POST", "/api/v1/items", Some(json!({"remove": ["t1"]}))).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}
