/**
 * Named numbers that a run reports. A stage declares its {@link dev.firesteel.metrics.Metric}s and
 * reports {@link dev.firesteel.metrics.Measures}; all outputs (progress line, {@code
 * metrics.jsonl}, report, Spark tab, gauges, JSON) show every metric that is reported.
 *
 * <p>Uses none.
 */
package dev.firesteel.metrics;
