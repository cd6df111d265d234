package dev.firesteel.stage;

import dev.firesteel.collective.Collective;
import dev.firesteel.generate.Rollout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Work on a list that the ranks share in equal parts, in their order, so that joined results are in
 * the order of the list for any number of ranks.
 */
final class RankShare {
  private final Collective collective;

  RankShare(Collective collective) {
    this.collective = collective;
  }

  /** This rank's part of a list. */
  <T> List<T> of(List<T> all) {
    return all.subList(
        begin(all.size(), collective.rank()), begin(all.size(), collective.rank() + 1));
  }

  /** The index in a list of {@code size} of this rank's first element. */
  int begin(int size) {
    return begin(size, collective.rank());
  }

  private int begin(int size, int rank) {
    return (int) ((long) size * rank / collective.worldSize());
  }

  /** The numbers of all ranks, in their order. */
  double[] join(double[] mine) {
    return Arrays.stream(collective.allGather(mine)).flatMapToDouble(Arrays::stream).toArray();
  }

  /** The completions of all ranks, in their order. */
  List<Rollout> join(List<int[]> prompts, List<Rollout> mine) {
    int size = mine.stream().mapToInt(one -> 2 + one.completion().length).sum();
    ByteBuffer bytes = ByteBuffer.allocate(size * Integer.BYTES);
    for (Rollout one : mine) {
      int[] tokens = one.completion();
      bytes.putInt(tokens.length).putInt(one.ended() ? 1 : 0);
      for (int token : tokens) {
        bytes.putInt(token);
      }
    }
    List<Rollout> joined = new ArrayList<>();
    for (byte[] part : collective.allGather(bytes.array())) {
      ByteBuffer in = ByteBuffer.wrap(part);
      while (in.hasRemaining()) {
        int[] tokens = new int[in.getInt()];
        boolean ended = in.getInt() == 1;
        for (int i = 0; i < tokens.length; i++) {
          tokens[i] = in.getInt();
        }
        joined.add(new Rollout(prompts.get(joined.size()), tokens, ended));
      }
    }
    return joined;
  }
}
