/* One re-rank through C, for `cargo xtask bench mobile`: the same as `tests/conformance/examples/rerank.rs`. */
#include <time.h>
#include "../tests/world.h"

enum { WARM_UP = 200, MEASURED = 2000, BETWEEN_MS = 45000 };

static File artefact(const char *name) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", given("SEGUE_ARTEFACTS"), name);
  return read_file(path);
}

/* The artefact whose hash follows `name` in the manifest. */
static File model(const char *manifest, const char *name) {
  char path[80] = "models/";
  const char *at = strstr(manifest, name);
  at = at ? strstr(at, "\"hash\":\"") : NULL;
  if (!at) exit(2);
  return artefact(strncat(path, at + 8, 64));
}

static SegueEngine opened(const char *surface, long long start_ms) {
  char name[80], *manifest = NULL;
  SegueEngine engine = 0;
  File bytes = artefact("manifest"), pack = artefact("packs/bench");
  WENT_WELL(segue_engine_new(given("SEGUE_ROOT"), &engine));
  WENT_WELL(segue_engine_accept_manifest(engine, bytes.data, bytes.length, start_ms, &manifest));
  snprintf(name, sizeof name, "\"%s\":{", surface);
  File policy = model(strstr(manifest, "\"policies\""), name), ranker = model(manifest, "\"ranker\":{"), schema = model(manifest, "\"schema\":{");
  WENT_WELL(segue_engine_accept_policy(engine, surface, policy.data, policy.length));
  WENT_WELL(segue_engine_accept_ranker(engine, ranker.data, ranker.length, schema.data, schema.length));
  WENT_WELL(segue_engine_accept_pack(engine, pack.data, pack.length, given("SEGUE_SUBJECT"), start_ms, NULL));
  return engine;
}

static double microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_size(const void *one, const void *other) {
  double difference = *(const double *)one - *(const double *)other;
  return (difference > 0) - (difference < 0);
}

int main(void) {
  static double times[WARM_UP + MEASURED];
  const char *surface = given("SEGUE_SURFACE");
  long long start_ms = atoll(given("SEGUE_START_MS"));
  SegueEngine engine = opened(surface, start_ms);
  for (int number = 0; number < WARM_UP + MEASURED; number++) {
    char told[256], asked[256];
    long long time_ms = start_ms + (long long)BETWEEN_MS * number;
    snprintf(told, sizeof told, "{\"event_id\":\"e%d\",\"kind\":\"click\",\"item\":\"track-%04d\",\"time_ms\":%lld}", number, number * 7 % 500, time_ms);
    snprintf(asked, sizeof asked, "{\"surface\":\"%s\",\"count\":50,\"now_ms\":%lld,\"seed\":1}", surface, time_ms);
    WENT_WELL(segue_engine_apply(engine, told, NULL));
    SegueSlate *slate = NULL;
    size_t count = 0;
    double before = microseconds();
    WENT_WELL(segue_engine_rank(engine, asked, SEGUE_NO_DEADLINE, &slate));
    segue_slate_places(slate, &count);
    times[number] = microseconds() - before;
    CHECK(count == 50);
    segue_slate_free(slate);
  }
  qsort(times + WARM_UP, MEASURED, sizeof times[0], by_size);
  printf("{\"median_us\":%.3f}\n", times[WARM_UP + MEASURED / 2]);
  return failed_checks > 0;
}
