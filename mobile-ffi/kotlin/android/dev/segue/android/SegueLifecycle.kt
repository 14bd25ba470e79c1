// Not compiled here: see README.md.
package dev.segue.android

import android.content.Context
import android.net.ConnectivityManager
import android.net.Network
import androidx.lifecycle.DefaultLifecycleObserver
import androidx.lifecycle.LifecycleOwner
import androidx.lifecycle.ProcessLifecycleOwner
import dev.segue.HostException
import dev.segue.Segue
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch

/**
 * Tells a host when the app comes and goes and when the network is back, until what it answers with is closed: close that
 * before the host. Both on the main thread.
 */
public fun watch(context: Context, segue: Segue, scope: CoroutineScope): AutoCloseable {
    fun tell(news: suspend () -> Unit) {
        scope.launch {
            try {
                news()
            } catch (_: HostException) {
                // The host was closed in between, or tells of it in `problems` itself.
            }
        }
    }
    val observer = object : DefaultLifecycleObserver {
        override fun onStart(owner: LifecycleOwner) = tell { segue.returned() }

        override fun onStop(owner: LifecycleOwner) = tell { segue.flush() }
    }
    val callback = object : ConnectivityManager.NetworkCallback() {
        override fun onAvailable(network: Network) = tell { segue.wake() }
    }
    val (lifecycle, networks) = ProcessLifecycleOwner.get().lifecycle to context.getSystemService(ConnectivityManager::class.java)
    lifecycle.addObserver(observer)
    networks.registerDefaultNetworkCallback(callback)
    return AutoCloseable {
        lifecycle.removeObserver(observer)
        networks.unregisterNetworkCallback(callback)
    }
}
