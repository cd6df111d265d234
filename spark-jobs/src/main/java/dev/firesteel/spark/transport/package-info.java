/**
 * Frames between ranks over Spark's network library.
 *
 * <p>Uses {@code collective}, {@code error}.
 */
package dev.firesteel.spark.transport;
