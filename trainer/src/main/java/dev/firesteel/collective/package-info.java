/**
 * Communication between the processes of one training run. Training code uses {@link
 * dev.firesteel.collective.Collective}; {@link dev.firesteel.collective.PeerCollective} implements
 * the algorithms, over a {@link dev.firesteel.collective.Transport} that moves frames between
 * ranks; {@link dev.firesteel.collective.NioTransport} is the one over plain sockets.
 *
 * <p>Uses none.
 */
package dev.firesteel.collective;
