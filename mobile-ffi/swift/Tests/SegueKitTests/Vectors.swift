import Foundation
import SegueKit

/// Any JSON value.
indirect enum Json: Decodable, Equatable {
    case null, bool(Bool), whole(Int64), number(Double), text(String), list([Json]), object([String: Json])

    init(from decoder: any Decoder) throws {
        let value = try decoder.singleValueContainer()
        if value.decodeNil() {
            self = .null
        } else if let bool = try? value.decode(Bool.self) {
            self = .bool(bool)
        } else if let whole = try? value.decode(Int64.self) {
            self = .whole(whole)
        } else if let number = try? value.decode(Double.self) {
            self = .number(number)
        } else if let text = try? value.decode(String.self) {
            self = .text(text)
        } else if let list = try? value.decode([Json].self) {
            self = .list(list)
        } else {
            self = .object(try value.decode([String: Json].self))
        }
    }

    subscript(_ name: String) -> Json {
        if case let .object(fields) = self { fields[name] ?? .null } else { .null }
    }

    var text: String? { if case let .text(text) = self { text } else { nil } }
    var list: [Json] { if case let .list(list) = self { list } else { [] } }
    var fields: [String: Json] { if case let .object(fields) = self { fields } else { [:] } }
    var isTrue: Bool { self == .bool(true) }
    var whole: Int64? { if case let .whole(whole) = self { whole } else { nil } }
    var number: Double? {
        switch self {
        case let .whole(whole): Double(whole)
        case let .number(number): number
        default: nil
        }
    }
}

/// The golden vectors of `tests/vectors`, whose README says what the calls are; `SEGUE_VECTORS` is that folder.
enum Vectors {
    static let folder = URL(fileURLWithPath: ProcessInfo.processInfo.environment["SEGUE_VECTORS"] ?? "../../tests/vectors")
    static let closeness = json("closeness.json")["score"].number ?? 0

    static var names: [String] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
        return all.filter { FileManager.default.fileExists(atPath: folder.appendingPathComponent("\($0)/case.json").path) }.sorted()
    }

    static func steps(_ name: String) -> [Json] { json("\(name)/case.json")["steps"].list }

    static func expected(_ name: String) -> [Json] { json("\(name)/expected.json")["steps"].list }

    static func bytes(_ given: Json) -> Data {
        guard let name = given.text else { return Data(count: Int(given["zeros"].whole ?? 0)) }
        return (try? Data(contentsOf: folder.appendingPathComponent("shared/\(name)"))) ?? Data()
    }

    /// Where `actual` is not what `expected` says; nil where it is.
    static func difference(_ expected: Json, _ actual: Json, at: String = "") -> String? {
        switch (expected, actual) {
        case let (.object(fields), .object(found)):
            return fields.lazy.compactMap { difference($1, found[$0] ?? .null, at: "\(at).\($0)") }.first
        case let (.list(values), .list(found)) where values.count == found.count:
            return values.indices.lazy.compactMap { difference(values[$0], found[$0], at: "\(at)[\($0)]") }.first
        default:
            if expected == actual { return nil }
            if let wanted = expected.number, let found = actual.number {
                let tolerance = at.hasSuffix(".score") ? closeness * max(1, abs(wanted)) : 0
                if abs(wanted - found) <= tolerance { return nil }
            }
            return "\(at) is \("\(actual)".prefix(200)), expected \("\(expected)".prefix(200))"
        }
    }

    private static func json(_ file: String) -> Json {
        guard let bytes = try? Data(contentsOf: folder.appendingPathComponent(file)) else { return .null }
        return (try? JSONDecoder().decode(Json.self, from: bytes)) ?? .null
    }
}

/// Makes a case's calls.
final class VectorRun {
    private var engine: Engine?
    private var session = Data()
    private var trust = Data()
    var refused: [SegueError] = []

    func outcomes(_ steps: [Json]) -> [Json] {
        steps.map { step in
            do { return .object(try call(step)) } catch let failure as SegueError {
                refused.append(failure)
                return .object(["error": .text(failure.code)])
            } catch { return .text("\(error)") }
        }
    }

    private func call(_ step: Json) throws -> [String: Json] {
        func text(_ name: String) -> String { step[name].text ?? "" }
        func bytes(_ name: String) -> Data { Vectors.bytes(step[name]) }
        let now = step["now_ms"].whole ?? 0
        if text("call") == "new_engine" {
            engine = nil
            engine = try Engine(root: text("root"))
            return [:]
        }
        guard let engine else { return [:] }
        switch text("call") {
        case "accept_rotations": return ["followed": .whole(Int64(try engine.acceptRotations(bytes: bytes("bytes"))))]
        case "accept_manifest":
            return ["generation": .whole(Int64(try engine.acceptManifest(bytes: bytes("bytes"), nowMs: now).generation))]
        case "accept_policy": try engine.acceptPolicy(surface: text("surface"), bytes: bytes("bytes"))
        case "accept_ranker": try engine.acceptRanker(model: bytes("model"), schema: bytes("schema"))
        case "accept_pack":
            let pack = try engine.acceptPack(bytes: bytes("bytes"), subject: text("subject"), nowMs: now)
            return ["candidates": .whole(Int64(pack.candidates))]
        case "patch_pack": return ["is_target": .bool(try engine.patchPack(base: bytes("base"), delta: bytes("delta")) == bytes("target"))]
        case "apply": return ["applied": .text(try engine.apply(event: event(step["event"])).reason ?? "applied")]
        case "rank":
            let asked = request(step["request"])
            guard let units = step["units"].whole else { return told(try engine.rank(request: asked)) }
            return told(try engine.replay(request: asked, units: UInt32(units)))
        case "save_session": session = try engine.saveSession()
        case "restore_session": try engine.restoreSession(bytes: step["bytes"] == .null ? session : bytes("bytes"))
        case "reset_session": try engine.resetSession()
        case "next_session": try engine.nextSession()
        case "save_trust": trust = try engine.saveTrust()
        case "restore_trust": try engine.restoreTrust(bytes: step["bytes"] == .null ? trust : bytes("bytes"))
        case "refill":
            let wanted = try engine.refill(nowMs: now)
            return ["refill": wanted.map { .object(["reasons": .list($0.reasons.map(Json.text)), "left": .whole(Int64($0.left))]) } ?? .null]
        default: return ["unknown": .text(text("call"))]
        }
        return [:]
    }
}

func event(_ json: Json) -> Event {
    Event(
        eventId: json["event_id"].text ?? "", kind: json["kind"].text ?? "", timeMs: json["time_ms"].whole ?? 0,
        item: json["item"].text ?? "", user: json["user"].text ?? "", session: json["session"].text ?? "",
        position: json["position"].whole.map { UInt32($0) }, slate: json["slate"].text,
        playedMs: json["played_ms"].whole.map { UInt64($0) }, totalMs: json["total_ms"].whole.map { UInt64($0) },
        value: json["value"].number, context: json["context"].fields.compactMapValues(\.text),
        candidates: json["candidates"].list.compactMap(\.text))
}

func request(_ json: Json) -> RankRequest {
    RankRequest(
        surface: json["surface"].text ?? "", count: UInt32(json["count"].whole ?? 0), nowMs: json["now_ms"].whole ?? 0,
        seed: UInt64(json["seed"].whole ?? 0), context: json["context"].fields.compactMapValues(\.text),
        logFeatures: json["log_features"].isTrue)
}

/// A slate in the words of the wire.
func told(_ slate: Slate) -> [String: Json] {
    let places = slate.places.map { place in
        Json.object([
            "item": .text(place.item), "score": .number(Double(place.score)), "pack_position": .whole(Int64(place.packPosition)),
            "propensity": .whole(Int64(place.propensity)),
            "reason": .object(["code": .text(place.reason.code), "parameters": .object(place.reason.parameters.mapValues(Json.text))]),
        ])
    }
    var fields: [String: Json] = [
        "slate": .text(slate.slate), "surface": .text(slate.surface), "generation": .whole(Int64(slate.generation)),
        "policy": slate.policy.map(Json.text) ?? .null, "ranker": slate.ranker.map(Json.text) ?? .null, "order": .text(slate.order),
        "fallback": slate.fallback.map(Json.text) ?? .null, "stale": .bool(slate.stale), "units": .whole(Int64(slate.units)),
        "complete": .bool(slate.complete), "places": .list(places),
    ]
    if let features = slate.features { fields["features"] = try? JSONDecoder().decode(Json.self, from: Data(features.utf8)) }
    return fields
}
