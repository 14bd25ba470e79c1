import Foundation

/// The name it is kept under.
let sessionName = "session"

/// A session ends when this long nothing happened, as it does for the service.
private let idleMs: Int64 = 30 * 60_000

/// A clock set back by no more than this keeps the order in which things happened; the engine goes by arrival beyond it.
private let setBackMs: Int64 = 60 * 60_000

/// The live session: what the engine remembers, under an id and with a seed.
struct Session {
    private struct Kept: Codable {
        var format = 1
        var id = UUID().uuidString.lowercased()
        var seed = UInt32.random(in: 0 ... .max)
        /// When something happened last.
        var newestMs: Int64
        /// How many events the person's engine had applied when it was told to forget them.
        var before: UInt64 = 0
        var engine = Data()
    }

    private let engine: Engine
    private let now: @Sendable () -> Int64
    private var current: Kept

    init(_ engine: Engine, now: @escaping @Sendable () -> Int64) {
        (self.engine, self.now, current) = (engine, now, Kept(newestMs: now()))
    }

    /// Its id, which events carry.
    var id: String { current.id }

    /// Where the engine's draws start.
    var seed: UInt64 { UInt64(current.seed) }

    /// How many events of the person the engine does not know of, which exploration goes by.
    var interactionsBefore: UInt64 { current.before }

    /// Goes on with what was kept; answers why what was kept is of no use.
    mutating func restore(_ storage: any Storage, _ subject: String) throws -> HostError? {
        guard let bytes = try storage.read(subject, sessionName) else { return nil }
        guard let kept = try? PropertyListDecoder().decode(Kept.self, from: bytes), kept.format == 1 else {
            return HostError("session_damaged", "The kept session cannot be read: a new one begins.")
        }
        do {
            try engine.restoreSession(bytes: kept.engine)
            current = kept
            return nil
        } catch {
            return HostError(error)
        }
    }

    /// The bytes that `restore` goes on with.
    mutating func saved() throws -> Data {
        current.engine = try engine.saveSession()
        let encoder = PropertyListEncoder()
        encoder.outputFormat = .binary
        return try encoder.encode(current)
    }

    /// Something happens: after a long silence it is the first thing of another session. Answers its time, which is never
    /// before what happened last, so that a clock that was set back does not make it look older.
    mutating func awake() throws -> Int64 {
        let time = now()
        if time - current.newestMs > idleMs {
            try engine.nextSession()
            current = Kept(newestMs: time, before: current.before)
        }
        if current.newestMs - time > setBackMs { current.newestMs = time }
        current.newestMs = max(current.newestMs, time)
        return current.newestMs
    }

    /// Begins another, with everything forgotten.
    mutating func begin() throws {
        let before = current.before + (try engine.interactions())
        try engine.resetSession()
        current = Kept(newestMs: now(), before: before)
    }
}
