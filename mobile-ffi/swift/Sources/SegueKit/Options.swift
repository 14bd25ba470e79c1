@_exported import SegueBindings

/// Whose packs everyone gets who has none of their own.
public let everyone = "region:all"

/// What `Segue.open` is told.
public struct Options: Sendable {
    /// The service's root public key, 64 hexadecimal digits, shipped with your app.
    public var root: String
    /// The service, `https://segue.example`.
    public var baseUrl: String
    /// The surface lists are made for, one that the manifest has a policy for.
    public var surface: String
    /// Whose pack and session; empty for guests, who get `region:all`.
    public var user = ""
    /// How many places a list has, 1 to 500.
    public var count: UInt32 = 20
    /// Headers of every request, asked for each time and once more after they were refused: `authorization`, ...
    public var headers: @Sendable () async -> [String: String] = { [:] }
    /// More circumstances for requests and events, such as `region`, `device` or `network`.
    public var context: @Sendable () -> [String: String] = { [:] }
    /// How often to look for a newer pack, in milliseconds.
    public var refreshMs: UInt64 = 5 * 60_000
    /// How long events gather before they are sent together, in milliseconds.
    public var gatherMs: UInt64 = 1_000
    /// How long making a list may take, in milliseconds; what it does not reach keeps the pack's order. No limit where nil.
    public var deadlineMs: UInt32?
    /// Whether each list says what the model saw (`features`), for `segue features logged`.
    public var logFeatures = false

    /// Options with the rest as it is above.
    public init(root: String, baseUrl: String, surface: String) {
        (self.root, self.baseUrl, self.surface) = (root, baseUrl, surface)
    }

    var subject: String { user.isEmpty ? everyone : "user:\(user)" }
}

/// An event as an app tells it; the host adds id, time, session, user, slate and circumstances.
public struct NewEvent: Sendable {
    /// What happened: `skip`, `like`, ...; other words are kept and forwarded without effect.
    public var kind: String
    /// The item it is about; empty where there is none (a search).
    public var item: String
    /// How much was played, in milliseconds.
    public var playedMs: UInt64?
    /// The item's whole length, in milliseconds.
    public var totalMs: UInt64?
    /// Rating, price paid or another amount the kind calls for.
    public var value: Double?
    /// The slate it came from, where the host does not know better: the newest one that was shown with the item.
    public var slate: String?
    /// Its place there, from 0.
    public var position: UInt32?
    /// More circumstances: `scope`, `creator`, `query`, ...
    public var context: [String: String]

    /// An event about an item.
    public init(
        _ kind: String, item: String = "", playedMs: UInt64? = nil, totalMs: UInt64? = nil, value: Double? = nil,
        slate: String? = nil, position: UInt32? = nil, context: [String: String] = [:]
    ) {
        (self.kind, self.item, self.playedMs, self.totalMs) = (kind, item, playedMs, totalMs)
        (self.value, self.slate, self.position, self.context) = (value, slate, position, context)
    }
}
