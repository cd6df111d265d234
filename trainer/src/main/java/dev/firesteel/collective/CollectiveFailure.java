package dev.firesteel.collective;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;

/**
 * Why a {@link Collective} cannot continue: the first known failure, the same on every rank that
 * learned of it. A rank that detects a failure broadcasts it, so {@code seenBy} in a rank's
 * exception need not be the rank itself; {@code rank} is where to look for the cause.
 *
 * @param kind what happened
 * @param rank the rank that failed or gave up; -1 if none is known
 * @param seenBy the rank that detected it first
 * @param call the call in which it was detected, for instance {@code reduce-scatter of 1000 (call
 *     17)}; empty outside of calls
 * @param step the optimizer step of that call
 * @param reason what was observed, or the reason given by an aborting rank
 */
public record CollectiveFailure(
    Kind kind, int rank, int seenBy, String call, long step, String reason)
    implements Serializable {
  /** Kinds of failures. */
  public enum Kind {
    /** The connection to the rank closed, usually because its process ended. */
    LOST,
    /** The rank did not answer before the deadline. */
    SILENT,
    /** A frame from the rank failed its checksum. */
    DAMAGED,
    /** The rank is in a different call, step or attempt. */
    DESYNCHRONISED,
    /** The rank called {@link Collective#abort}, or had an error of its own. */
    ABORTED,
    /** The rank closed its collective while others still needed it. */
    DEPARTED,
    /** The rank could not be reached while the ranks were connecting. */
    UNREACHABLE,
    /** The rank rejected this process: it belongs to another run or attempt. */
    REFUSED,
    /** This rank closed its collective. */
    CLOSED
  }

  /** The maximum length of a reason sent to other ranks. */
  private static final int MAX_REASON = 4000;

  /** A one-line message. */
  public String message() {
    String where = call.isEmpty() ? "" : " in %s at step %d".formatted(call, step);
    String what =
        switch (kind) {
          case LOST -> "rank %d was lost%s: %s".formatted(rank, where, reason);
          case SILENT -> "rank %d did not answer%s: %s".formatted(rank, where, reason);
          case DAMAGED -> "damaged frame from rank %d%s: %s".formatted(rank, where, reason);
          case DESYNCHRONISED ->
              "rank %d is out of step with the others%s: %s".formatted(rank, where, reason);
          case ABORTED -> "rank %d gave up: %s".formatted(rank, reason);
          case DEPARTED -> "rank %d had closed its collective%s".formatted(rank, where);
          case UNREACHABLE -> "rank %d cannot be reached: %s".formatted(rank, reason);
          case REFUSED -> "rank %d refused this process: %s".formatted(rank, reason);
          case CLOSED -> "the collective of rank %d is closed".formatted(rank);
        };
    return rank == seenBy || seenBy < 0 ? what : what + " (seen by rank %d)".formatted(seenBy);
  }

  byte[] toBytes() {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (DataOutputStream out = new DataOutputStream(bytes)) {
      out.writeUTF(kind.name());
      out.writeInt(rank);
      out.writeInt(seenBy);
      out.writeUTF(call);
      out.writeLong(step);
      out.writeUTF(reason.substring(0, Math.min(reason.length(), MAX_REASON)));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  static CollectiveFailure fromBytes(byte[] bytes) {
    try (DataInputStream in = new DataInputStream(new ByteArrayInputStream(bytes))) {
      return new CollectiveFailure(
          Kind.valueOf(in.readUTF()),
          in.readInt(),
          in.readInt(),
          in.readUTF(),
          in.readLong(),
          in.readUTF());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
