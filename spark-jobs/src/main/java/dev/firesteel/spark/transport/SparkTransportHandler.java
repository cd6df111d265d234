package dev.firesteel.spark.transport;

import dev.firesteel.collective.Handshake;
import io.netty.channel.Channel;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.spark.network.client.RpcResponseCallback;
import org.apache.spark.network.client.TransportClient;
import org.apache.spark.network.server.OneForOneStreamManager;
import org.apache.spark.network.server.RpcHandler;
import org.apache.spark.network.server.StreamManager;

/**
 * Receives messages from other ranks, on threads of Spark's network library. A message begins with
 * its type; messages on a connection without a finished {@link Handshake} are rejected.
 */
final class SparkTransportHandler extends RpcHandler {
  static final byte HELLO = 1;
  static final byte PROOF = 2;
  static final byte FRAME = 3;
  static final byte NOTICE = 4;
  static final byte FAREWELL = 5;

  private final CompletableFuture<SparkTransport> transport;
  private final Map<Channel, Handshake> handshakes = new ConcurrentHashMap<>();
  private final StreamManager noStreams = new OneForOneStreamManager();

  /**
   * @param transport complete as soon as this process knows its rank
   */
  SparkTransportHandler(CompletableFuture<SparkTransport> transport) {
    this.transport = transport;
  }

  @Override
  public void receive(TransportClient client, ByteBuffer message, RpcResponseCallback callback) {
    byte type = message.get();
    if (type == HELLO || type == PROOF) {
      byte[] content = bytes(message);
      // A rank that is faster than this process waits for its answer.
      var unused =
          transport.thenAccept(joined -> shakeHands(joined, client, type, content, callback));
      return;
    }
    Handshake handshake = welcome(client);
    if (handshake == null || type != FRAME) {
      callback.onFailure(new IllegalStateException("no rank sends this, or without a handshake"));
      client.close();
      return;
    }
    transport.join().frameCame(handshake.peer(), message, callback);
  }

  /** What needs no answer. */
  @Override
  public void receive(TransportClient client, ByteBuffer message) {
    Handshake handshake = welcome(client);
    byte type = message.get();
    if (handshake == null) {
      client.close();
    } else if (type == NOTICE) {
      transport.join().noticeCame(handshake.peer(), bytes(message));
    } else if (type == FAREWELL) {
      transport.join().farewellCame(handshake.peer());
    }
  }

  /** The handshake of a connection that has finished it; else null. */
  private Handshake welcome(TransportClient client) {
    Handshake handshake = handshakes.get(client.getChannel());
    return handshake != null && handshake.welcome() ? handshake : null;
  }

  private void shakeHands(
      SparkTransport joined,
      TransportClient client,
      byte type,
      byte[] content,
      RpcResponseCallback callback) {
    Channel channel = client.getChannel();
    if (type == HELLO && content.length == Handshake.HELLO_BYTES) {
      Handshake handshake = Handshake.accepting(joined.me());
      byte[] challenge = handshake.challenge(content);
      handshakes.put(channel, handshake);
      callback.onSuccess(ByteBuffer.wrap(challenge));
      return;
    }
    Handshake handshake = handshakes.get(channel);
    if (type != PROOF || content.length != Handshake.PROOF_BYTES || handshake == null) {
      callback.onFailure(new IllegalStateException("a handshake begins with a hello"));
      return;
    }
    byte[] verdict = handshake.verdict(content);
    if (handshake.welcome()) {
      joined.accepted(handshake.peer(), handshake.channel());
    }
    callback.onSuccess(ByteBuffer.wrap(verdict));
  }

  private static byte[] bytes(ByteBuffer message) {
    byte[] bytes = new byte[message.remaining()];
    message.get(bytes);
    return bytes;
  }

  @Override
  public StreamManager getStreamManager() {
    return noStreams;
  }

  @Override
  public void channelInactive(TransportClient client) {
    Handshake handshake = handshakes.remove(client.getChannel());
    if (handshake != null && handshake.welcome()) {
      transport.join().ended(handshake.peer(), handshake.channel());
    }
  }
}
