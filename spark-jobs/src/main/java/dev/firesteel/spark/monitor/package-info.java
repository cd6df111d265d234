/**
 * The tab of Spark's UI, its JSON, gauges.
 *
 * <p>Uses {@code chart}, {@code files}, {@code metrics}, {@code plan}, {@code sweep}, {@code
 * train}.
 */
package dev.firesteel.spark.monitor;
