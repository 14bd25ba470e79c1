// Not compiled here: see README.md.
package dev.segue.android

import android.content.Context
import android.net.ConnectivityManager
import android.net.Network
import androidx.lifecycle.DefaultLifecycleObserver
import androidx.lifecycle.LifecycleOwner
import androidx.lifecycle.ProcessLifecycleOwner
import dev.segue.Segue
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.launch

/** Tells a host when the app comes and goes and when the network is back. Call on the main thread. */
public fun watch(context: Context, segue: Segue, scope: CoroutineScope) {
    ProcessLifecycleOwner.get().lifecycle.addObserver(object : DefaultLifecycleObserver {
        override fun onStart(owner: LifecycleOwner) {
            scope.launch { segue.returned() }
        }

        override fun onStop(owner: LifecycleOwner) {
            scope.launch { segue.flush() }
        }
    })
    val networks = context.getSystemService(ConnectivityManager::class.java)
    networks.registerDefaultNetworkCallback(object : ConnectivityManager.NetworkCallback() {
        override fun onAvailable(network: Network) {
            scope.launch { segue.wake() }
        }
    })
}
