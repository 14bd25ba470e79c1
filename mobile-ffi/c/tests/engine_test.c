/* The engine through C: what it refuses, what it keeps, and many threads at once. */
#include <pthread.h>
#include <unistd.h>
#include "world.h"

static void a_skip_reorders_the_list(void) {
  char text[256];
  SegueEngine engine = ready_engine();
  char *before = list_of(engine);
  char *first = strdup(before);
  first[strcspn(first, ",")] = 0;
  const char *applied = NULL;
  WENT_WELL(segue_engine_apply(engine, event(text, sizeof text, "e1", "dislike", first), &applied));
  CHECK(applied && strcmp(applied, "applied") == 0);
  WENT_WELL(segue_engine_apply(engine, text, &applied));
  CHECK(applied && strcmp(applied, "duplicate_event") == 0);
  char *after = list_of(engine);
  CHECK(strstr(after, first) == NULL && strcmp(before, after) != 0);
  free(before), free(after), free(first);
  WENT_WELL(segue_engine_free(engine));
}

static void every_refusal_has_a_code_a_detail_and_a_remedy(void) {
  SegueEngine engine = 0, ready = ready_engine();
  SegueSlate *slate = NULL;
  SegueBytes made = {NULL, 0};
  uint8_t byte = 0;
  char text[256], *large = malloc(70000);
  memset(large, ' ', 69999), large[69999] = 0;
  REFUSED("key_invalid", segue_engine_new("no key", &engine));
  REFUSED("request_invalid", segue_engine_new(NULL, &engine));
  REFUSED("request_invalid", segue_engine_new("\xff\xfe", &engine));
  REFUSED("request_invalid", segue_engine_new(given("SEGUE_ROOT"), NULL));
  REFUSED("closed", segue_engine_apply(77777, event(text, sizeof text, "e1", "like", "a"), NULL));
  REFUSED("closed", segue_engine_free(0));
  REFUSED("envelope_damaged", segue_engine_accept_manifest(ready, &byte, 1, now_ms(), NULL));
  uint8_t *zeros = calloc(9, 1 << 20);
  REFUSED("too_large", segue_engine_accept_manifest(ready, zeros, 9 << 20, now_ms(), NULL));
  REFUSED("too_large", segue_engine_restore_session(ready, zeros, 9 << 20));
  free(zeros);
  REFUSED("request_invalid", segue_engine_accept_manifest(ready, NULL, 10, now_ms(), NULL));
  REFUSED("hash_mismatch", segue_engine_accept_policy(ready, given("SEGUE_SURFACE"), &byte, 1));
  REFUSED("surface_unknown", segue_engine_accept_policy(ready, "nowhere", &byte, 1));
  REFUSED("hash_mismatch", segue_engine_accept_ranker(ready, &byte, 1, &byte, 1));
  REFUSED("envelope_damaged", segue_engine_accept_pack(ready, &byte, 1, "user:x", now_ms(), NULL));
  REFUSED("envelope_damaged", segue_engine_patch_pack(ready, &byte, 1, &byte, 1, &made));
  REFUSED("request_invalid", segue_engine_patch_pack(ready, &byte, 1, &byte, 1, NULL));
  REFUSED("event_invalid", segue_engine_apply(ready, "{\"kind\":\"like\"}", NULL));
  REFUSED("event_invalid", segue_engine_apply(ready, "not json", NULL));
  REFUSED("too_large", segue_engine_apply(ready, large, NULL));
  REFUSED("request_invalid", segue_engine_rank(ready, "{\"surface\":7}", 10, &slate));
  REFUSED("request_invalid", segue_engine_rank(ready, request(text, sizeof text), SEGUE_NO_DEADLINE, NULL));
  REFUSED("session_damaged", segue_engine_restore_session(ready, &byte, 1));
  REFUSED("trust_damaged", segue_engine_restore_trust(ready, &byte, 1));
  CHECK(slate == NULL && engine == 0);
  free(large);
  WENT_WELL(segue_engine_free(ready));
  REFUSED("closed", segue_engine_free(ready));
}

/* For the test that compares what all languages save. */
static void keep_state(const char *kind, SegueBytes bytes) {
  char path[1024];
  snprintf(path, sizeof path, "%s/c.%s", given("SEGUE_STATES"), kind);
  FILE *stream = fopen(path, "wb");
  CHECK(stream && fwrite(bytes.data, 1, bytes.length, stream) == bytes.length && fclose(stream) == 0);
}

/* What other languages saved before this program ran is the same session. */
static void sessions_of_others_go_on(const char *expected) {
  const char *languages[] = {"rust", "kotlin", "swift", "browser"};
  char path[1024];
  for (size_t i = 0; i < sizeof languages / sizeof languages[0]; i++) {
    snprintf(path, sizeof path, "%s/%s.session", given("SEGUE_STATES"), languages[i]);
    if (access(path, R_OK) != 0) continue;
    File session = read_file(path);
    SegueEngine engine = ready_engine();
    WENT_WELL(segue_engine_restore_session(engine, session.data, session.length));
    char *actual = list_of(engine);
    CHECK(strcmp(expected, actual) == 0);
    free(actual), free(session.data);
    WENT_WELL(segue_engine_free(engine));
  }
}

static void a_session_goes_on_after_a_restart(void) {
  char text[256], *expected;
  SegueBytes session = {NULL, 0}, trust = {NULL, 0};
  uint64_t interactions = 0;
  SegueEngine before = ready_engine(), after = ready_engine();
  char *items = list_of(before);
  items[strcspn(items, ",")] = 0;
  WENT_WELL(segue_engine_apply(before, event(text, sizeof text, "e1", "like", items), NULL));
  WENT_WELL(segue_engine_save_session(before, &session));
  WENT_WELL(segue_engine_save_trust(before, &trust));
  keep_state("session", session), keep_state("trust", trust);
  expected = list_of(before);
  WENT_WELL(segue_engine_restore_trust(after, trust.data, trust.length));
  WENT_WELL(segue_engine_restore_session(after, session.data, session.length));
  WENT_WELL(segue_engine_interactions(after, &interactions));
  char *actual = list_of(after);
  CHECK(strcmp(expected, actual) == 0 && interactions == 1);
  sessions_of_others_go_on(expected);
  for (size_t cut = 0; cut < session.length; cut++) REFUSED("session_damaged", segue_engine_restore_session(after, session.data, cut));
  free(items), free(expected), free(actual);
  segue_bytes_free(session), segue_bytes_free(trust);
  WENT_WELL(segue_engine_free(before));
  WENT_WELL(segue_engine_free(after));
}

static void a_list_says_the_same_as_its_json(void) {
  char text[256], *json = NULL, *refill = NULL;
  SegueSlate *slate = NULL;
  size_t count = 0;
  SegueEngine engine = ready_engine();
  WENT_WELL(segue_engine_replay(engine, request(text, sizeof text), UINT32_MAX, &slate));
  const SeguePlace *places = segue_slate_places(slate, &count);
  WENT_WELL(segue_slate_json(slate, &json));
  CHECK(count == 8 && strstr(json, "\"order\":\"ranked\"") != NULL);
  for (size_t i = 0; i < count; i++) CHECK(places[i].position == i && strstr(json, places[i].item) && strstr(json, places[i].reason));
  CHECK(segue_slate_places(NULL, &count) == NULL && segue_slate_places(slate, NULL) == NULL);
  WENT_WELL(segue_engine_refill(engine, now_ms(), &refill));
  segue_text_free(json), segue_text_free(refill), segue_text_free(NULL);
  segue_slate_free(slate), segue_slate_free(NULL);
  WENT_WELL(segue_engine_free(engine));
}

/* C's way to give up waiting: the list is there all the same. */
static void a_list_without_time_keeps_the_pack_s_order(void) {
  char text[256];
  SegueSlate *slate = NULL;
  size_t count = 0;
  SegueEngine engine = ready_engine();
  WENT_WELL(segue_engine_rank(engine, request(text, sizeof text), 0, &slate));
  const SeguePlace *places = segue_slate_places(slate, &count);
  CHECK(count == 8);
  for (size_t i = 0; i < count; i++) {
    CHECK(strncmp(places[i].reason, "fallback_", 9) == 0 && (i == 0 || places[i].pack_position > places[i - 1].pack_position));
  }
  segue_slate_free(slate);
  WENT_WELL(segue_engine_free(engine));
}

static SegueEngine hammered;
static int stopped;

static void *hammer(void *given_number) {
  char id[64], text[256], *items = list_of(hammered);
  items[strcspn(items, ",")] = 0;
  for (int number = 0; number < 100; number++) {
    snprintf(id, sizeof id, "e%d-%d", *(int *)given_number, number);
    WENT_WELL(segue_engine_apply(hammered, event(text, sizeof text, id, "click", items), NULL));
    free(list_of(hammered));
  }
  free(items);
  return NULL;
}

static void eight_threads_hammer_one_engine(void) {
  pthread_t threads[8];
  int numbers[8];
  uint64_t interactions = 0;
  hammered = ready_engine();
  for (int i = 0; i < 8; i++) numbers[i] = i, pthread_create(&threads[i], NULL, hammer, &numbers[i]);
  for (int i = 0; i < 8; i++) pthread_join(threads[i], NULL);
  WENT_WELL(segue_engine_interactions(hammered, &interactions));
  CHECK(interactions == 800);
  WENT_WELL(segue_engine_free(hammered));
}

static void *rank_until_closed(void *ignored) {
  char text[256];
  const char *code = NULL;
  while (!code) {
    SegueSlate *slate = NULL;
    code = segue_engine_rank(hammered, request(text, sizeof text), SEGUE_NO_DEADLINE, &slate);
    segue_slate_free(slate);
  }
  if (strcmp(code, "closed") == 0) __atomic_add_fetch(&stopped, 1, __ATOMIC_RELAXED);
  return ignored;
}

static void an_engine_that_is_freed_in_use_ends_in_refusals(void) {
  for (int round = 0; round < 10; round++) {
    pthread_t threads[4];
    stopped = 0;
    hammered = ready_engine();
    for (int i = 0; i < 4; i++) pthread_create(&threads[i], NULL, rank_until_closed, NULL);
    usleep(3000);
    WENT_WELL(segue_engine_free(hammered));
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    CHECK(stopped == 4);
  }
}

static long resident_kilobytes(void) {
  long kilobytes = 0;
  char line[256];
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status)) sscanf(line, "VmRSS: %ld", &kilobytes);
  if (status) fclose(status);
  return kilobytes;
}

/* Leaks are what the sanitizer tells of at the end; this is about what is kept and reachable. */
static void a_hundred_thousand_lists_leave_no_more_memory_in_use(void) {
  long before = 0;
  char id[64], text[256];
  SegueEngine engine = ready_engine();
  char *item = list_of(engine);
  item[strcspn(item, ",")] = 0;
  for (int number = 0; number < 110000; number++) {
    if (number == 10000) before = resident_kilobytes();
    snprintf(id, sizeof id, "e%d", number);
    if (number % 10 == 0) WENT_WELL(segue_engine_apply(engine, event(text, sizeof text, id, "click", item), NULL));
    SegueSlate *slate = NULL;
    WENT_WELL(segue_engine_rank(engine, request(text, sizeof text), SEGUE_NO_DEADLINE, &slate));
    segue_slate_free(slate);
  }
  long growth = resident_kilobytes() - before;
  if (growth >= 16 << 10) printf("# grew by %ld kB\n", growth);
  CHECK(growth < 16 << 10);
  free(item);
  WENT_WELL(segue_engine_free(engine));
}

int main(void) {
  const Test tests[] = {
      {"a skip reorders the list", a_skip_reorders_the_list},
      {"every refusal has a code, a detail and a remedy", every_refusal_has_a_code_a_detail_and_a_remedy},
      {"a session goes on after a restart", a_session_goes_on_after_a_restart},
      {"a list says the same as its JSON", a_list_says_the_same_as_its_json},
      {"a list without time keeps the pack's order", a_list_without_time_keeps_the_pack_s_order},
      {"eight threads hammer one engine", eight_threads_hammer_one_engine},
      {"an engine that is freed in use ends in refusals", an_engine_that_is_freed_in_use_ends_in_refusals},
      {"a hundred thousand lists leave no more memory in use", a_hundred_thousand_lists_leave_no_more_memory_in_use},
  };
  return run_tests(tests, sizeof tests / sizeof tests[0]);
}
