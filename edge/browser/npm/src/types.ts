/** The records that cross the boundary. Field names are those of the wire, so an event given to the engine is the object that is posted. */

/** What happened; other words are kept and forwarded without effect on the ranking. */
export type EventKind =
  | "impression"
  | "play"
  | "progress"
  | "complete"
  | "skip"
  | "stop"
  | "like"
  | "unlike"
  | "dislike"
  | "rating"
  | "not_interested"
  | "save"
  | "add_to_collection"
  | "share"
  | "follow"
  | "unfollow"
  | "add_to_cart"
  | "purchase"
  | "click"
  | "search"
  | "replay"
  | "seek"
  | "restore"
  | (string & {});

/** The ways to leave an optional field of an event or request out. */
export type Absent = null | undefined;

/** One thing the person did: applied to the session and posted to `POST /api/v1/events`. */
export interface SegueEvent {
  /** Unique id made by the host (`crypto.randomUUID()`); a second event with the same id has no effect. */
  event_id: string;
  /** Who did it; absent for anonymous people. */
  user?: string | Absent;
  /** The session it belongs to. */
  session?: string | Absent;
  /** The item it is about; absent where there is none (a search). */
  item?: string | Absent;
  /** What happened. */
  kind: EventKind;
  /** When, in milliseconds since 1970-01-01 UTC. */
  time_ms: number;
  /** Place in the slate it was shown at, from 0. */
  position?: number | Absent;
  /** The slate (shown list) it came from. */
  slate?: string | Absent;
  /** How much was played, in milliseconds. */
  played_ms?: number | Absent;
  /** The item's whole length, in milliseconds. */
  total_ms?: number | Absent;
  /** Rating, price paid or another amount the kind calls for. */
  value?: number | Absent;
  /** Circumstances: `surface`, `region`, `device`, `local_hour`, `weekday`, ... */
  context?: Record<string, string | Absent> | Absent;
  /** The items it was chosen among, where that is known; at most 1,000. */
  candidates?: string[] | Absent;
}

/** What `apply` did with an event. */
export interface Applied {
  /** Whether the event changed the session. */
  applied: boolean;
  /**
   * What else is to be said of it, absent where that is nothing: it had no effect (`duplicate_event`, `unknown_kind`, `acted_upon`), came late
   * (`late`, `too_late`), or left nothing of an earlier event (`took_back`, `corrected`). `docs/EVENTS.md` has the rules.
   */
  reason?: string;
}

/** An artefact the manifest names, found at `GET /api/v1/models/{hash}`. */
export interface Artefact {
  /** SHA-256 of the bytes, in hex. */
  hash: string;
  /** How many bytes it has. */
  bytes: number;
}

/** The ranker the manifest names, with the feature schema it was exported with. */
export interface RankerArtefact extends Artefact {
  /** The feature schema beside the model. */
  schema: Artefact;
}

/** What one refresh published. */
export interface Manifest {
  /** Version of the manifest's layout. */
  format: number;
  /** The refresh that made it; never goes back. */
  generation: number;
  /** When it was made, in milliseconds since 1970-01-01 UTC. */
  created_ms: number;
  /** When it stops being accepted. */
  expires_ms: number;
  /** Hash of the towers that made the vectors, or `none`. */
  towers: string;
  /** The session ranker; null where no model was trained for this catalogue. */
  ranker: RankerArtefact | null;
  /** Policy artefact of each surface. */
  policies: Record<string, Artefact>;
}

/** What an accepted pack holds. */
export interface PackInfo {
  /** The generation it belongs to. */
  generation: number;
  /** Whose it is: `user:u1` or `region:all`. */
  subject: string;
  /** When it was made. */
  created_ms: number;
  /** From when on it is stale. */
  expires_ms: number;
  /** How many candidates it holds. */
  candidates: number;
  /** Whether it had expired when it was accepted. */
  stale: boolean;
}

/** What to rank. */
export interface RankRequest {
  /** `radio`, `home`, `shop` or another surface the manifest has a policy for. */
  surface: string;
  /** How many places to return, 1 to 500. */
  count: number;
  /** The time now, in milliseconds since 1970-01-01 UTC; the engine has no clock. */
  now_ms: number;
  /** Where the engine's random draws start; the same seed gives the same list. */
  seed: number;
  /** Circumstances: `region`, `device`, `network`, `local_hour` (0 to 23), `weekday` (0 is Monday), ... */
  context?: Record<string, string | Absent> | Absent;
  /** Whether the slate is to tell what the model saw (`features`), for training on what was served. */
  log_features?: boolean | Absent;
}

/** Why an item has its place. */
export interface Reason {
  /** Stable code, for tests and translations. */
  code: string;
  /** What the code speaks about: a genre, an item, a count. */
  parameters: Record<string, string>;
}

/** One place of a slate. */
export interface Place {
  /** The item. */
  item: string;
  /** Its place in this slate, from 0. */
  position: number;
  /** Its utility under the policy; comparable within one slate. */
  score: number;
  /** Its place among the candidates that may be shown, in the pack's own order, from 0. */
  pack_position: number;
  /** Why it is here. */
  reason: Reason;
  /** The reason in English. */
  text: string;
  /** Probability of this item at this place, given the places above, in millionths. */
  propensity: number;
  /** Title, where the pack carries display data. */
  title: string | null;
  /** Creator, where the pack carries display data. */
  creator: string | null;
}

/** A ranked list and the state it was made in. */
export interface Slate {
  /** Id of this list, to be named by the events that follow from it. */
  slate: string;
  /** The surface it was made for. */
  surface: string;
  /** Generation of the pack it was made from. */
  generation: number;
  /** Hash of the policy that ranked, as the manifest names it; null where there was none. */
  policy: string | null;
  /** Hash of the ranker in use; null where there is none. */
  ranker: string | null;
  /** `ranked` by the session, or `fallback`: the pack's own order. */
  order: "ranked" | "fallback";
  /** Why it is the pack's own order: `fallback_no_model`, `fallback_pack_refused`, ...; null when ranked. */
  fallback: string | null;
  /** Whether the pack has passed its end and waits for a newer one. */
  stale: boolean;
  /** Work units that the ranking took. */
  units: number;
  /** Whether it was done before the deadline; what it did not reach has the reason `fallback_deadline`. */
  complete: boolean;
  /** What the model saw and said of the first places, if the request asked for it and the model was used. */
  features?: FeatureLog;
  /** The places, best first. */
  places: Place[];
}

/** What the model saw and said for one slate: a line for `segue features logged`, together with user and slate. */
export interface FeatureLog {
  /** Version of this record. */
  format: number;
  /** SHA-256 of the feature schema. */
  schema: string;
  /** The context's columns. */
  context: number[];
  /** The columns of each remembered event, one after the other, newest first. */
  events: number[];
  /** How many events that were. */
  used: number;
  /** The first places, in the slate's order. */
  places: { item: string; candidate: number[]; live: number[]; heads: number[] }[];
}

/** A new pack is wanted. */
export interface Refill {
  /** Why, most urgent first. */
  reasons: ("stale" | "expiring" | "few_candidates" | "drifted")[];
  /** Candidates left that may be shown and were not played in this session. */
  left: number;
}

/** The engine: one person's pack, model, policies and live session. */
export interface Engine {
  /**
   * Follows the signed key rotations of `GET /api/v1/rotations`; returns how many were followed. Throws `too_large`, `envelope_damaged`, `signature_invalid`, `format_unknown`, `payload_damaged`,
   * `key_invalid`, `key_is_for_tests`.
   */
  accept_rotations(bytes: Uint8Array): number;
  /**
   * Verifies and takes the manifest of `GET /api/v1/manifest`. Throws `too_large`, `envelope_damaged`, `signature_invalid`, `format_unknown`, `payload_damaged`,
   * `signer_unknown`, `generation_older`, `manifest_expired`, `request_invalid` (a time that is none).
   */
  accept_manifest(bytes: Uint8Array, now_ms: number): Manifest;
  /**
   * Takes the policy of a surface; its hash has to be the manifest's. Throws `manifest_missing`, `surface_unknown`, `hash_mismatch`, `too_large`,
   * `format_unknown`, `policy_invalid`; a policy taken before goes on.
   */
  accept_policy(surface: string, bytes: Uint8Array): void;
  /**
   * Takes the ranker and its feature schema; their hashes have to be the manifest's. Throws `manifest_missing`, `hash_mismatch`, `too_large`,
   * `schema_invalid`, `model_wrong_towers`, `model_damaged`, `model_operator_unknown`, `model_inputs_mismatch`.
   */
  accept_ranker(model: Uint8Array, schema: Uint8Array): void;
  /**
   * Verifies and takes the pack of `subject` (`user:u1` or `region:all`). After a refusal the last good pack stays. Throws `too_large`, `envelope_damaged`, `signature_invalid`, `format_unknown`, `payload_damaged`,
   * `manifest_missing`, `signer_unknown`, `pack_wrong_subject`, `pack_wrong_generation`, `pack_wrong_towers`, `pack_expired`, `request_invalid`.
   */
  accept_pack(bytes: Uint8Array, subject: string, now_ms: number): PackInfo;
  /**
   * The signed pack that a signed delta (`GET /api/v1/packs/SUBJECT` with `A-IM: segue-delta`) makes of the pack `base`, to be kept and given to `accept_pack` like any other. Changes nothing;
   * fetch the pack whole after an error. Throws `too_large`, `envelope_damaged`, `signer_unknown`, `signature_invalid`, `format_unknown`, `payload_damaged`, `hash_mismatch` (a delta of another pack).
   */
  patch_pack(base: Uint8Array, delta: Uint8Array): Uint8Array<ArrayBuffer>;
  /** Applies one event to the session; `event_invalid` names the field that is missing or of another type. */
  apply(event: SegueEvent): Applied;
  /**
   * Ranks the pack for the session as it is now, or as far as it got when `isDue`, asked between work units, says that
   * the time is up. Throws `pack_missing`, `surface_unknown`, and `request_invalid`, which names the field that is missing or of another type;
   * whatever else goes wrong costs the order, and the slate's `fallback` says what.
   */
  rank(request: RankRequest, isDue?: () => boolean): Slate;
  /** The session as bytes, to be kept by the host. */
  save_session(): Uint8Array;
  /** Takes back what `save_session` returned. Throws `too_large`, `format_unknown`, `session_damaged`; the session then stays as it was. */
  restore_session(bytes: Uint8Array): void;
  /** How many events were applied, impressions apart, in the sessions before this one too. */
  interactions(): number;
  /** Begins the person's next session: taste starts anew; likes, refusals and follows stay, and so does what was seen when. */
  next_session(): void;
  /** Forgets the session and everything the person decided; pack, ranker and policies stay. */
  reset_session(): void;
  /** Whether and why a new pack is wanted; null while the one in use will do. */
  refill(now_ms: number): Refill | null;
  /** What is trusted, as bytes to be kept by the host: save them whenever rotations or a manifest were accepted. */
  save_trust(): Uint8Array;
  /** Takes up what `save_trust` returned, before anything is accepted: an older generation is then refused after a restart too. Throws `trust_damaged`, `too_large`, `format_unknown`. */
  restore_trust(bytes: Uint8Array): void;
  /** Releases the engine's memory; the engine is of no use afterwards. */
  free(): void;
}

/** Makes an engine that trusts one root public key, given in hex. Throws `not_started` before `init`, `key_invalid`, `key_is_for_tests`. */
export interface EngineConstructor {
  new (root_key: string): Engine;
}
