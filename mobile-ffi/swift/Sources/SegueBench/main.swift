import Dispatch
import Foundation
import SegueKit

// One re-rank across the boundary, for `cargo xtask bench mobile`: the same as `tests/conformance/examples/rerank.rs`.
let (warmUp, measured, betweenMs) = (200, 2_000, Int64(45_000))

func given(_ name: String) -> String {
    guard let value = ProcessInfo.processInfo.environment[name] else { fatalError("\(name) is not set; `cargo xtask bench mobile` sets it") }
    return value
}

func artefact(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(given("SEGUE_ARTEFACTS"))/\(name)")) }

let (surface, startMs) = (given("SEGUE_SURFACE"), Int64(given("SEGUE_START_MS")) ?? 0)
let engine = try Engine(root: given("SEGUE_ROOT"))
let manifest = try engine.acceptManifest(bytes: artefact("manifest"), nowMs: startMs)
guard let policy = manifest.policies[surface], let ranker = manifest.ranker else { fatalError("no policy or ranker") }
try engine.acceptPolicy(surface: surface, bytes: artefact("models/\(policy.hash)"))
try engine.acceptRanker(model: artefact("models/\(ranker.hash)"), schema: artefact("models/\(ranker.schema.hash)"))
_ = try engine.acceptPack(bytes: artefact("packs/bench"), subject: given("SEGUE_SUBJECT"), nowMs: startMs)

var times: [UInt64] = []
for number in 0..<(warmUp + measured) {
    let timeMs = startMs + betweenMs * Int64(number)
    let item = "track-" + String(repeating: "0", count: 4 - "\(number * 7 % 500)".count) + "\(number * 7 % 500)"
    _ = try engine.apply(event: Event(eventId: "e\(number)", kind: "click", timeMs: timeMs, item: item))
    let request = RankRequest(surface: surface, count: 50, nowMs: timeMs, seed: 1)
    let before = DispatchTime.now().uptimeNanoseconds
    let slate = try engine.rank(request: request)
    times.append(DispatchTime.now().uptimeNanoseconds - before)
    precondition(slate.places.count == 50)
}
let median = times.dropFirst(warmUp).sorted()[measured / 2]
print("{\"median_us\":\(Double(median) / 1_000)}")
