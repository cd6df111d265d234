/**
 * The command line and the Spark jobs: everything that names Spark. Needs {@code trainer}, Spark
 * and picocli.
 */
package dev.firesteel.spark;
