import Foundation
import SegueKit

/// A service that serves `World` and takes events in, with a network that can be cut, or silent.
actor FakeService: Transport {
    private(set) var log: [String] = []
    private(set) var batches: [String] = []
    private var isOnline = true
    private var eventsStatus = 202
    private var eventsHeaders: [String: String] = [:]
    private var resources: [String: Data] = [:]
    private var delta: Data?
    private var plainPack: HttpResponse?
    private var madeStatus = 404
    private var isSilent = false
    private var held: [CheckedContinuation<Void, Never>] = []

    init() throws {
        resources = try Self.generation(World.manifest, World.pack, World.policy)
        let ranker = try Engine(root: World.root).acceptManifest(bytes: World.manifest, nowMs: World.nowMs).ranker!
        resources["models/\(ranker.hash)"] = World.model
        resources["models/\(ranker.schema.hash)"] = World.schema
    }

    private static func generation(_ manifest: Data, _ pack: Data, _ policy: Data) throws -> [String: Data] {
        let told = try Engine(root: World.root).acceptManifest(bytes: manifest, nowMs: World.nowMs)
        return ["manifest": manifest, "packs/\(World.user)": pack, "models/\(told.policies[World.surface]!.hash)": policy]
    }

    func become(online: Bool = true, eventsStatus: Int = 202, eventsHeaders: [String: String] = [:]) {
        (isOnline, self.eventsStatus, self.eventsHeaders) = (online, eventsStatus, eventsHeaders)
    }

    /// The next generation is there.
    func publish() throws { resources = try Self.generation(World.nextManifest, World.nextPack, World.nextPolicy) }

    /// The generation is there whose pack runs thin.
    func serveThin() throws { resources = try Self.generation(World.thinManifest, World.thinPack, World.thinPolicy) }

    /// Whoever has a pack made anew is answered `World.pack`, which is there from then on, a refusal, or nothing where it is 0.
    func answerMade(_ status: Int) { madeStatus = status }

    /// Whoever has the generation before, and asks for it, is told that this changed of the pack.
    func tell(_ delta: Data) { self.delta = delta }

    /// Whoever asks for a pack, and not for what changed of it, is answered this.
    func answerPlainPacks(_ answer: HttpResponse) { plainPack = answer }

    /// Something else lies under a name.
    func put(_ path: String, _ bytes: Data) { resources[path] = bytes }

    func clearLog() { (log, batches) = ([], []) }

    /// Requests get no answer from now on, whether or not whoever asks still waits.
    func fallSilent() { isSilent = true }

    /// A request waits for its answer.
    func isAsked() async { while held.isEmpty { await Task.yield() } }

    /// All of them get their answers now.
    func speak() {
        isSilent = false
        held.forEach { $0.resume() }
        held = []
    }

    func send(_ request: HttpRequest) async throws -> HttpResponse {
        if isSilent { await withCheckedContinuation { held.append($0) } }
        guard isOnline else { throw HostFailure() }
        let path = request.url.components(separatedBy: "/api/v1/").last ?? ""
        let answer = try request.method == "POST" ? posted(path, request) : resource(path, request.headers)
        log.append("\(request.method) \(path.split(separator: "/")[0]) \(answer.status)")
        return answer
    }

    private func posted(_ path: String, _ request: HttpRequest) throws -> HttpResponse {
        if path == "events" { return events(request) }
        guard madeStatus != 0 else { throw HostFailure() }
        guard madeStatus == 200 else { return HttpResponse(status: madeStatus, body: Data(#"{"code":"pack_just_made"}"#.utf8)) }
        resources[path] = World.pack
        return resource(path, [:])
    }

    private func events(_ request: HttpRequest) -> HttpResponse {
        let body = String(decoding: request.body ?? Data(), as: UTF8.self)
        if eventsStatus == 202 { batches.append(body) }
        let count = body.components(separatedBy: "\"event_id\"").count - 1
        let receipt = Data(#"{"accepted":\#(count),"duplicates":0,"rejected":[]}"#.utf8)
        return HttpResponse(status: eventsStatus, headers: eventsHeaders, body: receipt)
    }

    private func resource(_ path: String, _ headers: [String: String]) -> HttpResponse {
        if let plainPack, path.hasPrefix("packs/"), headers["a-im"] == nil { return plainPack }
        guard let bytes = resources[path] else { return HttpResponse(status: 404, body: Data(#"{"code":"pack_missing"}"#.utf8)) }
        let (tag, etag) = (headers["if-none-match"], tagOf(bytes))
        if tag == etag { return HttpResponse(status: 304) }
        if let delta, headers["a-im"] == "segue-delta", tag == tagOf(World.pack) {
            return HttpResponse(status: 226, headers: ["etag": etag], body: delta)
        }
        return HttpResponse(status: 200, headers: ["etag": etag], body: bytes)
    }

    private func tagOf(_ bytes: Data) -> String { "\"\(artefactOf(bytes: bytes).hash)\"" }
}

struct HostFailure: Error {}
