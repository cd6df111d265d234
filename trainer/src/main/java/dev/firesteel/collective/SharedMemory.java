package dev.firesteel.collective;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.regex.Pattern;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * How this rank and another one find out whether they can share memory: each creates a file in
 * {@code /dev/shm} that only its own user may open, and sends the other its name and a nonce. If
 * both find the file with that nonce, frames go through the files, in both directions. The files
 * are then deleted; their memory lives as long as both processes map it.
 *
 * <pre>
 * offer     name of the file, padded with zeros, nonce; all zeros for no    &lt;-&gt;
 * verdict   1 if the other's file was found                                 &lt;-&gt;
 * </pre>
 *
 * <p>Memory: {@link FrameRing#FILE_BYTES} for each direction between two ranks of a machine.
 */
final class SharedMemory implements AutoCloseable {
  private static final Logger LOG = LoggerFactory.getLogger(SharedMemory.class);
  static final Path FOLDER = Path.of("/dev/shm");
  private static final Pattern NAME = Pattern.compile("firesteel-[0-9]+\\.frames");
  private static final int NAME_BYTES = 48;

  /** Bytes of the first message. */
  static final int OFFER_BYTES = NAME_BYTES + FrameRing.NONCE_BYTES;

  /** Bytes of the second message. */
  static final int VERDICT_BYTES = 1;

  private static final SecureRandom RANDOM = new SecureRandom();

  private final byte[] offer = new byte[OFFER_BYTES];
  private Path file;
  private FrameRing outgoing;
  private FrameRing incoming;

  private SharedMemory() {}

  /** Offers nothing: frames will go over the connection. */
  static SharedMemory none() {
    return new SharedMemory();
  }

  /** Offers memory to the peer, if it is on this machine and there is enough memory left. */
  static SharedMemory offer(SocketChannel connection) throws IOException {
    SharedMemory memory = new SharedMemory();
    if (sameMachine(connection) && Files.isDirectory(FOLDER)) {
      memory.create();
    }
    return memory;
  }

  private static boolean sameMachine(SocketChannel connection) throws IOException {
    InetSocketAddress here = (InetSocketAddress) connection.getLocalAddress();
    InetSocketAddress there = (InetSocketAddress) connection.getRemoteAddress();
    return here.getAddress().equals(there.getAddress());
  }

  private void create() {
    byte[] nonce = new byte[FrameRing.NONCE_BYTES];
    RANDOM.nextBytes(nonce);
    try {
      file = Files.createTempFile(FOLDER, "firesteel-", ".frames");
      outgoing = FrameRing.create(file, nonce);
      byte[] name = file.getFileName().toString().getBytes(StandardCharsets.US_ASCII);
      ByteBuffer.wrap(offer).put(name).position(NAME_BYTES).put(nonce);
    } catch (IOException e) {
      LOG.info(
          "Frames use the loopback network: no memory to share in {}: {}", FOLDER, e.toString());
      close();
    }
  }

  /** The first message to the other side. */
  byte[] offer() {
    return offer.clone();
  }

  /** Reads the other side's first message; returns the second one to send. */
  byte[] verdict(byte[] offered) {
    int end = 0;
    while (end < NAME_BYTES && offered[end] != 0) {
      end++;
    }
    String name = new String(offered, 0, end, StandardCharsets.US_ASCII);
    if (outgoing != null && NAME.matcher(name).matches()) {
      byte[] nonce = Arrays.copyOfRange(offered, NAME_BYTES, OFFER_BYTES);
      try {
        incoming = FrameRing.open(FOLDER.resolve(name), nonce);
      } catch (IOException e) {
        LOG.info("Frames go over the connection: memory cannot be shared: {}", e.toString());
      }
    }
    return new byte[] {(byte) (incoming == null ? 0 : 1)};
  }

  /**
   * Reads the other side's second message; returns the lane through memory, null if there is none.
   */
  MemoryLane conclude(byte[] verdict, SocketChannel connection) {
    return incoming != null && verdict[0] == 1
        ? new MemoryLane(connection, outgoing, incoming)
        : null;
  }

  /** Deletes the file; the memory stays while it is mapped. */
  @Override
  public void close() {
    if (file != null) {
      try {
        Files.deleteIfExists(file);
      } catch (IOException e) {
        LOG.warn("{} could not be deleted: {}", file, e.toString());
      }
      file = null;
    }
  }
}
