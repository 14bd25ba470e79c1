/* Segue: the session re-ranker for C. Made by `cargo xtask mobile host` from mobile-ffi/src/c; do not edit. */

#ifndef SEGUE_H
#define SEGUE_H

#include <stddef.h>
#include <stdint.h>

// The deadline of `segue_engine_rank` for a list that may take as long as it takes.
#define SEGUE_NO_DEADLINE UINT32_MAX

// What `segue_outbox_answered` is told when the answer has no `Retry-After`.
#define SEGUE_NO_RETRY_AFTER -1

// A ranked list; give it back with `segue_slate_free`.
typedef struct SegueSlate SegueSlate;

// Bytes that the library made; give them back with `segue_bytes_free`.
typedef struct {
  // The bytes; null where there are none.
  uint8_t *data;
  // How many.
  size_t length;
} SegueBytes;

// One place of a list. Texts live as long as the list.
typedef struct {
  // The item.
  const char *item;
  // Title, where the pack carries display data; else null.
  const char *title;
  // Creator, where the pack carries display data; else null.
  const char *creator;
  // Stable code of the reason, for tests and translations.
  const char *reason;
  // The reason in English.
  const char *text;
  // Its utility under the policy; comparable within one list.
  float score;
  // Its place, from 0.
  uint32_t position;
  // Its place in the pack's own order, from 0.
  uint32_t pack_position;
  // Probability of this item at this place, given the places above, in millionths.
  uint32_t propensity;
} SeguePlace;

// An open engine; 0 is none.
typedef uint64_t SegueEngine;

// An open outbox; 0 is none.
typedef uint64_t SegueOutbox;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Which value was wrong in this thread's last call that failed; valid until its next one that does.
const char *segue_error_detail(void);

// What to do about this thread's last call that failed; valid until its next one that does.
const char *segue_error_remedy(void);

// Gives back bytes of the library; null bytes do no harm.
//
// # Safety
// `bytes` came from this library and was not given back yet.
void segue_bytes_free(SegueBytes bytes);

// Gives back text of the library; null does no harm.
//
// # Safety
// `text` came from this library as `char *` and was not given back yet.
void segue_text_free(char *text);

// The places of a list, best first; `count` receives how many, none for a list that is null. They live as long as the list.
//
// # Safety
// `slate` came from this library and was not given back; `count` can be written to.
const SeguePlace *segue_slate_places(const SegueSlate *slate,
                                     size_t *count);

// The whole list as JSON, with its id for the events that follow from it.
//
// # Safety
// `slate` came from this library and was not given back; `json` can be written to.
const char *segue_slate_json(const SegueSlate *slate, char **json);

// Gives a list back; null does no harm.
//
// # Safety
// `slate` came from this library and was not given back yet.
void segue_slate_free(SegueSlate *slate);

// Opens an engine that trusts one root public key, 64 hexadecimal digits.
//
// # Safety
// `root` is text, `engine` can be written to.
const char *segue_engine_new(const char *root, SegueEngine *engine);

// Closes an engine; one that another thread is inside of goes when that call returns.
const char *segue_engine_free(SegueEngine engine);

// Applies one event, a JSON object of `docs/EVENTS.md`, to the session; `applied` receives the word for what became of
// it (`applied`, `duplicate_event`, ...), which lives as long as the program, or is null.
//
// # Safety
// `event` is text, `applied` can be written to or is null.
const char *segue_engine_apply(SegueEngine engine, const char *event, const char **applied);

// Ranks for a request, a JSON object with `surface`, `count` and `now_ms`, and where wanted `seed`, `context` and
// `log_features`, within so many milliseconds. `engine_busy` when other threads kept the engine for as long.
//
// # Safety
// `request` is text, `slate` can be written to.
const char *segue_engine_rank(SegueEngine engine, const char *request, uint32_t deadline_ms, SegueSlate **slate);

// Ranks with as many work units as a list took (`units`): the same list again.
//
// # Safety
// `request` is text, `slate` can be written to.
const char *segue_engine_replay(SegueEngine engine, const char *request, uint32_t units, SegueSlate **slate);

// The session as bytes, to be kept by the host.
//
// # Safety
// `session` can be written to.
const char *segue_engine_save_session(SegueEngine engine, SegueBytes *session);

// Takes back what `segue_engine_save_session` gave, or another language's engine.
//
// # Safety
// `data` points to `length` bytes.
const char *segue_engine_restore_session(SegueEngine engine, const uint8_t *data, size_t length);

// How many events were applied, impressions apart, in the sessions before this one too.
//
// # Safety
// `interactions` can be written to.
const char *segue_engine_interactions(SegueEngine engine, uint64_t *interactions);

// Begins the person's next session: taste starts anew, what the person decided stays.
const char *segue_engine_next_session(SegueEngine engine);

// Forgets the session and everything the person decided; pack, ranker and policies stay.
const char *segue_engine_reset_session(SegueEngine engine);

// Whether and why a new pack is wanted, as JSON: `null` while the one in use will do.
//
// # Safety
// `refill` can be written to.
const char *segue_engine_refill(SegueEngine engine, int64_t now_ms, char **refill);

// Follows the signed key rotations of `GET /api/v1/rotations`; `followed` may be null.
//
// # Safety
// `data` points to `length` bytes, `followed` can be written to or is null.
const char *segue_engine_accept_rotations(SegueEngine engine, const uint8_t *data, size_t length, uint32_t *followed);

// Verifies and takes the manifest of `GET /api/v1/manifest`; `manifest` receives it as JSON, or is null.
//
// # Safety
// `data` points to `length` bytes, `manifest` can be written to or is null.
const char *segue_engine_accept_manifest(SegueEngine engine,
                                         const uint8_t *data,
                                         size_t length,
                                         int64_t now_ms,
                                         char **manifest);

// Takes the policy of a surface; its hash has to be the manifest's.
//
// # Safety
// `surface` is text, `data` points to `length` bytes.
const char *segue_engine_accept_policy(SegueEngine engine, const char *surface, const uint8_t *data, size_t length);

// Takes the ranker and its feature schema; their hashes have to be the manifest's.
//
// # Safety
// Both pointers point to as many bytes as is said.
const char *segue_engine_accept_ranker(SegueEngine engine,
                                       const uint8_t *model,
                                       size_t model_length,
                                       const uint8_t *schema,
                                       size_t schema_length);

// Verifies and takes the pack of `subject` (`user:u1` or `region:all`); `pack` receives what it holds as JSON, or is
// null. After a refusal the last good pack stays.
//
// # Safety
// `data` points to `length` bytes, `subject` is text, `pack` can be written to or is null.
const char *segue_engine_accept_pack(SegueEngine engine,
                                     const uint8_t *data,
                                     size_t length,
                                     const char *subject,
                                     int64_t now_ms,
                                     char **pack);

// The signed pack that a signed delta makes of the pack `base`, to be kept and accepted like any other. Changes nothing;
// fetch the pack whole after an error.
//
// # Safety
// `base` and `delta` point to as many bytes as is said, `pack` can be written to.
const char *segue_engine_patch_pack(SegueEngine engine,
                                    const uint8_t *base,
                                    size_t base_length,
                                    const uint8_t *delta,
                                    size_t delta_length,
                                    SegueBytes *pack);

// What is trusted, as bytes to be kept by the host: save them whenever rotations or a manifest were accepted.
//
// # Safety
// `trust` can be written to.
const char *segue_engine_save_trust(SegueEngine engine, SegueBytes *trust);

// Takes up what `segue_engine_save_trust` gave, before anything is accepted.
//
// # Safety
// `data` points to `length` bytes.
const char *segue_engine_restore_trust(SegueEngine engine, const uint8_t *data, size_t length);

// Goes on with the file at `path`, or begins it; its folder has to exist. `seed` spreads the retries of different
// devices.
//
// # Safety
// `path` is text, `outbox` can be written to.
const char *segue_outbox_open(const char *path, uint64_t seed, SegueOutbox *outbox);

// Closes an outbox; what waits stays in its file.
const char *segue_outbox_free(SegueOutbox outbox);

// Takes an event in, a JSON object of `docs/EVENTS.md`; when this returns it survives a crash and a power cut.
//
// # Safety
// `event` is text.
const char *segue_outbox_enqueue(SegueOutbox outbox, const char *event);

// What to do now, as JSON: `{"next":"empty"}`, `busy`, `wait` with `milliseconds`, `credentials`, or `send` with
// `sequences` and the `body` to post, of at most so many bytes.
//
// # Safety
// `next` can be written to.
const char *segue_outbox_next(SegueOutbox outbox, int64_t now_ms, uint32_t most_bytes, char **next);

// What the answer to the batch on its way means; what is settled leaves the file. Status 0 is for no answer.
// `outcome` receives `verdict`, `taken` and `refused` as JSON, or is null.
//
// # Safety
// `data` points to `length` bytes, `outcome` can be written to or is null.
const char *segue_outbox_answered(SegueOutbox outbox,
                                  uint16_t status,
                                  int64_t retry_after_ms,
                                  const uint8_t *data,
                                  size_t length,
                                  int64_t now_ms,
                                  char **outcome);

// The batch on its way comes back without a verdict.
const char *segue_outbox_give_back(SegueOutbox outbox);

// The network is back: a wait the service did not ask for ends.
const char *segue_outbox_wake(SegueOutbox outbox);

// The host has other credentials.
const char *segue_outbox_renew_credentials(SegueOutbox outbox);

// How many events wait, those on their way included.
//
// # Safety
// `waiting` can be written to.
const char *segue_outbox_waiting(SegueOutbox outbox, uint64_t *waiting);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* SEGUE_H */
