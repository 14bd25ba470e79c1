import Foundation

/// Most bytes of what is fetched: the engine refuses more.
private let (rotationsBytes, manifestBytes, packBytes, modelBytes) = (64 << 10, 256 << 10, 4 << 20, 8 << 20)

/// Fetches bundles, of which nothing is believed yet but the manifest's list.
struct Download: Sendable {
    let service: Service
    let root: String
    let now: @Sendable () -> Int64

    /// The bundle of `subject`, or everyone's where the service has none for them; `known` itself when nothing has changed
    /// since. An artefact that cannot be had is left out, as the pack's own order needs none, and asked for the next time.
    func bundle(_ subject: String, known: Bundle? = nil) async throws -> Bundle {
        async let rotations = optional { try await service.read("rotations", mostBytes: rotationsBytes, known: known?.rotations) }
        async let manifest = service.read("manifest", mostBytes: manifestBytes, known: known?.manifest)
        let (owner, pack) = try await packOf(subject, known)
        var bundle = try await Bundle(
            subject: owner, rotations: rotations, manifest: manifest, pack: pack, artefacts: [:], acceptedMs: now())
        if let known, bundle.manifest == known.manifest, bundle.pack == known.pack, bundle.rotations == known.rotations {
            bundle.acceptedMs = known.acceptedMs
        }
        bundle.artefacts = try await artefacts(listed(bundle), before: known?.artefacts ?? [:])
        return bundle
    }

    /// A person's pack, or everyone's where there is none of their own.
    private func packOf(_ subject: String, _ known: Bundle?) async throws -> (String, Tagged) {
        let id = subject.hasPrefix("user:") ? String(subject.dropFirst(5)) : subject
        let owner = id.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: ":-._~"))) ?? id
        do {
            let own = known?.subject == subject ? known?.pack : nil
            return (subject, try await service.read("packs/\(owner)", mostBytes: packBytes, known: own))
        } catch let failure as HostError where subject != everyone && failure.status == 404 {
            return try await packOf(everyone, known)
        }
    }

    /// What the manifest lists, read by an engine of its own; none where it is refused, which feeding it will tell.
    private func listed(_ bundle: Bundle) -> [Artefact] {
        guard let engine = try? Engine(root: root) else { return [] }
        if let rotations = bundle.rotations?.bytes, !rotations.isEmpty { _ = try? engine.acceptRotations(bytes: rotations) }
        let manifest = try? engine.acceptManifest(bytes: bundle.manifest.bytes, nowMs: bundle.acceptedMs)
        return manifest.map(everyArtefact) ?? []
    }

    private func artefacts(_ wanted: [Artefact], before: [String: Data]) async throws -> [String: Data] {
        try await withThrowingTaskGroup(of: (String, Data?).self) { group in
            for artefact in wanted {
                group.addTask { (artefact.hash, try await bytes(artefact, before[artefact.hash])) }
            }
            return try await group.reduce(into: [:]) { found, one in found[one.0] = one.1 }
        }
    }

    /// Bytes that fit their name: those at hand, or those of the service.
    private func bytes(_ artefact: Artefact, _ before: Data?) async throws -> Data? {
        if let before, artefactOf(bytes: before) == artefact { return before }
        do {
            let most = min(Int(clamping: artefact.bytes), modelBytes)
            let read = try await service.read("models/\(artefact.hash)", mostBytes: most).bytes
            return artefactOf(bytes: read) == artefact ? read : nil
        } catch is HostError {
            return nil
        }
    }

    /// A service without rotations answers 404; that is not a failure.
    private func optional(_ read: @Sendable () async throws -> Tagged) async throws -> Tagged? {
        do { return try await read() } catch let failure as HostError where failure.status == 404 { return nil }
    }
}
