package dev.firesteel.collective;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * How two processes prove to each other that they are ranks of the same attempt, each side
 * demonstrating knowledge of the secret without revealing it:
 *
 * <pre>
 * connecting                                accepting
 * hello     magic, attempt, rank,   ->
 *           world size, channel, nonce
 *                                      <-   challenge   verdict, nonce, HMAC("accepting", hello, nonce, rank)
 * proof     HMAC("connecting", hello,  ->
 *           nonce of the other, its rank)
 *                                      <-   verdict
 * </pre>
 *
 * <p>HMAC is HMAC-SHA256 (RFC 2104, FIPS 180-4). The messages have fixed sizes. After a verdict
 * other than {@link Verdict#WELCOME} the accepting side hangs up. A transport sends the messages;
 * an instance serves one connection.
 */
public final class Handshake {
  private static final long MAGIC = 0x4653_4845_4c4c_4f31L;
  private static final int NONCE_BYTES = 16;
  private static final int MAC_BYTES = 32;

  /** Bytes of the first message of the connecting side. */
  public static final int HELLO_BYTES =
      Long.BYTES + Long.BYTES + Integer.BYTES + Integer.BYTES + 1 + NONCE_BYTES;

  /** Bytes of the accepting side's answer. */
  public static final int CHALLENGE_BYTES = 1 + NONCE_BYTES + MAC_BYTES;

  /** Bytes of the second message of the connecting side. */
  public static final int PROOF_BYTES = MAC_BYTES;

  /** Bytes of the accepting side's final message. */
  public static final int VERDICT_BYTES = 1;

  private static final SecureRandom RANDOM = new SecureRandom();

  private final Membership me;
  private final byte[] hello;
  private int peer;
  private int channel;
  private byte[] nonce;
  private boolean welcome;

  /** The accepting side's verdict on the connecting one. */
  enum Verdict {
    WELCOME(0, ""),
    NO_RANK(1, "it is not a rank of a run, or runs another version of Firesteel"),
    OTHER_ATTEMPT(2, "it is of another attempt of the run, or of another run"),
    OTHER_WORLD(3, "it has a different world size"),
    WRONG_SECRET(4, "it does not know the secret of this attempt");

    private final byte code;
    private final String reason;

    Verdict(int code, String reason) {
      this.code = (byte) code;
      this.reason = reason;
    }

    /** For a code that was received; an unknown one is a rejection. */
    static Verdict of(byte code) {
      for (Verdict verdict : values()) {
        if (verdict.code == code) {
          return verdict;
        }
      }
      return NO_RANK;
    }
  }

  private Handshake(Membership me, int peer, byte[] hello) {
    this.me = me;
    this.peer = peer;
    this.hello = hello;
  }

  /**
   * The connecting side.
   *
   * @param peer the rank it connects to
   * @param channel the index of this connection among those to that rank
   */
  public static Handshake connecting(Membership me, int peer, int channel) {
    byte[] hello =
        ByteBuffer.allocate(HELLO_BYTES)
            .putLong(MAGIC)
            .putLong(me.attempt())
            .putInt(me.rank())
            .putInt(me.worldSize())
            .put((byte) channel)
            .put(nonce())
            .array();
    return new Handshake(me, peer, hello);
  }

  /** The accepting side. */
  public static Handshake accepting(Membership me) {
    return new Handshake(me, -1, new byte[HELLO_BYTES]);
  }

  /** The first message of the connecting side. */
  public byte[] hello() {
    return hello.clone();
  }

  /** The accepting side's answer to a hello. */
  public byte[] challenge(byte[] received) {
    System.arraycopy(received, 0, hello, 0, HELLO_BYTES);
    Verdict verdict = judge(ByteBuffer.wrap(hello));
    ByteBuffer challenge = ByteBuffer.allocate(CHALLENGE_BYTES).put(verdict.code);
    if (verdict != Verdict.WELCOME) {
      return challenge.array();
    }
    nonce = nonce();
    return challenge.put(nonce).put(mac("accepting", me.rank())).array();
  }

  private Verdict judge(ByteBuffer message) {
    if (message.getLong() != MAGIC) {
      return Verdict.NO_RANK;
    }
    if (message.getLong() != me.attempt()) {
      return Verdict.OTHER_ATTEMPT;
    }
    peer = message.getInt();
    if (message.getInt() != me.worldSize()) {
      return Verdict.OTHER_WORLD;
    }
    channel = message.get();
    return peer < 0 || peer >= me.worldSize() || peer == me.rank()
        ? Verdict.NO_RANK
        : Verdict.WELCOME;
  }

  /**
   * The connecting side's answer to a challenge.
   *
   * @throws CollectiveException if the other side rejects this process, or does not know the secret
   */
  public byte[] proof(byte[] challenge) {
    heed(challenge[0]);
    nonce = Arrays.copyOfRange(challenge, 1, 1 + NONCE_BYTES);
    byte[] mac = Arrays.copyOfRange(challenge, 1 + NONCE_BYTES, CHALLENGE_BYTES);
    if (!MessageDigest.isEqual(mac, mac("accepting", peer))) {
      throw refused(
          "the process at its address does not know the secret of this attempt, or has"
              + " another rank");
    }
    return mac("connecting", peer);
  }

  /** The accepting side's final message: whether the proof is correct. */
  public byte[] verdict(byte[] proof) {
    welcome = nonce != null && MessageDigest.isEqual(proof, mac("connecting", me.rank()));
    return new byte[] {(welcome ? Verdict.WELCOME : Verdict.WRONG_SECRET).code};
  }

  /**
   * Completes the connecting side.
   *
   * @throws CollectiveException if the other side rejects this process
   */
  public void conclude(byte[] verdict) {
    heed(verdict[0]);
    welcome = true;
  }

  private void heed(byte number) {
    Verdict verdict = Verdict.of(number);
    if (verdict != Verdict.WELCOME) {
      throw refused(verdict.reason);
    }
  }

  private CollectiveException refused(String reason) {
    return new CollectiveException(
        new CollectiveFailure(CollectiveFailure.Kind.REFUSED, peer, me.rank(), "", -1, reason),
        null);
  }

  /** Why the accepting side rejects, at the start of its challenge; null if it does not. */
  public static String refusal(byte[] challenge) {
    Verdict verdict = Verdict.of(challenge[0]);
    return verdict == Verdict.WELCOME ? null : verdict.reason;
  }

  /** Whether both sides have verified each other. */
  public boolean welcome() {
    return welcome;
  }

  /** The rank on the other side; for the accepting side, as stated in the hello. */
  public int peer() {
    return peer;
  }

  /** The index of this connection between the two ranks, as stated in the hello. */
  public int channel() {
    return channel;
  }

  private static byte[] nonce() {
    byte[] bytes = new byte[NONCE_BYTES];
    RANDOM.nextBytes(bytes);
    return bytes;
  }

  /** The hello holds the connecting side's claims, its nonce included. */
  private byte[] mac(String role, int acceptingRank) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(me.secret(), "HmacSHA256"));
      mac.update(role.getBytes(StandardCharsets.US_ASCII));
      mac.update(hello);
      mac.update(nonce);
      return mac.doFinal(ByteBuffer.allocate(Integer.BYTES).putInt(acceptingRank).array());
    } catch (GeneralSecurityException e) {
      throw new IllegalStateException("every Java platform has HmacSHA256", e);
    }
  }
}
