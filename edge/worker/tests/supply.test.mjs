// Packs and manifests on workerd: by schedule, on a miss, when the cloud is down or hands out something wrong.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { WORLD } from "./support/origin.mjs";
import { cookieOf, event, itemsOf, startWorker, until } from "./support/worker.mjs";

for (const [name, change] of [["KV", {}], ["R2", { kvNamespaces: [], r2Buckets: ["PACKS_BUCKET"] }]]) {
  test(`the schedule fills ${name}, from which an isolate is fed when the cloud is down`, async (t) => {
    const worker = await startWorker(t, {}, change);
    assert.equal((await worker.scheduled()).outcome, "ok");
    const asked = worker.origin.asked.length;
    await worker.scheduled();
    const again = worker.origin.asked.slice(asked);
    assert.equal(again.filter((path) => path.startsWith("models/")).length, 0, "what has not changed is not fetched");
    worker.origin.down = true;
    assert.notEqual((await worker.scheduled()).outcome, "ok", "a schedule that failed says so");
    const answer = await worker.next();
    assert.equal(answer.status, 200);
    assert.equal(answer.body.generation, 1);
  });
}

test("of packs that are kept what changed is asked for, and served once it is followed", async (t) => {
  const worker = await startWorker(t);
  await worker.scheduled();
  const asked = worker.origin.asked.length;
  worker.origin.generation = "3";
  assert.equal((await worker.scheduled()).outcome, "ok");
  const packs = worker.origin.asked.slice(asked).filter((path) => path.startsWith("packs/"));
  assert.deepEqual(worker.origin.deltas, ["packs/region:all", "packs/region:DE"]);
  assert.deepEqual(packs, worker.origin.deltas, "none is fetched whole besides");
  assert.equal((await worker.next()).body.generation, 3);
});

test("a first visitor of a cold worker is served from the cloud, many at once by one pull", async (t) => {
  const worker = await startWorker(t);
  const answers = await Promise.all(Array.from({ length: 12 }, () => worker.next()));
  assert.deepEqual(answers.map((answer) => answer.status), answers.map(() => 200));
  assert.equal(worker.origin.asked.filter((path) => path === "manifest").length, 1);
});

test("the cloud is shown the worker's key where it has one", async (t) => {
  const [worker, stranger] = [await startWorker(t, { SERVICE_KEY: "k".repeat(32) }), await startWorker(t)];
  await Promise.all([worker.next(), stranger.next()]);
  assert.deepEqual([worker.origin.credentials, stranger.origin.credentials], [`Bearer ${"k".repeat(32)}`, undefined]);
  await worker.send([event("like", "item-300")]);
  await until(() => worker.origin.events.length === 1);
  assert.equal(worker.origin.credentials, `Bearer ${"k".repeat(32)}`);
});

test("without a cloud and without anything kept it says so", async (t) => {
  const worker = await startWorker(t);
  worker.origin.down = true;
  const answer = await worker.next();
  assert.deepEqual([answer.status, answer.body.code, answer.headers.get("retry-after")], [503, "generation_missing", "10"]);
  worker.origin.down = false;
  assert.equal((await worker.next()).status, 200, "and recovers");
});

for (const hangs of ["head", "body"]) {
  test(`a cloud that hangs (${hangs}) is given up, and what is shared goes on`, { timeout: 60_000 }, async (t) => {
    const worker = await startWorker(t);
    worker.origin.hangs = hangs;
    const cold = await worker.next();
    assert.deepEqual([cold.status, cold.body.code], [503, "generation_missing"]);
    worker.origin.hangs = null;
    assert.equal((await worker.scheduled()).outcome, "ok");
    worker.origin.hangs = hangs;
    const [answer, { outcome }] = await Promise.all([worker.next(), worker.scheduled()]);
    assert.equal(answer.status, 200);
    assert.notEqual(outcome, "ok", "a pull that came to nothing says so");
    assert.equal((await worker.next()).status, 200);
  });
}

test("a pack past its time is served as long as there is none newer, and says so", async (t) => {
  const worker = await startWorker(t);
  worker.origin.down = true;
  const store = await worker.miniflare.getKVNamespace("PACKS");
  await store.put("bundle/DE", readFileSync(join(WORLD, "stale.bundle")));
  const stale = await worker.next();
  assert.deepEqual([stale.status, stale.body.stale], [200, true]);
  worker.origin.down = false;
  // It was looked after once the answer was out, in vain at first.
  await worker.scheduled();
  assert.equal((await worker.next()).body.stale, true, "generation 1 is older and never takes its place");
  worker.origin.generation = "7";
  await worker.scheduled();
  const fresh = await worker.next();
  assert.deepEqual([fresh.body.stale, fresh.body.generation], [false, 7]);
});

test("an expired pack, an older generation and another key's are refused, and what is there goes on", async (t) => {
  const worker = await startWorker(t);
  worker.origin.generation = "3";
  await worker.scheduled();
  const before = await worker.next();
  assert.equal(before.body.generation, 3);
  for (const wrong of ["1", "expired", "foreign"]) {
    worker.origin.generation = wrong;
    assert.notEqual((await worker.scheduled()).outcome, "ok", wrong);
    assert.equal((await worker.next(cookieOf(before))).body.generation, 3);
  }
  const cold = await startWorker(t);
  cold.origin.generation = "expired";
  assert.equal((await cold.next()).body.code, "generation_missing");
});

test("with another ranker in the manifest the linear one ranks, or its plans are built here", async (t) => {
  const worker = await startWorker(t);
  worker.origin.generation = "2";
  const answer = await worker.next();
  assert.equal(answer.body.fallback, "fallback_model_pending");
  const disliked = itemsOf(answer)[0];
  const after = await worker.send([event("dislike", disliked)], cookieOf(answer));
  assert.ok(!itemsOf(after).includes(disliked));
  const building = await startWorker(t, { BUILD_PLANS: "yes" });
  building.origin.generation = "2";
  assert.equal((await building.next()).body.fallback, null);
});

test("each region gets its own pack, whatever the request says", async (t) => {
  const worker = await startWorker(t);
  const own = (country, query) => worker.next({}, query, country).then(itemsOf);
  assert.ok((await own("DE")).every((item) => item >= "item-300"));
  for (const country of ["FR", "XX", "T1", "de", "", null]) assert.ok((await own(country)).every((item) => item < "item-300"), country);
  assert.ok((await own("FR", "surface=radio&count=10&context.region=DE")).every((item) => item < "item-300"));
  const pack = await worker.fetch("/api/v1/pack");
  assert.equal(pack.headers.get("segue-subject"), "region:DE");
  assert.match(pack.headers.get("cache-control"), /^private/);
});

test("clients that run the engine get manifest, pack and models, each with its tag", async (t) => {
  const worker = await startWorker(t);
  for (const path of ["manifest", "rotations", "pack"]) {
    const answer = await worker.fetch(`/api/v1/${path}`);
    assert.equal(answer.headers.get("segue-generation"), "1");
    const again = await worker.fetch(`/api/v1/${path}`, { headers: { "if-none-match": answer.headers.get("etag") } });
    assert.equal(again.status, 304);
  }
  const hash = createHash("sha256").update(readFileSync(join(WORLD, "ranker.onnx"))).digest("hex");
  const model = await worker.fetch(`/api/v1/models/${hash}`);
  assert.equal(model.status, 200);
  assert.match(model.headers.get("cache-control"), /immutable/);
  assert.equal((await worker.fetch(`/api/v1/models/${"0".repeat(64)}`)).body.code, "artefact_missing");
  assert.ok(!worker.origin.asked.includes(`models/${hash}`), "the deployed ranker is in the script");
});

test("many at once who want the same model are served by one fetch", async (t) => {
  const worker = await startWorker(t);
  worker.origin.generation = "2";
  await worker.next();
  const model = readdirSync(join(WORLD, "2/models")).find((name) => !readdirSync(join(WORLD, "1/models")).includes(name));
  const answers = await Promise.all(Array.from({ length: 12 }, () => worker.fetch(`/api/v1/models/${model}`)));
  assert.deepEqual(answers.map((answer) => answer.status), answers.map(() => 200));
  assert.equal(worker.origin.asked.filter((path) => path === `models/${model}`).length, 1);
});

test("HEAD is answered as GET without a body, the page and the health check by nothing else", async (t) => {
  const worker = await startWorker(t);
  for (const path of ["/", "/healthz", "/api/v1/manifest", "/api/v1/next?surface=radio"]) {
    const head = await worker.fetch(path, { method: "HEAD" });
    assert.deepEqual([head.status, head.body], [200, ""], path);
    const get = await worker.fetch(path);
    assert.equal(head.headers.get("content-type"), get.headers.get("content-type"));
    assert.equal(head.headers.get("etag"), get.headers.get("etag"));
    const put = await worker.fetch(path, { method: "PUT" });
    assert.deepEqual([put.status, put.headers.get("allow"), put.body.code], [405, "GET, HEAD", "method_not_allowed"]);
  }
});

test("a client is limited, others are not", async (t) => {
  const worker = await startWorker(t, {}, { ratelimits: { LIMITER: { namespace_id: "1", simple: { limit: 5, period: 60 } } } });
  const from = (address) => worker.next({ "cf-connecting-ip": address }).then((answer) => answer.status);
  for (let at = 0; at < 5; at += 1) assert.equal(await from("192.0.2.1"), 200);
  assert.equal(await from("192.0.2.1"), 429);
  assert.equal(await from("192.0.2.2"), 200);
  // Of one IPv6 network a household has as many addresses as it likes.
  for (let at = 0; at < 5; at += 1) assert.equal(await from(`2001:db8:0:7::${at}`), 200);
  assert.equal(await from("2001:db8:0:7::ffff"), 429);
  assert.equal(await from("2001:db8:0:8::1"), 200);
});

test("what a bot does is answered and not forwarded", async (t) => {
  const worker = await startWorker(t, { LEAST_BOT_SCORE: "30" });
  for (const [score, name, forwarded] of [[2, "none", false], [90, "none", true], [99, "cf-bot-score", true], [null, "cf-bot-score", false]]) {
    const body = JSON.stringify({ surface: "radio", events: [event("like", "item-300")] });
    const headers = { "content-type": "application/json", [name]: "2" };
    const answer = await worker.fetch("/api/v1/session/events", { method: "POST", headers, body, score });
    assert.deepEqual([answer.status, answer.body.forwarded], [200, forwarded], `${score} ${name}`);
  }
});

test("what is kept is looked after once the answer is out", async (t) => {
  const worker = await startWorker(t);
  await worker.next();
  const store = await worker.miniflare.getKVNamespace("PACKS");
  await until(async () => (await store.list()).keys.some((key) => key.name === "bundle/DE"));
});
