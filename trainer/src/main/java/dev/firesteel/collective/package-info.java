/**
 * How the processes of one training run speak with each other: the {@link
 * dev.firesteel.collective.Collective} interface and the one for a process that is alone. Needs
 * {@code array} and {@code backend}; knows no Spark.
 */
package dev.firesteel.collective;
