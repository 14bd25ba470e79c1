import Foundation
@testable import SegueKit
import XCTest

/// What is kept of a generation, when the storage damages it.
final class BundleTests: XCTestCase {
    private let bundle = SegueKit.Bundle(
        subject: "user:ada", rotations: nil, manifest: Tagged(bytes: Data("manifest".utf8), etag: "1"),
        pack: Tagged(bytes: Data("pack".utf8), etag: nil), artefacts: ["a1": Data("policy".utf8)], acceptedMs: 1)

    func testItComesBackAsItWas() throws {
        XCTAssertEqual(Bundle.decoded(try bundle.encoded()), bundle)
    }

    func testDamageAtAnyByteIsNoEndOfTheApp() throws {
        let whole = try bundle.encoded()
        for place in whole.indices {
            XCTAssertNil(Bundle.decoded(whole.prefix(place)))
            for value: UInt8 in [0, 1, 0x0f, 0x7f, 0x80, 0xff] {
                var damaged = whole
                damaged[place] = value
                // Bytes of the content may change unnoticed: signatures and hashes are looked at when it is fed.
                _ = Bundle.decoded(damaged)
            }
        }
    }
}

private typealias Bundle = SegueKit.Bundle
