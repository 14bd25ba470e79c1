/// Lists further back are not acted upon any more.
private let mostSlates = 20

/// The lists the person saw, newest first: what an event follows from.
struct Shown {
    private var slates: [(slate: String, positions: [String: UInt32])] = []

    /// This list is on the screen, with these places.
    mutating func add(_ slate: Slate, _ places: [Place]) {
        let before = slates.first { $0.slate == slate.slate }?.positions ?? [:]
        let seen = Dictionary(places.map { ($0.item, $0.position) }) { first, _ in first }
        slates.removeAll { $0.slate == slate.slate }
        slates.insert((slate.slate, before.merging(seen) { $1 }), at: 0)
        slates = Array(slates.prefix(mostSlates))
    }

    /// Slate and position an item was last shown at.
    func of(_ item: String) -> (slate: String, position: UInt32)? {
        for (slate, positions) in slates {
            if let position = positions[item] { return (slate, position) }
        }
        return nil
    }
}
