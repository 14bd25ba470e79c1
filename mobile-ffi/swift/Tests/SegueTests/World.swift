import Foundation
import Segue

/// One signed generation with a ranker, out of the golden vectors.
enum World {
    private static func step(_ call: String) -> Json { Vectors.steps("ranker-head").first { $0["call"].text == call } ?? .null }

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

/// A service that serves `World` and takes events in, with a network that can be cut.
actor FakeService: Transport {
    private(set) var log: [String] = []
    private(set) var batches: [String] = []
    private var isOnline = true
    private var eventsStatus = 202
    private let resources: [String: Data]

    init() throws {
        let manifest = try Engine(root: World.root).acceptManifest(bytes: World.manifest, nowMs: World.nowMs)
        resources = [
            "manifest": World.manifest, "packs/\(World.user)": World.pack,
            "models/\(manifest.policies[World.surface]!.hash)": World.policy,
            "models/\(manifest.ranker!.hash)": World.model, "models/\(manifest.ranker!.schema.hash)": World.schema,
        ]
    }

    func become(online: Bool = true, eventsStatus: Int = 202) { (isOnline, self.eventsStatus) = (online, eventsStatus) }

    func clearLog() { log = [] }

    func send(_ request: HttpRequest) async throws -> HttpResponse {
        guard isOnline else { throw HostFailure() }
        let path = request.url.components(separatedBy: "/api/v1/").last ?? ""
        let answer = request.method == "POST" ? events(request) : resource(path, request.headers["if-none-match"])
        log.append("\(request.method) \(path.split(separator: "/")[0]) \(answer.status)")
        return answer
    }

    private func events(_ request: HttpRequest) -> HttpResponse {
        let body = String(decoding: request.body ?? Data(), as: UTF8.self)
        if eventsStatus == 202 { batches.append(body) }
        let count = body.components(separatedBy: "\"event_id\"").count - 1
        return HttpResponse(status: eventsStatus, body: Data(#"{"accepted":\#(count),"duplicates":0,"rejected":[]}"#.utf8))
    }

    private func resource(_ path: String, _ tag: String?) -> HttpResponse {
        guard let bytes = resources[path] else { return HttpResponse(status: 404, body: Data(#"{"code":"pack_missing"}"#.utf8)) }
        let etag = "\"\(artefactOf(bytes: bytes).hash)\""
        return tag == etag ? HttpResponse(status: 304) : HttpResponse(status: 200, headers: ["etag": etag], body: bytes)
    }
}

struct HostFailure: Error {}

/// A clock that goes only when told to.
final class Clock: @unchecked Sendable {
    private let lock = NSLock()
    private var time = World.nowMs

    var now: Int64 { lock.withLock { time } }

    func pass(_ milliseconds: Int64) { lock.withLock { time += milliseconds } }
}
