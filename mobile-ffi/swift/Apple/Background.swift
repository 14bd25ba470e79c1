// Not compiled here: see README.md.
#if canImport(BackgroundTasks)
    import BackgroundTasks
    import Network
    import Segue

    private let name = "dev.segue.refresh"

    /// Fetches the next pack and sends what waits, while the app is not on the screen. Call before the app has finished launching;
    /// call `schedule` whenever it goes to the background.
    public func registerSegue(_ open: @escaping @Sendable () async throws -> Segue) {
        BGTaskScheduler.shared.register(forTaskWithIdentifier: name, using: nil) { task in
            schedule()
            let work = Task {
                do {
                    try await open().wake()
                    task.setTaskCompleted(success: true)
                } catch {
                    task.setTaskCompleted(success: false)
                }
            }
            task.expirationHandler = { work.cancel() }
        }
    }

    /// About half an hour from now, as often as packs are made.
    public func schedule() {
        let request = BGAppRefreshTaskRequest(identifier: name)
        request.earliestBeginDate = Date(timeIntervalSinceNow: 30 * 60)
        try? BGTaskScheduler.shared.submit(request)
    }

    /// Tells a host when the network is back, until the answer is cancelled.
    public func watchNetwork(_ segue: Segue) -> NWPathMonitor {
        let monitor = NWPathMonitor()
        monitor.pathUpdateHandler = { path in
            if path.status == .satisfied { Task { try? await segue.wake() } }
        }
        monitor.start(queue: .global(qos: .utility))
        return monitor
    }
#endif
