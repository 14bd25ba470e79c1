import Foundation

/// Surface, hour and weekday, beside what the app adds.
func circumstances(_ options: Options, _ nowMs: Int64) -> [String: String] {
    let here = Calendar.current.dateComponents([.hour, .weekday], from: Date(timeIntervalSince1970: Double(nowMs) / 1_000))
    // The engine counts from Monday, the calendar from Sunday with 1.
    let clock = ["surface": options.surface, "local_hour": "\(here.hour ?? 0)", "weekday": "\(((here.weekday ?? 1) + 5) % 7)"]
    return clock.merging(options.context()) { $1 }
}

/// What a list is asked for with.
func requestFor(_ options: Options, _ session: Session, _ count: UInt32, _ nowMs: Int64) -> RankRequest {
    let context = circumstances(options, nowMs).merging(["interactions": "\(session.interactionsBefore)"]) { $1 }
    return RankRequest(
        surface: options.surface, count: count, nowMs: nowMs, seed: session.seed, context: context, logFeatures: options.logFeatures)
}
