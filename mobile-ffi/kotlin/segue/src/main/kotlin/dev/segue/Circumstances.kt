package dev.segue

import java.time.Instant
import java.time.ZoneId

/** Surface, hour and weekday, beside what the app adds. */
internal fun circumstances(options: Options, nowMs: Long): Map<String, String> {
    val here = Instant.ofEpochMilli(nowMs).atZone(ZoneId.systemDefault())
    val clock = mapOf("local_hour" to here.hour.toString(), "weekday" to (here.dayOfWeek.value - 1).toString())
    return mapOf("surface" to options.surface) + clock + options.context()
}
