/* A player in fifty lines, against `segue serve`: player ROOT_KEY HOST PORT USER SURFACE */
#include <time.h>
#include "fetch.h"
#include "segue.h"

static const char **arguments;
static SegueEngine engine;
static void check(const char *code) {
  if (!code) return;
  fprintf(stderr, "%s: %s %s\n", code, segue_error_detail(), segue_error_remedy());
  exit(1);
}
/* The artefact whose hash follows `name` in the manifest; apps use their JSON reader. */
static Fetched artefact(const char *manifest, const char *name) {
  char path[72] = "models/";
  const char *at = strstr(manifest, name);
  if (!at || !(at = strstr(at, "\"hash\":\""))) return (Fetched){NULL, NULL, 0};
  strncat(path, at + 8, 64);
  return fetch(arguments[2], arguments[3], path);
}
static void play(const char *kind, int number) {
  char request[160], event[512];
  long long now = (long long)time(NULL) * 1000 + number;
  snprintf(request, sizeof request, "{\"surface\":\"%s\",\"count\":5,\"now_ms\":%lld}", arguments[5], now);
  SegueSlate *slate;
  size_t count;
  check(segue_engine_rank(engine, request, 20, &slate));
  const SeguePlace *places = segue_slate_places(slate, &count);
  for (size_t i = 0; i < count; i++) printf("  %s  %s (%s)\n", places[i].item, places[i].title ? places[i].title : "", places[i].text);
  snprintf(event, sizeof event, "{\"event_id\":\"c-%lld\",\"item\":\"%s\",\"kind\":\"%s\",\"time_ms\":%lld,\"played_ms\":2000}", now, count ? places[0].item : "", kind, now);
  check(segue_engine_apply(engine, event, NULL));
  printf("%s the first\n", kind), segue_slate_free(slate);
}
int main(int count, const char **given) {
  if (count != 6) return fprintf(stderr, "player ROOT_KEY HOST PORT USER SURFACE\n"), 2;
  arguments = given;
  char path[160], subject[160], *manifest = NULL;
  long long now = (long long)time(NULL) * 1000;
  check(segue_engine_new(given[1], &engine));
  Fetched got = fetch(given[2], given[3], "manifest");
  check(segue_engine_accept_manifest(engine, got.body, got.length, now, &manifest));
  snprintf(path, sizeof path, "\"%s\":{", given[5]);
  Fetched policy = artefact(strstr(manifest, "\"policies\""), path), model = artefact(manifest, "\"ranker\":{"), schema = artefact(manifest, "\"schema\":{");
  check(segue_engine_accept_policy(engine, given[5], policy.body, policy.length));
  if (model.body) check(segue_engine_accept_ranker(engine, model.body, model.length, schema.body, schema.length));
  snprintf(path, sizeof path, "packs/%s", given[4]), snprintf(subject, sizeof subject, "user:%s", given[4]);
  Fetched pack = fetch(given[2], given[3], path);
  check(segue_engine_accept_pack(engine, pack.body, pack.length, subject, now, NULL));
  for (int i = 0; i < 4; i++) play(i == 2 ? "like" : "skip", i);
  segue_text_free(manifest), free(got.answer), free(policy.answer), free(model.answer), free(schema.answer), free(pack.answer);
  check(segue_engine_free(engine));
}
