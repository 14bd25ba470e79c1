// Not compiled here: see README.md.
#if canImport(BackgroundTasks) && !os(macOS)
    import BackgroundTasks
    import Network
    import SegueKit

    private let name = "dev.segue.refresh"

    /// Calls the host that was opened with `scheduler` while the app is not on the screen too. Call it before the app has finished
    /// launching, and open the host then, whatever the app was launched for; call `submitSegue` whenever it goes to the background.
    public func registerSegue(_ scheduler: PlatformScheduler) {
        BGTaskScheduler.shared.register(forTaskWithIdentifier: name, using: nil) { task in
            submitSegue()
            // Told of its end once, by whatever thread: the scheduler sees to that.
            nonisolated(unsafe) let task = task
            task.expirationHandler = scheduler.call { task.setTaskCompleted(success: $0) }
        }
    }

    /// About half an hour from now, as often as packs are made.
    public func submitSegue() {
        let request = BGAppRefreshTaskRequest(identifier: name)
        request.earliestBeginDate = Date(timeIntervalSinceNow: 30 * 60)
        try? BGTaskScheduler.shared.submit(request)
    }

    /// Tells a host when the network is back, until the answer is cancelled: with the host, when the person signs out.
    public func watchNetwork(_ segue: Segue) -> NWPathMonitor {
        let monitor = NWPathMonitor()
        monitor.pathUpdateHandler = { [weak segue] path in
            if path.status == .satisfied { Task { try? await segue?.wake() } }
        }
        monitor.start(queue: .global(qos: .utility))
        return monitor
    }
#endif
