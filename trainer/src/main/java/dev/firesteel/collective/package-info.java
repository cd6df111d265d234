/**
 * How the processes of one training run speak with each other. {@link
 * dev.firesteel.collective.Collective} is what training code asks; {@link
 * dev.firesteel.collective.PeerCollective} is the algorithms, over a {@link
 * dev.firesteel.collective.Transport} that moves frames between ranks; {@link
 * dev.firesteel.collective.NioTransport} is the one over plain sockets. Needs the JDK and SLF4J,
 * and knows no Spark.
 */
package dev.firesteel.collective;
