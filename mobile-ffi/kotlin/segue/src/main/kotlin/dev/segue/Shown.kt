package dev.segue


/** Lists further back are not acted upon any more. */
private const val MOST_SLATES = 20

/** The lists the person saw, newest first: what an event follows from. */
internal class Shown {
    private var slates: List<Pair<String, Map<String, UInt>>> = emptyList()

    /** This list is on the screen, with these places. */
    fun add(slate: Slate, places: List<Place>) {
        val before = slates.firstOrNull { it.first == slate.slate }?.second.orEmpty()
        val now = slate.slate to before + places.associate { it.item to it.position }
        slates = (listOf(now) + slates.filter { it.first != slate.slate }).take(MOST_SLATES)
    }

    /** Slate and position an item was last shown at. */
    fun of(item: String): Pair<String, UInt>? = slates.firstNotNullOfOrNull { (slate, positions) -> positions[item]?.let { slate to it } }
}
