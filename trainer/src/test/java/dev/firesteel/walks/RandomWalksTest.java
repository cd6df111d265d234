package dev.firesteel.walks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.firesteel.example.TrainedTokens;
import dev.firesteel.reward.RewardFailures;
import dev.firesteel.reward.Rewards;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The exact numbers of the task, from {@code benchmarks/src/main/python/rl_oracle.py walks}. */
class RandomWalksTest {

  @Test
  void shortestWalks() {
    int[] shortest = Arrays.stream(RandomWalks.starts()).map(RandomWalks::shortest).toArray();
    assertThat(shortest)
        .containsExactly(3, 4, 2, 4, 3, 5, 5, 3, 3, 3, 4, 4, 2, 5, 4, 4, 4, 3, 4, 4);
  }

  @Test
  void uniformWalk() {
    RandomWalks.Exact exact = RandomWalks.uniform();
    assertThat(exact.reward()).isCloseTo(0.3462256995104408, within(1e-12));
    assertThat(exact.kl()).isCloseTo(0, within(1e-12));
  }

  @ParameterizedTest
  @CsvSource({
    "0.01, 0.9999999814, 1.9385069171, 0.9806149122",
    "0.05, 0.9954278632, 1.8188718934, 0.9044842685",
    "0.1, 0.9748676586, 1.5408443765, 0.8207832210",
    "0.25, 0.8605124695, 0.8795485172, 0.6406253402",
    "0.5, 0.6623187598, 0.3127557140, 0.5059409028",
    "1, 0.5068105566, 0.0814744256, 0.4253361310",
    "2, 0.4247377625, 0.0198709936, 0.3849957753",
  })
  void optimum(double beta, double reward, double kl, double objective) {
    RandomWalks.Exact exact = RandomWalks.optimum(beta);
    assertThat(exact.reward()).isCloseTo(reward, within(1e-9));
    assertThat(exact.kl()).isCloseTo(kl, within(1e-9));
    assertThat(exact.objective()).isCloseTo(objective, within(1e-9));
  }

  /** The sum over all walks of probability and reward is that of lengths. */
  @Test
  void rewardsOfAllWalksHaveTheExactMean() {
    double sum = 0;
    for (int start : RandomWalks.starts()) {
      sum += expected(start, new int[0], start, 1);
    }
    assertThat(sum / RandomWalks.starts().length)
        .isCloseTo(RandomWalks.uniform().reward(), within(1e-12));
  }

  private static double expected(int start, int[] before, int node, double probability) {
    if (before.length == RandomWalks.MAX_COMPLETION || (before.length > 0 && node == 0)) {
      return probability * RandomWalks.reward(start, before);
    }
    int[] ways = RandomWalks.neighbors(node);
    double sum = 0;
    for (int to : ways) {
      int[] walk = Arrays.copyOf(before, before.length + 1);
      walk[before.length] = to;
      sum += expected(start, walk, to, probability / ways.length);
    }
    return sum;
  }

  @Test
  void rewardsOfSingleWalks() {
    assertThat(RandomWalks.reward(13, 0)).isEqualTo(1);
    assertThat(RandomWalks.reward(1, 3, 0)).isEqualTo(1);
    assertThat(RandomWalks.reward(1, 9, 13, 0)).isEqualTo(6 / 7.0);
    assertThat(RandomWalks.reward(1, 0)).isZero(); // no such way
    assertThat(RandomWalks.reward(1, 3, 11, 1, 3)).isZero(); // does not arrive
    assertThat(RandomWalks.reward(1)).isZero();
    assertThat(RandomWalks.reward(1, 3, 11, 1, 3, 11, 1, 9, 13, 0)).isZero(); // ten nodes
  }

  @Test
  void rewardFunctionReadsTexts() {
    Rewards rewards =
        Rewards.of(List.of(RandomWalks.Reward.class.getName()), RewardFailures.stop());
    assertThat(rewards.names()).containsExactly("random_walks_reward");
    double[] total =
        rewards
            .score(
                List.of(RandomWalks.scored(1, 9, 13, 0), RandomWalks.scored(1, 9, 13)),
                new long[] {1, 1},
                new double[0])
            .total();
    assertThat(total).containsExactly(6 / 7.0, 0);
    assertThat(RandomWalks.nodes(RandomWalks.text(1, 9, 13, 0))).containsExactly(1, 9, 13, 0);
  }

  @Test
  void sampledWalksAreUniform() {
    List<TrainedTokens> walks = RandomWalks.walks(4000, 1);
    assertThat(RandomWalks.walks(10, 1)).isEqualTo(walks.subList(0, 10));
    double sum = 0;
    for (TrainedTokens walk : walks) {
      int[] nodes = walk.tokens();
      assertThat(nodes.length).isBetween(2, RandomWalks.MAX_NODES);
      assertThat(walk.trainedCount()).isEqualTo(nodes.length - 1);
      sum += RandomWalks.reward(nodes[0], Arrays.copyOfRange(nodes, 1, nodes.length));
    }
    assertThat(sum / walks.size()).isCloseTo(RandomWalks.uniform().reward(), within(0.03));
  }
}
