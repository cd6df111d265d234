package dev.firesteel.serve;

import java.util.concurrent.Executor;
import java.util.concurrent.ScheduledExecutorService;

/**
 * What all requests of a server share.
 *
 * @param options how it was started
 * @param metrics what it counts
 * @param executor where answers are written
 * @param timer for timeouts
 */
record ServerContext(
    ServeOptions options,
    ServerMetrics metrics,
    Executor executor,
    ScheduledExecutorService timer) {}
