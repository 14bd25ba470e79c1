package dev.segue

import dev.segue.bindings.Lost

/** How the host is doing. */
public data class HostState(
    /** What it does about waiting events. */
    val sending: Sending = Sending.IDLE,
    /** Events that wait to be sent. */
    val waiting: Long = 0,
    /** Events the service has received since the host was opened. */
    val sent: Long = 0,
    /** Events given up, ever. */
    val lost: Lost = Lost(0u, 0u),
)
