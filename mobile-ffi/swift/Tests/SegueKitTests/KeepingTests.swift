import Foundation
import SegueKit
import XCTest

/// What a person did is kept, whatever fails around it.
final class KeepingTests: HostCase {
    func testAnEventCountsWhenNoListCanBeMade() async throws {
        let service = try FakeService()
        let words = Words()
        let segue = try await open(service) { $0.context = { words.next() } }
        let before = await items(segue)
        words.good(1)
        let told = try await segue.record(NewEvent("skip", item: before[0]))
        XCTAssertEqual(told.places.map(\.item), before, "the list stays")
        let problem = await problem(segue)
        XCTAssertEqual(problem, "request_invalid")
        await until(segue) { $0.sent == 1 && $0.waiting == 0 }
        await segue.close()
        let again = try await open(service)
        let after = await items(again)
        XCTAssertNotEqual(after, before, "the session was kept as well")
        await again.close()
    }

    func testImpressionsBeforeOneThatIsRefusedAreKept() async throws {
        let service = try FakeService()
        let words = Words()
        let segue = try await open(service) { $0.context = { words.next() } }
        words.good(3)
        let refused = await code { try await segue.shown(segue.list) }
        XCTAssertNotEqual(refused, "none")
        await until(segue) { $0.sent == 3 && $0.waiting == 0 }
        await segue.close()
    }

    func testASessionThatCannotBeKeptIsAProblemAndNoFailureOfTheEvent() async throws {
        let service = try FakeService()
        let storage = StubbornStorage(folder, name: "session")
        let segue = try await open(service, storage: storage)
        storage.refuse()
        try await segue.record(NewEvent("like", item: await items(segue)[0]))
        let problem = await problem(segue)
        XCTAssertEqual(problem, "storage_failed")
        await until(segue) { $0.sent == 1 && $0.waiting == 0 }
        await segue.close()
    }

    func testTheListFollowsWhileTheDiskIsBusyAndACallerWhoIsCancelledThenLosesNoEvent() async throws {
        let service = try FakeService()
        let storage = StubbornStorage(folder, name: "session")
        let segue = try await open(service, storage: storage)
        let before = await segue.list
        storage.hold()
        let impressions = Task { _ = try await segue.shown(before) }
        await storage.isAsked()
        let skip = Task { _ = try await segue.record(NewEvent("skip", item: before.places[0].item, playedMs: 2_000)) }
        await eventually { await segue.list.slate != before.slate }
        skip.cancel()
        storage.letGo()
        try await impressions.value
        try await skip.value
        await until(segue) { $0.sent == 9 && $0.waiting == 0 }
        await segue.close()
    }

    func testWhoIsCancelledWhileTheServiceIsSilentLosesNothing() async throws {
        let service = try FakeService()
        let segue = try await open(service) { $0.gatherMs = 60_000 }
        try await segue.record(NewEvent("like", item: await items(segue)[0]))
        try await service.publish()
        await service.fallSilent()
        let calls = [Task { _ = try? await segue.flush() }, Task { _ = try? await segue.refresh() }]
        await service.isAsked()
        calls.forEach { $0.cancel() }
        await service.speak()
        await until(segue) { $0.sent == 1 && $0.waiting == 0 }
        await eventually { await segue.list.generation == 2 }
        await segue.close()
    }

    /// What is asked for of packs when a generation is published of which this changed, until the host has it.
    private func packsAsked(_ delta: Data, _ check: (Segue) async -> Void) async throws -> [String] {
        let service = try FakeService()
        let segue = try await open(service)
        await service.clearLog()
        await service.tell(delta)
        try await service.publish()
        _ = try await segue.refresh()
        let generation = await segue.list.generation
        XCTAssertEqual(generation, 2)
        await check(segue)
        _ = try await segue.refresh()
        await segue.close()
        return await service.log.filter { $0.contains("packs") }
    }

    func testOfANewerPackWhatChangedIsFetchedAndKeptAsAWholeOneIs() async throws {
        let asked = try await packsAsked(World.delta) { _ in }
        XCTAssertEqual(asked, ["GET packs 226", "GET packs 304"])
    }

    func testWhatChangedOfAPackIsToldWhereItCameDamagedAndThePackFetchedWhole() async throws {
        let damaged = Data(World.delta.dropLast())
        let asked = try await packsAsked(damaged) { segue in
            let told = await self.problem(segue)
            XCTAssertEqual(told, "envelope_damaged")
        }
        XCTAssertEqual(asked, ["GET packs 226", "GET packs 200", "GET packs 304"])
    }

    func testAPackThatIsGoneWhenItIsReadWholeIsFollowedByEveryones() async throws {
        let service = try FakeService()
        let segue = try await open(service)
        await service.clearLog()
        await service.tell(Data(World.delta.dropLast()))
        try await service.publish()
        await service.answerPlainPacks(HttpResponse(status: 404))
        _ = try? await segue.refresh()
        await segue.close()
        let asked = await service.log.filter { $0.contains("packs") }
        XCTAssertEqual(asked, ["GET packs 226", "GET packs 404", "GET packs 404"], "the person's own, then everyone's")
    }

    func testWhatChangedIsNoPackWhereNobodyAskedForIt() async throws {
        let service = try FakeService()
        await service.answerPlainPacks(HttpResponse(status: 226, body: World.delta))
        let refused = await code { _ = try await open(service) }
        XCTAssertEqual(refused, "http_226")
    }

    func testANewerGenerationIsTakenWhileThePersonGoesOn() async throws {
        let service = try FakeService()
        let segue = try await open(service)
        let items = await items(segue)
        try await service.publish()
        await withTaskGroup(of: Void.self) { group in
            for worker in 0..<4 {
                group.addTask { for number in 0..<25 { _ = try? await segue.record(NewEvent("click", item: items[(worker + number) % 8])) } }
            }
            group.addTask { _ = try? await segue.refresh() }
        }
        let slate = await segue.list
        XCTAssertEqual(slate.generation, 2)
        try await segue.flush()
        await until(segue) { $0.sent == 100 && $0.waiting == 0 }
        let generation = try await segue.supplied().manifest.generation
        XCTAssertEqual(generation, 2)
        await segue.close()
    }
}

/// Circumstances of an app that goes wrong after a while: one that is longer than the engine takes.
private final class Words: @unchecked Sendable {
    private let lock = NSLock()
    private var left: Int?

    /// Only so many more are good.
    func good(_ count: Int) { lock.withLock { left = count } }

    func next() -> [String: String] {
        lock.withLock {
            guard let left else { return [:] }
            self.left = left - 1
            return left > 0 ? [:] : ["device": String(repeating: "x", count: 1_000)]
        }
    }
}
