import Foundation

/// The bytes of one generation for one subject, as they came.
struct Bundle: Codable, Equatable, Sendable {
    var format = 1
    var subject: String
    var rotations: Tagged?
    var manifest: Tagged
    var pack: Tagged
    /// Policies, ranker and schema by their hash, as far as they could be had.
    var artefacts: [String: Data]
    /// When they were fetched: expiry governs accepting, so kept bytes are judged by the time they were accepted.
    var acceptedMs: Int64

    func encoded() throws -> Data {
        let encoder = PropertyListEncoder()
        encoder.outputFormat = .binary
        return try encoder.encode(self)
    }

    /// What `encoded` gave; nil where it is damaged or of another version, as it can be fetched again.
    static func decoded(_ bytes: Data) -> Bundle? {
        let bundle = try? PropertyListDecoder().decode(Bundle.self, from: bytes)
        return bundle?.format == 1 ? bundle : nil
    }
}

/// What became of a bundle: manifest and pack where they were taken, and why anything was refused.
struct Fed {
    var manifest: Manifest?
    var pack: PackInfo?
    var refused: [HostError] = []
}

/// Hands a bundle to an engine, which keeps what it had in place of anything it refuses.
func feed(_ engine: Engine, _ bundle: Bundle) -> Fed {
    var fed = Fed()
    func attempt<T>(_ accept: () throws -> T) -> T? {
        do { return try accept() } catch {
            fed.refused.append(HostError(error))
            return nil
        }
    }
    if let rotations = bundle.rotations?.bytes, !rotations.isEmpty { _ = attempt { try engine.acceptRotations(bytes: rotations) } }
    fed.manifest = attempt { try engine.acceptManifest(bytes: bundle.manifest.bytes, nowMs: bundle.acceptedMs) }
    guard let manifest = fed.manifest else { return fed }
    func artefact(_ hash: String) -> Data { bundle.artefacts[hash] ?? Data() }
    for (surface, policy) in manifest.policies {
        _ = attempt { try engine.acceptPolicy(surface: surface, bytes: artefact(policy.hash)) }
    }
    if let ranker = manifest.ranker {
        _ = attempt { try engine.acceptRanker(model: artefact(ranker.hash), schema: artefact(ranker.schema.hash)) }
    }
    fed.pack = attempt {
        try engine.acceptPack(bytes: bundle.pack.bytes, subject: bundle.subject, nowMs: bundle.acceptedMs)
    }
    return fed
}

/// Everything a manifest names, each thing once.
func everyArtefact(_ manifest: Manifest) -> [Artefact] {
    let ranker = manifest.ranker.map { [Artefact(hash: $0.hash, bytes: $0.bytes), $0.schema] } ?? []
    let all = Array(manifest.policies.values) + ranker
    return Array(Dictionary(all.map { ($0.hash, $0) }) { first, _ in first }.values)
}
