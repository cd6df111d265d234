/**
 * Named numbers that a run reports. A stage declares its {@link dev.firesteel.metrics.Metric}s and
 * reports {@link dev.firesteel.metrics.Measures}; everything that shows a run (progress line,
 * {@code metrics.jsonl}, report, Spark tab, gauges, JSON) shows whatever it is given.
 *
 * <p>Uses no other package.
 */
package dev.firesteel.metrics;
