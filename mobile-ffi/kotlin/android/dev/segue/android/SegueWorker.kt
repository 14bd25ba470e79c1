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
import dev.segue.Segue
import java.util.concurrent.TimeUnit

/** Implemented by the app's `Application`: the host that lives now, or one that is opened for the work. */
public interface SegueOwner {
    public suspend fun segue(): Segue
}

/** Fetches the next pack and sends what waits, while the app is not on the screen. */
public class SegueWorker(context: Context, parameters: WorkerParameters) : CoroutineWorker(context, parameters) {
    override suspend fun doWork(): Result = try {
        (applicationContext as SegueOwner).segue().wake()
        Result.success()
    } catch (_: HostException) {
        Result.retry()
    }

    public companion object {
        /** About every half hour, as often as packs are made, and only with a network. */
        public fun schedule(context: Context) {
            val online = Constraints.Builder().setRequiredNetworkType(NetworkType.CONNECTED).build()
            val work = PeriodicWorkRequestBuilder<SegueWorker>(30, TimeUnit.MINUTES).setConstraints(online).build()
            WorkManager.getInstance(context).enqueueUniquePeriodicWork("segue", ExistingPeriodicWorkPolicy.KEEP, work)
        }
    }
}
