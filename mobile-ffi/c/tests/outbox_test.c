/* The outbox through C: what survives, what leaves, and a file cut at any byte. SEGUE_FOLDER is an empty folder. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "world.h"

static const char *path_of(char *path, size_t size, const char *name) {
  snprintf(path, size, "%s/%s", given("SEGUE_FOLDER"), name);
  return path;
}

static void enqueue(SegueOutbox outbox, int number) {
  char id[32], text[256];
  snprintf(id, sizeof id, "e%d", number);
  WENT_WELL(segue_outbox_enqueue(outbox, event(text, sizeof text, id, "like", "t1")));
}

/* How many of e0, e1, ... wait in a file, in this order and nothing else; -1 where it is not so. */
static int waiting_in(const char *path) {
  SegueOutbox outbox = 0;
  uint64_t waiting = 0;
  char *next = NULL, id[48];
  WENT_WELL(segue_outbox_open(path, 1, &outbox));
  WENT_WELL(segue_outbox_waiting(outbox, &waiting));
  WENT_WELL(segue_outbox_next(outbox, 0, UINT32_MAX, &next));
  const char *at = next;
  for (uint64_t number = 0; at && number < waiting; number++) {
    snprintf(id, sizeof id, "event_id\\\":\\\"e%d\\\"", (int)number);
    at = strstr(at, id);
  }
  segue_text_free(next);
  WENT_WELL(segue_outbox_free(outbox));
  return at ? (int)waiting : -1;
}

static void a_file_cut_at_any_byte_holds_what_was_acknowledged(void) {
  char whole[512], cut[512];
  size_t sizes[4];
  SegueOutbox outbox = 0;
  WENT_WELL(segue_outbox_open(path_of(whole, sizeof whole, "whole"), 1, &outbox));
  for (int number = 0; number < 4; number++) {
    enqueue(outbox, number);
    File now = read_file(whole);
    sizes[number] = now.length;
    free(now.data);
  }
  WENT_WELL(segue_outbox_free(outbox));
  File bytes = read_file(whole);
  for (size_t length = sizes[0]; length <= bytes.length; length++) {
    FILE *stream = fopen(path_of(cut, sizeof cut, "cut"), "wb");
    fwrite(bytes.data, 1, length, stream), fclose(stream);
    int acknowledged = 0;
    for (int number = 0; number < 4; number++) acknowledged += sizes[number] <= length;
    CHECK(waiting_in(cut) == acknowledged);
  }
  free(bytes.data);
}

/* Takes events in until it is killed, and says so after each. */
static void enqueue_forever(const char *path, int acknowledgements) {
  SegueOutbox outbox = 0;
  WENT_WELL(segue_outbox_open(path, 1, &outbox));
  for (int number = 0;; number++) {
    enqueue(outbox, number);
    if (failed_checks || write(acknowledgements, "", 1) != 1) _exit(1);
  }
}

static void what_was_acknowledged_before_a_kill_is_there_after_it(void) {
  for (int round = 0; round < 8; round++) {
    char path[512], name[32], byte;
    int pipe_ends[2], acknowledged = 0;
    snprintf(name, sizeof name, "killed-%d", round);
    path_of(path, sizeof path, name);
    CHECK(pipe(pipe_ends) == 0);
    pid_t child = fork();
    if (child == 0) enqueue_forever(path, pipe_ends[1]);
    close(pipe_ends[1]);
    while (acknowledged < 3 + 11 * round && read(pipe_ends[0], &byte, 1) == 1) acknowledged++;
    CHECK(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    while (read(pipe_ends[0], &byte, 1) == 1) acknowledged++;
    close(pipe_ends[0]);
    int waiting = waiting_in(path);
    CHECK(acknowledged >= 3 + 11 * round && (waiting == acknowledged || waiting == acknowledged + 1));
  }
}

static void what_the_service_has_leaves_the_file(void) {
  char path[512], *next = NULL, *outcome = NULL;
  const char *receipt = "{\"accepted\":1,\"duplicates\":0,\"rejected\":[{\"index\":1,\"code\":\"item_missing\"}]}";
  SegueOutbox outbox = 0, second = 0;
  WENT_WELL(segue_outbox_open(path_of(path, sizeof path, "outbox"), 1, &outbox));
  REFUSED("storage_failed", segue_outbox_open(path, 1, &second));
  REFUSED("request_invalid", segue_outbox_open(path, 1, NULL));
  enqueue(outbox, 0), enqueue(outbox, 1);
  WENT_WELL(segue_outbox_next(outbox, 0, UINT32_MAX, &next));
  CHECK(strstr(next, "\"next\":\"send\"") != NULL);
  segue_text_free(next);
  WENT_WELL(segue_outbox_answered(outbox, 202, SEGUE_NO_RETRY_AFTER, (const uint8_t *)receipt, strlen(receipt), 0, &outcome));
  CHECK(strstr(outcome, "\"verdict\":\"accepted\"") && strstr(outcome, "item_missing"));
  segue_text_free(outcome);
  WENT_WELL(segue_outbox_free(outbox));
  CHECK(waiting_in(path) == 0);
}

static void an_outage_waits_and_new_credentials_go_on(void) {
  char path[512], *next = NULL;
  SegueOutbox outbox = 0;
  WENT_WELL(segue_outbox_open(path_of(path, sizeof path, "outage"), 1, &outbox));
  enqueue(outbox, 0);
  const struct { uint16_t status; const char *then; } answers[] = {{503, "wait"}, {401, "credentials"}};
  for (size_t i = 0; i < 2; i++) {
    WENT_WELL(segue_outbox_next(outbox, 0, UINT32_MAX, &next));
    segue_text_free(next);
    WENT_WELL(segue_outbox_answered(outbox, answers[i].status, SEGUE_NO_RETRY_AFTER, NULL, 0, 0, NULL));
    WENT_WELL(segue_outbox_next(outbox, 0, UINT32_MAX, &next));
    CHECK(strstr(next, answers[i].then) != NULL);
    segue_text_free(next);
    WENT_WELL(segue_outbox_wake(outbox));
  }
  WENT_WELL(segue_outbox_renew_credentials(outbox));
  REFUSED("request_invalid", segue_outbox_next(outbox, 0, UINT32_MAX, NULL));
  WENT_WELL(segue_outbox_next(outbox, 0, UINT32_MAX, &next));
  CHECK(strstr(next, "\"next\":\"send\"") != NULL); /* What was refused before has put nothing on its way. */
  segue_text_free(next);
  WENT_WELL(segue_outbox_give_back(outbox));
  WENT_WELL(segue_outbox_free(outbox));
  REFUSED("closed", segue_outbox_wake(outbox));
  CHECK(waiting_in(path) == 1);
}

int main(void) {
  const Test tests[] = {
      {"a file cut at any byte holds what was acknowledged", a_file_cut_at_any_byte_holds_what_was_acknowledged},
      {"what was acknowledged before a kill is there after it", what_was_acknowledged_before_a_kill_is_there_after_it},
      {"what the service has leaves the file", what_the_service_has_leaves_the_file},
      {"an outage waits, and new credentials go on", an_outage_waits_and_new_credentials_go_on},
  };
  return run_tests(tests, sizeof tests / sizeof tests[0]);
}
