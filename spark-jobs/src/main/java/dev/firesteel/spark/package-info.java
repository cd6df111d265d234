/**
 * The command line and the Spark jobs: everything that names Spark.
 *
 * <p>Uses {@code files}, {@code spark.cli}, {@code spark.process}.
 */
package dev.firesteel.spark;
