import SegueKit
import XCTest

/// What every host has to agree on.
final class VectorsTests: XCTestCase {
    func testEveryGoldenVectorGivesWhatIsExpectedAndEveryRefusalItsRemedy() throws {
        XCTAssertGreaterThanOrEqual(Vectors.names.count, 40)
        var refused: [SegueError] = []
        let differences = Vectors.names.compactMap { name -> String? in
            let run = VectorRun()
            defer { refused += run.refused }
            return Vectors.difference(.list(Vectors.expected(name)), .list(run.outcomes(Vectors.steps(name)))).map { "\(name): \($0)" }
        }
        XCTAssertEqual(differences, [])

        let errors = Vectors.folder.appendingPathComponent("../../docs/ERRORS.md")
        let table = try String(contentsOf: errors, encoding: .utf8)
        for case let .Refused(code, _, remedy) in refused {
            XCTAssertTrue(table.contains("| `\(code)` | \(remedy) |"), "\(code): \(remedy)")
        }
        XCTAssertGreaterThanOrEqual(Set(refused.map(\.code)).count, 20, "the vectors bring out most codes")
    }
}
