import Foundation

private let bundleName = "bundle"
private let trustName = "trust"

/// Where that is kept which is nobody's own; no subject is called so.
private let everybody = "everybody"

/// What the engine was fed with last and took.
struct Good: Sendable {
    let bundle: Bundle
    let manifest: Manifest
    let pack: PackInfo
}

/// Keeps an engine fed: what was kept first, then what the service has now.
actor Supply {
    private let engine: Engine
    private let download: Download
    private let storage: any Storage
    private let options: Options
    private let complain: @Sendable (HostError) -> Void
    private var good: Good?
    /// What was refused of the last feeding; the same bytes are worth feeding again then.
    private var refused: [HostError] = []
    private var refreshing: Task<Bool, any Error>?
    private var isClosed = false

    init(
        _ engine: Engine, _ download: Download, _ storage: any Storage, _ options: Options,
        complain: @escaping @Sendable (HostError) -> Void
    ) {
        (self.engine, self.download, self.storage, self.options) = (engine, download, storage, options)
        self.complain = complain
    }

    /// The last good bundle with its manifest and pack.
    func last() throws -> Good {
        guard let good else { throw HostError("pack_missing", "No pack has been accepted yet.") }
        return good
    }

    /// Feeds what was kept; where nothing was, what the service has; where that is of no use, everyone's pack. Answers
    /// whether the service has still to be asked.
    func open() async throws -> Bool {
        // Kept beside the bundle, as trust in a newer generation would refuse an older bundle at a start without a network.
        restoreTrust(options.subject)
        if let kept = try storage.read(options.subject, bundleName).flatMap(Bundle.decoded), take(kept, feed(engine, kept)) {
            return true
        }
        try await first()
        return false
    }

    /// Looks for a newer generation, or with `anew` has the person's pack made; whatever goes wrong, the present one stays.
    /// Answers whether anything was fed.
    func refresh(anew: Bool = false) async throws -> Bool {
        // What is on its way may not have asked for one to be made.
        while anew, let refreshing {
            _ = try? await refreshing.value
            try checkOpen()
        }
        if let refreshing { return try await refreshing.value }
        let task = Task<Bool, any Error> {
            // Before whoever waits goes on, who may begin another.
            defer { refreshing = nil }
            return try await look(anew)
        }
        refreshing = task
        return try await task.value
    }

    /// Keeps nothing from now on. A request on its way is not waited for: what it brings is left aside.
    func close() {
        isClosed = true
        refreshing?.cancel()
    }

    private func look(_ anew: Bool) async throws -> Bool {
        let known = try last().bundle
        let fresh = try await download.bundle(options.subject, known: known, anew: anew)
        if fresh == known && refused.isEmpty { return false }
        _ = try await feedWhole(fresh)
        return true
    }

    /// The first bundle ever, or everyone's where the person's own cannot be used.
    private func first() async throws {
        var wanted: Bundle?
        do {
            let own = try await download.bundle(options.subject)
            wanted = own
            if try await feedWhole(own) { return }
        } catch let failure as HostError where failure.status != 0 && options.subject != everyone {
            complain(failure)
        }
        guard try await feedWhole(download.bundle(everyone)) else {
            throw refused.first ?? HostError("pack_missing", "No pack could be used.", status: 422)
        }
        // Offered once more, so that the engine shows the refusal instead of hiding it behind everyone's pack.
        if let wanted { _ = feed(engine, wanted) }
    }

    /// Feeds a bundle; when a refresh was published between its manifest and its pack, fetches both once more.
    private func feedWhole(_ bundle: Bundle) async throws -> Bool {
        try checkOpen()
        restoreTrust(everybody)
        var (latest, fed) = (bundle, feed(engine, bundle))
        if fed.refused.contains(where: { $0.code == "pack_wrong_generation" }) {
            do {
                latest = try await download.bundle(bundle.subject)
                fed = feed(engine, latest)
            } catch let failure as HostError {
                complain(failure)
            }
            try checkOpen()
        }
        refused = fed.refused
        refused.forEach(complain)
        // Whatever becomes of the pack, a manifest that was checked is never followed by an older one.
        if fed.manifest != nil { try storage.write(everybody, trustName, engine.saveTrust()) }
        guard take(latest, fed) else { return false }
        try storage.write(options.subject, bundleName, latest.encoded())
        try storage.write(options.subject, trustName, engine.saveTrust())
        return true
    }

    /// Asked after each wait: nothing is written after `close`, as storage may be told to forget the person then.
    private func checkOpen() throws {
        if isClosed { throw HostError.closed }
    }

    private func restoreTrust(_ owner: String) {
        do {
            if let kept = try storage.read(owner, trustName) { try engine.restoreTrust(bytes: kept) }
        } catch {
            complain(HostError(error))
        }
    }

    private func take(_ bundle: Bundle, _ fed: Fed) -> Bool {
        guard let manifest = fed.manifest, let pack = fed.pack else { return false }
        good = Good(bundle: bundle, manifest: manifest, pack: pack)
        return true
    }
}
