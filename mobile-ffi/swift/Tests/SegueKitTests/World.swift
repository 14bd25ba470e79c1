import Foundation
import SegueKit

/// One signed generation with a ranker, out of the golden vectors.
enum World {
    private static func step(_ call: String) -> Json { Vectors.steps("ranker-head").first { $0["call"].text == call } ?? .null }

    /// The generation after it, without a ranker.
    private static func next(_ call: String) -> Json { Vectors.steps("session-new-pack").last { $0["call"].text == call } ?? .null }

    /// A case of the same catalogue whose policy wants another pack once few of its 18 candidates are left.
    private static func thin(_ call: String) -> Json {
        Vectors.steps("policy-refill-few").first { $0["call"].text == call } ?? .null
    }

    static var root: String { step("new_engine")["root"].text ?? "" }
    static var nowMs: Int64 { step("accept_pack")["now_ms"].whole ?? 0 }
    static var surface: String { step("accept_policy")["surface"].text ?? "" }
    static var user: String { String((step("accept_pack")["subject"].text ?? "").dropFirst("user:".count)) }
    static var ask: RankRequest { request(step("rank")["request"]) }
    static var manifest: Data { Vectors.bytes(step("accept_manifest")["bytes"]) }
    static var pack: Data { Vectors.bytes(step("accept_pack")["bytes"]) }
    static var policy: Data { Vectors.bytes(step("accept_policy")["bytes"]) }
    static var model: Data { Vectors.bytes(step("accept_ranker")["model"]) }
    static var schema: Data { Vectors.bytes(step("accept_ranker")["schema"]) }

    static var nextManifest: Data { Vectors.bytes(next("accept_manifest")["bytes"]) }
    static var nextPack: Data { Vectors.bytes(next("accept_pack")["bytes"]) }
    static var nextPolicy: Data { Vectors.bytes(next("accept_policy")["bytes"]) }

    /// A generation whose pack runs thin; `pack` would do for it as well.
    static var thinManifest: Data { Vectors.bytes(thin("accept_manifest")["bytes"]) }
    static var thinPack: Data { Vectors.bytes(thin("accept_pack")["bytes"]) }
    static var thinPolicy: Data { Vectors.bytes(thin("accept_policy")["bytes"]) }

    /// What changed between the two packs.
    static var delta: Data { Vectors.bytes((Vectors.steps("delta-followed").first { $0["delta"] != .null } ?? .null)["delta"]) }

    /// An engine with all of it.
    static func engine() throws -> Engine {
        let engine = try Engine(root: root)
        _ = try engine.acceptManifest(bytes: manifest, nowMs: nowMs)
        try engine.acceptPolicy(surface: surface, bytes: policy)
        try engine.acceptRanker(model: model, schema: schema)
        _ = try engine.acceptPack(bytes: pack, subject: "user:\(user)", nowMs: nowMs)
        return engine
    }
}

/// A clock that goes only when told to.
final class Clock: @unchecked Sendable {
    private let lock = NSLock()
    private var time = World.nowMs

    var now: Int64 { lock.withLock { time } }

    func pass(_ milliseconds: Int64) { lock.withLock { time += milliseconds } }
}
