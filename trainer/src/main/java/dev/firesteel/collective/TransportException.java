package dev.firesteel.collective;

import java.io.IOException;

/** Frames that could not be moved, and the rank concerned. */
public final class TransportException extends IOException {
  private static final long serialVersionUID = 1L;

  /** The reason. */
  public enum Kind {
    /** The connection to the rank closed without announcement. */
    LOST,
    /** The rank made no progress before the deadline. */
    SILENT,
    /** The rank closed its transport normally, but more was expected of it. */
    DEPARTED,
    /** A notice from the rank arrived: {@link #notice}. */
    NOTICE,
    /** This transport was closed. */
    CLOSED
  }

  private final Kind kind;
  private final int rank;
  private final byte[] notice;

  private TransportException(Kind kind, int rank, String message, byte[] notice, Throwable cause) {
    super(message, cause);
    this.kind = kind;
    this.rank = rank;
    this.notice = notice;
  }

  /** The connection to {@code rank} closed. */
  public static TransportException lost(int rank, String how, Throwable cause) {
    return new TransportException(Kind.LOST, rank, how, null, cause);
  }

  /** No progress between this rank and {@code rank} before the deadline. */
  public static TransportException silent(int rank) {
    return new TransportException(
        Kind.SILENT, rank, "nothing arrived before the deadline", null, null);
  }

  /** {@code rank} had closed its transport. */
  public static TransportException departed(int rank) {
    return new TransportException(Kind.DEPARTED, rank, "closed by the rank", null, null);
  }

  /** {@code rank} sent a notice that ends the exchange. */
  public static TransportException notice(int rank, byte[] notice) {
    return new TransportException(Kind.NOTICE, rank, "sent by the rank", notice, null);
  }

  /** This transport was closed, by rank {@code rank} itself. */
  public static TransportException closed(int rank) {
    return new TransportException(Kind.CLOSED, rank, "closed", null, null);
  }

  public Kind kind() {
    return kind;
  }

  /** The rank concerned. */
  public int rank() {
    return rank;
  }

  /** The rank's notice, for {@link Kind#NOTICE}. */
  public byte[] notice() {
    return notice.clone();
  }
}
