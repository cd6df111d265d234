package dev.firesteel.collective;

import java.io.IOException;

/** Frames that cannot be moved, and the rank that is concerned. */
public final class TransportException extends IOException {
  private static final long serialVersionUID = 1L;

  /** Why. */
  public enum Kind {
    /** The connection to the rank ended unannounced. */
    LOST,
    /** The rank moved nothing until the deadline. */
    SILENT,
    /** The rank closed its transport in order, but more was expected of it. */
    DEPARTED,
    /** A notice of the rank came: {@link #notice}. */
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

  /** The connection to {@code rank} ended. */
  public static TransportException lost(int rank, String how, Throwable cause) {
    return new TransportException(Kind.LOST, rank, how, null, cause);
  }

  /** Nothing moved between this rank and {@code rank} until the deadline. */
  public static TransportException silent(int rank) {
    return new TransportException(
        Kind.SILENT, rank, "nothing came before the deadline", null, null);
  }

  /** {@code rank} had closed its transport. */
  public static TransportException departed(int rank) {
    return new TransportException(Kind.DEPARTED, rank, "closed by the rank", null, null);
  }

  /** {@code rank} told something that ends the exchange. */
  public static TransportException notice(int rank, byte[] notice) {
    return new TransportException(Kind.NOTICE, rank, "told by the rank", notice, null);
  }

  /** This transport was closed, by rank {@code rank} itself. */
  public static TransportException closed(int rank) {
    return new TransportException(Kind.CLOSED, rank, "closed", null, null);
  }

  public Kind kind() {
    return kind;
  }

  /** The rank that is concerned. */
  public int rank() {
    return rank;
  }

  /** What the rank told, for {@link Kind#NOTICE}. */
  public byte[] notice() {
    return notice.clone();
  }
}
