package dev.segue

/** Whose packs everyone gets who has none of their own. */
public const val EVERYONE: String = "region:all"

/** What [Segue.open] is told. */
public data class Options(
    /** The service's root public key, 64 hexadecimal digits, shipped with your app. */
    val root: String,
    /** The service, `https://segue.example`. */
    val baseUrl: String,
    /** The surface [Segue.lists] are made for, one that the manifest has a policy for. */
    val surface: String,
    /** Whose pack and session; empty for guests, who get `region:all`. */
    val user: String = "",
    /** How many places a list has, 1 to 500. */
    val count: Int = 20,
    /** Headers of every request, asked for each time and once more after they were refused: `authorization`, ... */
    val headers: suspend () -> Map<String, String> = { emptyMap() },
    /** More circumstances for requests and events, such as `region`, `device` or `network`. */
    val context: () -> Map<String, String> = { emptyMap() },
    /** How often to look for a newer pack, in milliseconds. */
    val refreshMs: Long = 5 * 60_000L,
    /** How long events gather before they are sent together, in milliseconds. */
    val gatherMs: Long = 1_000L,
    /** How long making a list may take, in milliseconds; what it does not reach keeps the pack's order. No limit where null. */
    val deadlineMs: Int? = null,
    /** Whether each list says what the model saw (`features`), for `segue features logged`. */
    val logFeatures: Boolean = false,
) {
    internal val subject: String get() = if (user.isEmpty()) EVERYONE else "user:$user"
}

/** An event as an app tells it; the host adds id, time, session, user, slate and circumstances. */
public data class NewEvent(
    /** What happened: `skip`, `like`, ...; other words are kept and forwarded without effect. */
    val kind: String,
    /** The item it is about; empty where there is none (a search). */
    val item: String = "",
    /** How much was played, in milliseconds. */
    val playedMs: Long? = null,
    /** The item's whole length, in milliseconds. */
    val totalMs: Long? = null,
    /** Rating, price paid or another amount the kind calls for. */
    val value: Double? = null,
    /** The slate it came from, where the host does not know better: the newest one that was shown with the item. */
    val slate: String? = null,
    /** Its place there, from 0. */
    val position: Int? = null,
    /** More circumstances: `scope`, `creator`, `query`, ... */
    val context: Map<String, String> = emptyMap(),
)
