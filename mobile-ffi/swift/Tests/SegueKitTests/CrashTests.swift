import Foundation
import SegueKit
import XCTest

// Phones start no processes.
#if os(Linux) || os(macOS)
    /// A process that is killed while it records.
    final class CrashTests: HostCase {
        /// A program of the package lies beside its tests.
        private var recorder: URL {
            let tests = Bundle(for: Self.self).bundleURL
            let folder = tests.pathExtension == "xctest" ? tests.deletingLastPathComponent() : tests
            return folder.appendingPathComponent("SegueRecorder")
        }

        /// Lets it record until it has acknowledged so many events or more, and kills it; returns their numbers.
        private func recordAndDie(after count: Int) throws -> [Int] {
            let process = Process()
            process.executableURL = recorder
            process.arguments = [World.root, World.surface, World.user, "\(World.nowMs)", folder.path]
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            var told = Data()
            while told.filter({ $0 == UInt8(ascii: "\n") }).count < count {
                let more = output.fileHandleForReading.availableData
                if more.isEmpty { break }
                told += more
            }
            kill(process.processIdentifier, SIGKILL)
            told += output.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return String(decoding: told, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: true).compactMap { Int($0) }
        }

        func testEveryAcknowledgedEventArrivesAfterwards() async throws {
            let service = try FakeService()
            await (try open(service)).close()
            for count in [1, 7, 20] {
                let numbers = try recordAndDie(after: count)
                XCTAssertGreaterThanOrEqual(numbers.count, count)
                let segue = try await open(service)
                try await segue.flush()
                await until(segue) { $0.waiting == 0 && $0.sent >= numbers.count }
                let sent = await service.batches.joined()
                for number in numbers { XCTAssertTrue(sent.contains("\"number-\(number)\""), "\(number) of \(numbers.count)") }
                await service.clearLog()
                await segue.close()
            }
        }
    }
#endif
