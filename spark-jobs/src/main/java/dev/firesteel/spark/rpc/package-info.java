/**
 * Messages between driver and ranks.
 *
 * <p>Uses {@code collective}, {@code config}, {@code error}, {@code run}, {@code spark.monitor},
 * {@code spark.process}, {@code sweep}, {@code train}.
 */
package dev.firesteel.spark.rpc;
