import Foundation
import SegueKit
import XCTest

/// Who calls the host again.
final class SchedulerTests: HostCase {
    func testTheTimerCallsOneAfterTheOtherUntilItIsStopped() async throws {
        let tally = Tally()
        let stop = TaskScheduler().repeat(everyMs: 1) {
            tally.enter()
            try? await Task.sleep(nanoseconds: 3_000_000)
            tally.leave()
            return true
        }
        await eventually { tally.calls >= 5 }
        stop()
        await eventually { !tally.isInside }
        let calls = tally.calls
        try await Task.sleep(nanoseconds: 30_000_000)
        XCTAssertLessThanOrEqual(tally.calls, calls + 1, "one may have been under way")
        XCTAssertEqual(tally.mostAtOnce, 1)
    }

    func testTheTimerLooksForANewerPack() async throws {
        let service = try FakeService()
        let segue = try await open(service) { $0.refreshMs = 5 }
        try await service.publish()
        await eventually { await segue.list.generation == 2 }
        await segue.close()
    }

    func testWaitsWithoutAnEndNeitherOverflowNorEndAtOnce() async throws {
        let service = try FakeService()
        let segue = try await open(service) { ($0.refreshMs, $0.gatherMs) = (.max, .max) }
        await service.clearLog()
        try await segue.record(NewEvent("like", item: await items(segue)[0]))
        try await segue.returned()
        try await Task.sleep(nanoseconds: 20_000_000)
        let log = await service.log
        XCTAssertEqual(log, [])
        await segue.close()
    }

    func testAPlatformThatGrantsTimeBeforeTheHostIsOpenIsToldOnceTheServiceWasAsked() async throws {
        let (service, scheduler, told) = (try FakeService(), PlatformScheduler(Never()), Answers())
        _ = scheduler.call { told.append($0) }
        let segue = try await open(service, scheduler: scheduler) { $0.gatherMs = 60_000 }
        await eventually { !told.all.isEmpty }
        XCTAssertEqual(told.all, [true])

        await service.become(online: false)
        try await segue.record(NewEvent("like", item: await items(segue)[0]))
        _ = scheduler.call { told.append($0) }
        await eventually { told.all.count == 2 }
        XCTAssertEqual(told.all, [true, false], "nothing was reached")
        await segue.close()
    }

    func testTimeThatIsUpIsTheEndOfACallExactlyOnce() async throws {
        let (service, scheduler, told) = (try FakeService(), PlatformScheduler(Never()), Answers())
        let early = scheduler.call { told.append($0) }
        early()
        XCTAssertEqual(told.all, [false], "no host came")
        let segue = try await open(service, scheduler: scheduler)
        await service.fallSilent()
        let late = scheduler.call { told.append($0) }
        await service.isAsked()
        late()
        XCTAssertEqual(told.all, [false, false])
        await service.speak()
        await segue.close()
        late()
        XCTAssertEqual(told.all, [false, false])
    }

    func testAHostThatWasClosedIsNotCalledAndTheNextOneIs() async throws {
        let (scheduler, told) = (PlatformScheduler(Never()), Answers())
        await (try open(FakeService(), scheduler: scheduler)).close()
        _ = scheduler.call { told.append($0) }
        let segue = try await open(FakeService(), scheduler: scheduler)
        await eventually { !told.all.isEmpty }
        XCTAssertEqual(told.all, [true])
        await segue.close()
    }
}

/// A timer without an end.
private struct Never: Scheduler {
    func `repeat`(everyMs: UInt64, _ work: @escaping @Sendable () async -> Bool) -> @Sendable () -> Void { {} }
}

private final class Answers: @unchecked Sendable {
    private let lock = NSLock()
    private var answers: [Bool] = []

    var all: [Bool] { lock.withLock { answers } }

    func append(_ answer: Bool) { lock.withLock { answers.append(answer) } }
}

/// How many are inside, and were at most.
private final class Tally: @unchecked Sendable {
    private let lock = NSLock()
    private var (inside, most, all) = (0, 0, 0)

    var calls: Int { lock.withLock { all } }
    var mostAtOnce: Int { lock.withLock { most } }
    var isInside: Bool { lock.withLock { inside > 0 } }

    func enter() { lock.withLock { (inside, most, all) = (inside + 1, max(most, inside + 1), all + 1) } }

    func leave() { lock.withLock { inside -= 1 } }
}
