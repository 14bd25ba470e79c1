import Foundation
import SegueKit
import XCTest

/// A host that ends: nothing is lost, nothing comes back, nothing goes on.
final class ClosingTests: HostCase {
    func testWhatComesFromTheServiceAfterForgettingIsLeftAside() async throws {
        let service = try FakeService()
        let segue = try await open(service)
        try await service.publish()
        await service.fallSilent()
        let refresh = Task { try await segue.refresh() }
        await service.isAsked()
        try await segue.forget()
        let trust = try Data(contentsOf: folder.appendingPathComponent("everybody/trust"))
        await service.speak()
        let told = try await refresh.value
        XCTAssertFalse(told)
        XCTAssertEqual(try kept(), ["everybody"])
        XCTAssertEqual(try Data(contentsOf: folder.appendingPathComponent("everybody/trust")), trust)
    }

    func testForgettingWaitsForNoAnswerAndAnotherHostMayOpenAtOnce() async throws {
        let service = try FakeService()
        let segue = try await open(service)
        try await segue.record(NewEvent("like", item: await items(segue)[0]))
        await service.fallSilent()
        let flush = Task { try await segue.flush() }
        await service.isAsked()
        try await segue.forget()
        XCTAssertEqual(try kept(), ["everybody"])
        let again = try await open(FakeService())
        let state = await again.state
        XCTAssertEqual(state.waiting, 0)
        await service.speak()
        try await flush.value
        await again.close()
    }

    func testForgettingWaitsForWhatIsBeingKept() async throws {
        let storage = StubbornStorage(folder, name: "session")
        let segue = try await open(FakeService(), storage: storage)
        let item = await items(segue)[0]
        storage.hold()
        let record = Task { _ = try await segue.record(NewEvent("like", item: item)) }
        await storage.isAsked()
        let forget = Task { try await segue.forget() }
        await eventually { await code { _ = try await segue.list(count: 1) } == "closed" }
        storage.letGo()
        try await record.value
        try await forget.value
        XCTAssertEqual(try kept(), ["everybody"])
    }

    func testAHostThatIsLetGoOfStopsItsSchedulerAndEndsItsLists() async throws {
        let scheduler = Stopwatch()
        var segue: Segue? = try await open(FakeService(), scheduler: scheduler)
        let lists = segue!.lists
        segue = nil
        for await _ in lists {}
        XCTAssertTrue(scheduler.isStopped)
        await eventually { await code { await (try open(FakeService())).close() } == "none" }
    }

    func testASecondHostIsRefusedBeforeItAsksOrWritesAnything() async throws {
        let (first, second) = (try FakeService(), try FakeService())
        let segue = try await open(first)
        let refused = await code { _ = try await open(second) }
        XCTAssertEqual(refused, "storage_failed")
        let log = await second.log
        XCTAssertEqual(log, [])
        await segue.close()
    }

    func testAKeptPackThatIsDamagedIsFetchedAgain() async throws {
        let service = try FakeService()
        await (try open(service)).close()
        let names = try kept().filter { $0 != "everybody" }
        let file = folder.appendingPathComponent(names[0]).appendingPathComponent("bundle")
        for bytes in [Data(), Data("bplist00".utf8), try Data(contentsOf: file).dropLast(9)] {
            try bytes.write(to: file)
            await service.clearLog()
            await (try open(service)).close()
            let log = await service.log
            XCTAssertTrue(log.contains("GET packs 200"))
        }
    }
}

/// Never calls, and knows whether it was stopped.
private final class Stopwatch: Scheduler, @unchecked Sendable {
    private let lock = NSLock()
    private var stopped = false

    var isStopped: Bool { lock.withLock { stopped } }

    func `repeat`(everyMs: UInt64, _ work: @escaping @Sendable () async -> Bool) -> @Sendable () -> Void {
        { self.lock.withLock { self.stopped = true } }
    }
}
