import Foundation

/// Most bytes of what is fetched: the engine refuses more.
private let (rotationsBytes, manifestBytes, packBytes, modelBytes) = (64 << 10, 256 << 10, 4 << 20, 8 << 20)

/// Fetches bundles, of which nothing is believed yet but the manifest's list.
struct Download: Sendable {
    let service: Service
    let root: String
    let now: @Sendable () -> Int64
    /// Hears of what changed that was of no use.
    let complain: @Sendable (HostError) -> Void

    /// The bundle of `subject`, or everyone's where the service has none for them; `known` itself when nothing has changed
    /// since. An artefact that cannot be had is left out, as the pack's own order needs none, and asked for the next time.
    /// With `anew` the service makes a person's pack now, where it does.
    func bundle(_ subject: String, known: Bundle? = nil, anew: Bool = false) async throws -> Bundle {
        async let rotations = optional { try await service.read("rotations", mostBytes: rotationsBytes, known: known?.rotations) }
        async let manifest = service.read("manifest", mostBytes: manifestBytes, known: known?.manifest)
        let (asked, read) = try await packOf(subject, known, anew)
        let (owner, pack) = try await whole(read, of: asked, known, rotations)
        var bundle = try await Bundle(
            subject: owner, rotations: rotations, manifest: manifest, pack: pack, artefacts: [:], acceptedMs: now())
        if let known, bundle.manifest == known.manifest, bundle.pack == known.pack, bundle.rotations == known.rotations {
            bundle.acceptedMs = known.acceptedMs
        }
        bundle.artefacts = try await artefacts(listed(bundle), before: known?.artefacts ?? [:])
        return bundle
    }

    /// A person's pack, or everyone's where there is none of their own; of the one that is kept, what changed will do.
    private func packOf(_ subject: String, _ known: Bundle?, _ anew: Bool = false) async throws -> (String, Reading) {
        do {
            if let known, known.subject == subject {
                if anew, subject != everyone, let remade = try await made(path(of: subject)) { return (subject, .whole(remade)) }
                return (subject, try await service.readChanges(path(of: subject), mostBytes: packBytes, known: known.pack))
            }
            return (subject, .whole(try await service.read(path(of: subject), mostBytes: packBytes)))
        } catch let failure as HostError where subject != everyone && failure.status == 404 {
            return try await packOf(everyone, known, anew)
        }
    }

    /// A pack that the service makes now; nil where it makes none, for whatever reason: what it has will do then.
    private func made(_ path: String) async throws -> Tagged? {
        do { return try await service.make(path, mostBytes: packBytes) } catch is HostError { return nil }
    }

    private func path(of subject: String) -> String {
        let id = subject.hasPrefix("user:") ? String(subject.dropFirst(5)) : subject
        let owner = id.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: ":-._~"))) ?? id
        return "packs/\(owner)"
    }

    /// The pack as it came, or what the changes make of the known one; where the engine refuses them, the pack is asked for
    /// as if none were known, which may answer everyone's.
    private func whole(
        _ read: Reading, of subject: String, _ known: Bundle?, _ rotations: Tagged?
    ) async throws -> (String, Tagged) {
        switch read {
        case let .whole(pack):
            return (subject, pack)
        case let .changes(delta, etag):
            do {
                let made = try aside(rotations).patchPack(base: known?.pack.bytes ?? Data(), delta: delta)
                return (subject, Tagged(bytes: made, etag: etag))
            } catch let failure as SegueError {
                complain(HostError(failure))
                let (owner, anew) = try await packOf(subject, nil)
                return try await whole(anew, of: owner, nil, rotations)
            }
        }
    }

    /// What the manifest lists; none where it is refused, which feeding it will tell.
    private func listed(_ bundle: Bundle) -> [Artefact] {
        let manifest = try? aside(bundle.rotations).acceptManifest(bytes: bundle.manifest.bytes, nowMs: bundle.acceptedMs)
        return manifest.map(everyArtefact) ?? []
    }

    /// An engine that trusts the service's present key, and has nothing else.
    private func aside(_ rotations: Tagged?) throws -> Engine {
        let engine = try Engine(root: root)
        if let rotations = rotations?.bytes, !rotations.isEmpty { _ = try? engine.acceptRotations(bytes: rotations) }
        return engine
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
