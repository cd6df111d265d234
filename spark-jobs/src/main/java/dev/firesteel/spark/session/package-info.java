/**
 * Spark sessions, Kryo's registered classes, what a machine offers.
 *
 * <p>Uses {@code backend.opencl}, {@code error}, {@code files}, {@code spark.prepare}, {@code
 * spark.process}, {@code spark.rpc}, {@code train}.
 */
package dev.firesteel.spark.session;
