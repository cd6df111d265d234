package dev.firesteel.collective;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;

/**
 * Why a {@link Collective} cannot go on: the first failure that is known, the same on every rank
 * that learnt of it. A rank that sees a failure tells it to all others, so {@code seenBy} of what a
 * rank throws need not be the rank itself; {@code rank} is where to look for the cause.
 *
 * @param kind what happened
 * @param rank the rank that failed, gave up or is concerned; -1 if none is known
 * @param seenBy the rank that saw it first
 * @param call the call in which it was seen, for instance {@code reduce-scatter of 1000 (call 17)};
 *     empty outside of calls
 * @param step the optimizer step of that call
 * @param reason what was seen, or the reason that an aborting rank gave
 */
public record CollectiveFailure(
    Kind kind, int rank, int seenBy, String call, long step, String reason)
    implements Serializable {
  /** Kinds of failures. */
  public enum Kind {
    /** The connection to the rank ended: most often its process did. */
    LOST,
    /** The rank did not answer before the deadline. */
    SILENT,
    /** A frame of the rank does not fit its checksum. */
    DAMAGED,
    /** The rank is in another call, at another step or in another attempt. */
    DESYNCHRONISED,
    /** The rank called {@link Collective#abort}, or met an error of its own. */
    ABORTED,
    /** The rank closed its collective while others still needed it. */
    DEPARTED,
    /** The rank could not be reached when the ranks connected. */
    UNREACHABLE,
    /** The rank did not accept this process: of another run or attempt. */
    REFUSED,
    /** This rank closed its collective. */
    CLOSED
  }

  /** As much of a reason as travels to other ranks. */
  private static final int MAX_REASON = 4000;

  /** One sentence. */
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
