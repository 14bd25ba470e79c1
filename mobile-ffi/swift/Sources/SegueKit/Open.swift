import Foundation

extension Segue {
    /// What `open` puts together.
    struct Parts {
        let engine: Engine
        let outbox: Outbox
        let supply: Supply
        let service: Service
        let troubles: Broadcast<HostError>
        let now: @Sendable () -> Int64
    }

    /// A host that works: with a network, or without one once a pack was kept. Throws with a code where there is neither
    /// (`network_unreachable`, `pack_missing`, `key_invalid`, ...), and `surface_unknown` where the service has no such surface.
    public static func open(
        _ options: Options, storage: any Storage, transport: any Transport = URLSessionTransport(),
        scheduler: any Scheduler = TaskScheduler(),
        now: @escaping @Sendable () -> Int64 = { Int64(Date().timeIntervalSince1970 * 1_000) }
    ) async throws -> Segue {
        do {
            let engine = try Engine(root: options.root)
            // First, as it is refused to a second host: nobody else writes what is kept of the person from here on.
            let outbox = try Outbox.open(path: storage.outbox(options.subject).path, seed: .random(in: 0 ... .max))
            let troubles = Broadcast<HostError>()
            let service = Service(options, transport, now: now)
            let download = Download(service: service, root: options.root, now: now) { troubles.tell($0) }
            let supply = Supply(engine, download, storage, options) { troubles.tell($0) }
            let ask = try await supply.open()
            // An app may have learnt of a surface since its pack was kept.
            if ask, try await supply.last().manifest.policies[options.surface] == nil { _ = try await supply.refresh() }
            let parts = Parts(engine: engine, outbox: outbox, supply: supply, service: service, troubles: troubles, now: now)
            let segue = try Segue(options, storage, parts)
            await segue.begin(scheduler, ask: ask)
            return segue
        } catch {
            throw HostError(error)
        }
    }
}
