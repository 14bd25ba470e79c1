/* One signed generation with a ranker, out of the golden vectors, and the words of a small test program. The names of its
 * files come in the environment: SEGUE_VECTORS, SEGUE_ROOT, SEGUE_MANIFEST, SEGUE_POLICY, SEGUE_MODEL, SEGUE_SCHEMA, SEGUE_PACK,
 * SEGUE_SUBJECT, SEGUE_SURFACE, SEGUE_NOW_MS. */
#ifndef WORLD_H
#define WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "segue.h"

#define CHECK(truth) check((truth), #truth, __FILE__, __LINE__)
#define WENT_WELL(call) went_well((call), #call, __FILE__, __LINE__)
#define REFUSED(word, call) refused((word), (call), #call, __FILE__, __LINE__)

static int failed_checks;

static inline void check(int truth, const char *text, const char *file, int line) {
  if (truth) return;
  printf("# %s:%d: not so: %s\n", file, line, text);
  __atomic_add_fetch(&failed_checks, 1, __ATOMIC_RELAXED);
}

static inline void went_well(const char *code, const char *text, const char *file, int line) {
  if (code) printf("# %s: %s %s\n", code, segue_error_detail(), segue_error_remedy());
  check(code == NULL, text, file, line);
}

/* A refusal has the expected code, says what was wrong, and what to do. */
static inline void refused(const char *expected, const char *code, const char *text, const char *file, int line) {
  if (code && strcmp(code, expected) != 0) printf("# %s in place of %s: %s\n", code, expected, segue_error_detail());
  check(code && strcmp(code, expected) == 0 && segue_error_detail()[0] && segue_error_remedy()[0], text, file, line);
}

typedef struct {
  uint8_t *data;
  size_t length;
} File;

static inline File read_file(const char *path) {
  File file = {NULL, 0};
  FILE *stream = fopen(path, "rb");
  if (!stream) return perror(path), exit(2), file;
  fseek(stream, 0, SEEK_END);
  file.length = (size_t)ftell(stream);
  rewind(stream);
  file.data = malloc(file.length + 1);
  if (fread(file.data, 1, file.length, stream) != file.length) exit(2);
  fclose(stream);
  return file;
}

static inline const char *given(const char *name) {
  const char *value = getenv(name);
  if (!value) return fprintf(stderr, "%s is not set\n", name), exit(2), NULL;
  return value;
}

static inline File shared(const char *name) {
  char path[1024];
  snprintf(path, sizeof path, "%s/shared/%s", given("SEGUE_VECTORS"), given(name));
  return read_file(path);
}

static inline long long now_ms(void) { return atoll(given("SEGUE_NOW_MS")); }

/* An engine that has accepted everything. */
static inline SegueEngine ready_engine(void) {
  SegueEngine engine = 0;
  File manifest = shared("SEGUE_MANIFEST"), policy = shared("SEGUE_POLICY"), pack = shared("SEGUE_PACK");
  File model = shared("SEGUE_MODEL"), schema = shared("SEGUE_SCHEMA");
  WENT_WELL(segue_engine_new(given("SEGUE_ROOT"), &engine));
  WENT_WELL(segue_engine_accept_manifest(engine, manifest.data, manifest.length, now_ms(), NULL));
  WENT_WELL(segue_engine_accept_policy(engine, given("SEGUE_SURFACE"), policy.data, policy.length));
  WENT_WELL(segue_engine_accept_ranker(engine, model.data, model.length, schema.data, schema.length));
  WENT_WELL(segue_engine_accept_pack(engine, pack.data, pack.length, given("SEGUE_SUBJECT"), now_ms(), NULL));
  free(manifest.data), free(policy.data), free(pack.data), free(model.data), free(schema.data);
  return engine;
}

static inline const char *request(char *text, size_t size) {
  snprintf(text, size, "{\"surface\":\"%s\",\"count\":8,\"now_ms\":%lld,\"seed\":1}", given("SEGUE_SURFACE"), now_ms());
  return text;
}

static inline const char *event(char *text, size_t size, const char *id, const char *kind, const char *item) {
  snprintf(text, size, "{\"event_id\":\"%s\",\"kind\":\"%s\",\"item\":\"%s\",\"time_ms\":%lld}", id, kind, item, now_ms());
  return text;
}

/* The items of a list, with commas; free it. */
static inline char *list_of(SegueEngine engine) {
  char text[256];
  SegueSlate *slate = NULL;
  size_t count = 0;
  char *items = calloc(1, 4096);
  WENT_WELL(segue_engine_rank(engine, request(text, sizeof text), SEGUE_NO_DEADLINE, &slate));
  const SeguePlace *places = slate ? segue_slate_places(slate, &count) : NULL;
  for (size_t i = 0; i < count; i++) strcat(strcat(items, places[i].item), ",");
  segue_slate_free(slate);
  return items;
}

typedef struct {
  const char *name;
  void (*run)(void);
} Test;

/* Runs the tests and prints the line that counts them. */
static inline int run_tests(const Test *tests, size_t count) {
  int failed = 0;
  for (size_t i = 0; i < count; i++) {
    failed_checks = 0;
    tests[i].run();
    failed += failed_checks > 0;
    printf("%s %s\n", failed_checks ? "not ok" : "ok", tests[i].name);
    fflush(stdout);
  }
  printf("%zu passed, %d failed, 0 skipped\n", count - (size_t)failed, failed);
  return failed > 0;
}

#endif
