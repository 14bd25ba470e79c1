// Not compiled here: see README.md.
package dev.segue.android

import android.content.Context
import androidx.work.Constraints
import androidx.work.CoroutineWorker
import androidx.work.ExistingPeriodicWorkPolicy
import androidx.work.NetworkType
import androidx.work.PeriodicWorkRequestBuilder
import androidx.work.WorkManager
import androidx.work.WorkerParameters
import dev.segue.HostException
import dev.segue.PlatformScheduler
import dev.segue.Scheduler
import dev.segue.Segue
import java.util.concurrent.TimeUnit

private const val NAME = "segue"

/** WorkManager calls no more often; packs are made about every half hour. */
private const val LEAST_MS = 30 * 60_000L

/** Implemented by the app's `Application`. */
public interface SegueOwner {
    /** The one scheduler of the app, with which it opens each host. */
    public val scheduler: WorkScheduler

    /** The host that lives now, or one that is opened for the work and lives on. */
    public suspend fun segue(): Segue
}

/** Calls by a timer while the process lives, and by WorkManager even when it does not, until the host is closed. */
public class WorkScheduler(context: Context) : Scheduler {
    private val works = WorkManager.getInstance(context)
    private val platform = PlatformScheduler()

    override fun repeat(everyMs: Long, work: suspend () -> Boolean): AutoCloseable {
        val stop = platform.repeat(everyMs, work)
        val online = Constraints.Builder().setRequiredNetworkType(NetworkType.CONNECTED).build()
        val request = PeriodicWorkRequestBuilder<SegueWorker>(maxOf(everyMs, LEAST_MS), TimeUnit.MILLISECONDS).setConstraints(online).build()
        works.enqueueUniquePeriodicWork(NAME, ExistingPeriodicWorkPolicy.UPDATE, request)
        return AutoCloseable {
            stop.close()
            works.cancelUniqueWork(NAME)
        }
    }

    internal suspend fun call(): Boolean = platform.call()
}

/** Sends what waits and fetches the next pack, while the app is not on the screen; where the service cannot be asked, again soon. */
public class SegueWorker(context: Context, parameters: WorkerParameters) : CoroutineWorker(context, parameters) {
    override suspend fun doWork(): Result {
        val owner = applicationContext as SegueOwner
        val isDone = try {
            owner.segue()
            owner.scheduler.call()
        } catch (_: HostException) {
            false
        }
        return if (isDone) Result.success() else Result.retry()
    }
}
