import Foundation
import SegueKit
import XCTest

/// A session that leaves its pack behind: the service is asked for another, and what it has will do where it makes none.
final class RefillTests: HostCase {
    private func packsAsked(_ service: FakeService) async -> [String] { await service.log.filter { $0.contains("packs") } }

    /// Plays until few candidates are left, a minute after the host looked for a newer pack.
    private func playOn(_ segue: Segue) async throws {
        clock.pass(60_000)
        for place in try await segue.list(count: 10).places { try await segue.record(NewEvent("complete", item: place.item)) }
    }

    /// Goes on so many minutes later.
    private func goOn(_ segue: Segue, _ minutes: Int64) async throws {
        clock.pass(minutes * 60_000)
        try await segue.record(NewEvent("click", item: await items(segue)[0]))
    }

    private func untilFetched(_ service: FakeService) async {
        await eventually { await service.log.contains("GET packs 304") }
    }

    /// How many candidates the pack in use holds.
    private func candidates(_ segue: Segue) async -> Int {
        guard let pack = try? await segue.supplied().pack else { return 0 }
        return Int(pack.candidates)
    }

    func testAPackThatTheSessionLeftBehindIsMadeAnewWithAllThatWasDoneUntilThen() async throws {
        let service = try FakeService()
        try await service.serveThin()
        let segue = try await open(service) { $0.gatherMs = 60_000 }
        await service.answerMade(200)
        await service.clearLog()
        try await playOn(segue)
        await eventually { await candidates(segue) == 16 }
        let posts = await service.log.filter { $0.contains("POST") }
        XCTAssertEqual(posts, ["POST events 202", "POST packs 200"])
        let told = await service.batches.joined().components(separatedBy: #""kind":"complete""#).count - 1
        XCTAssertEqual(told, 10)
        try await segue.refresh()
        let asked = await packsAsked(service)
        XCTAssertEqual(asked, ["POST packs 200", "GET packs 304"])
        await segue.close()
    }

    func testWhereNoneIsMadeTheOneThatThereIsWillDoAndNobodyHearsOfIt() async throws {
        let service = try FakeService()
        try await service.serveThin()
        let segue = try await open(service)
        var problems = segue.problems.makeAsyncIterator()
        for status in [404, 405, 429, 503, 0] {
            await service.answerMade(status)
            await service.clearLog()
            if status == 404 { try await playOn(segue) } else { try await goOn(segue, 10) }
            await untilFetched(service)
            let asked = await packsAsked(service)
            XCTAssertEqual(asked, (status == 0 ? [] : ["POST packs \(status)"]) + ["GET packs 304"])
            // Waits until that has come to its end.
            try await segue.refresh()
        }
        let left = await candidates(segue)
        XCTAssertEqual(left, 18)
        await segue.close()
        let problem = await problems.next()
        XCTAssertNil(problem)
    }

    func testForTenMinutesAfterOneWasToBeMadeWhatThereIsIsFetched() async throws {
        let service = try FakeService()
        try await service.serveThin()
        let segue = try await open(service)
        try await playOn(segue)
        await untilFetched(service)
        try await segue.refresh()
        for (minutes, wanted) in [(9, ["GET packs 304"]), (1, ["POST packs 404", "GET packs 304"])] as [(Int64, [String])] {
            await service.clearLog()
            try await goOn(segue, minutes)
            await untilFetched(service)
            let asked = await packsAsked(service)
            XCTAssertEqual(asked, wanted)
            try await segue.refresh()
        }
        await segue.close()
    }

    func testAPackThatIsOnlyOldIsFetched() async throws {
        let service = try FakeService()
        try await service.serveThin()
        let segue = try await open(service)
        await service.answerMade(200)
        await service.clearLog()
        clock.pass(31 * 60_000)
        try await segue.record(NewEvent("click", item: await items(segue)[0]))
        await untilFetched(service)
        try await segue.refresh()
        let asked = await packsAsked(service)
        XCTAssertFalse(asked.contains { $0.hasPrefix("POST") }, "\(asked)")
        await segue.close()
    }
}
