package dev.firesteel.walks;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import dev.firesteel.example.Example;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.random.RandomStream;
import dev.firesteel.reward.RewardFunction;
import dev.firesteel.reward.ScoredText;
import dev.firesteel.tokenizer.CharTokenizer;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * A task whose optimum is known exactly, to test reinforcement learning with: find a short way to
 * node 0 of a directed graph of 21 nodes in a walk of at most 10 nodes (the task and, with seed
 * 1000, the graph of trlx's {@code examples/randomwalks}). The reward of a walk of n nodes from s,
 * both ends included, is {@code (10 - n) / (10 - shortest(s))}; 0 if it takes a way that is not
 * there, or does not arrive.
 *
 * <p>A model that has learned uniform random walks is the reference. Of all policies, {@code
 * pi(walk | s) = ref(walk | s) exp(reward / beta) / Z(s)} has the greatest {@code E[reward] - beta
 * KL(pi, ref)}, which is {@code beta log Z(s)}. As the reward depends on the length alone, all of
 * these are sums over lengths.
 *
 * <p>Tokens are nodes; that of the goal is the end token, and as text each of the others is a
 * letter from {@code b}. A prompt is the start; a completion has at most 9 tokens.
 */
public final class RandomWalks {
  /** Tokens. */
  public static final int VOCABULARY = 21;

  /** The goal, which ends a walk: the end token. */
  public static final int GOAL = 0;

  /** Most nodes of a walk, the start included. */
  public static final int MAX_NODES = 10;

  /** Most tokens of a completion. */
  public static final int MAX_COMPLETION = MAX_NODES - 1;

  private static final int[][] GRAPH = {
    {0},
    {3, 9, 20},
    {4, 10, 14, 17},
    {0, 11, 19},
    {1, 18},
    {3, 7, 8, 12},
    {2, 16, 17, 20},
    {2},
    {3, 7},
    {13},
    {1, 6, 9, 13},
    {1},
    {1, 4, 5, 6, 7, 18},
    {0, 1},
    {17},
    {9, 20},
    {5, 9},
    {6, 9, 14},
    {3, 20},
    {10},
    {1, 8, 18}
  };

  private static final Tokenizer TOKENIZER =
      CharTokenizer.train(List.of("bcdefghijklmnopqrstu").iterator()).withEndOfText();

  private RandomWalks() {}

  /**
   * What is exactly true of a policy, as means over the starts 1 to 20.
   *
   * @param reward E[reward]
   * @param kl KL divergence of walks from those of the uniform policy, in nats
   * @param objective reward - beta kl
   */
  public record Exact(double reward, double kl, double objective) {}

  /** The starts, in order: the prompts. */
  public static int[] starts() {
    int[] starts = new int[VOCABULARY - 1];
    Arrays.setAll(starts, i -> i + 1);
    return starts;
  }

  /** Where a walk can go from a node. */
  public static int[] neighbors(int node) {
    return GRAPH[node].clone();
  }

  /** Nodes of the shortest walk from a start, both ends included. */
  public static int shortest(int start) {
    double[] ofLengths = lengths(start);
    int nodes = 2;
    while (ofLengths[nodes] == 0) {
      nodes++;
    }
    return nodes;
  }

  /** [MAX_NODES + 1], the probability that a uniform walk arrives with exactly n nodes. */
  private static double[] lengths(int start) {
    double[] arrives = new double[MAX_NODES + 1];
    double[] at = new double[VOCABULARY];
    at[start] = 1;
    for (int nodes = 2; nodes <= MAX_NODES; nodes++) {
      double[] next = new double[VOCABULARY];
      for (int node = 1; node < VOCABULARY; node++) {
        for (int to : GRAPH[node]) {
          next[to] += at[node] / GRAPH[node].length;
        }
      }
      arrives[nodes] = next[GOAL];
      next[GOAL] = 0;
      at = next;
    }
    return arrives;
  }

  private static double reward(int start, int nodes) {
    return (MAX_NODES - nodes) / (double) (MAX_NODES - shortest(start));
  }

  /**
   * The reward of a completion.
   *
   * @param start the prompt
   * @param completion tokens after it, the end token included if it is there
   */
  public static double reward(int start, int... completion) {
    int node = start;
    for (int i = 0; i < completion.length; i++) {
      int to = completion[i];
      if (Arrays.stream(GRAPH[node]).noneMatch(neighbor -> neighbor == to)) {
        return 0;
      }
      if (to == GOAL) {
        return i + 2 <= MAX_NODES ? reward(start, i + 2) : 0;
      }
      node = to;
    }
    return 0;
  }

  /** Of the uniform policy. */
  public static Exact uniform() {
    return tilted(0, 0);
  }

  /** Of the best policy at a KL coefficient. */
  public static Exact optimum(double beta) {
    return tilted(1 / beta, beta);
  }

  private static Exact tilted(double inverse, double beta) {
    double reward = 0;
    double kl = 0;
    for (int start : starts()) {
      double[] ofLengths = lengths(start);
      double arrives = Arrays.stream(ofLengths).sum();
      double partition = 1 - arrives;
      double mean = 0;
      for (int nodes = 2; nodes <= MAX_NODES; nodes++) {
        double one = reward(start, nodes);
        double weight = ofLengths[nodes] * Math.exp(one * inverse);
        partition += weight;
        mean += weight * one;
      }
      reward += mean / partition;
      kl += mean / partition * inverse - Math.log(partition);
    }
    int starts = VOCABULARY - 1;
    return new Exact(reward / starts, kl / starts, (reward - beta * kl) / starts);
  }

  /**
   * Uniform walks to fine-tune a reference on: from random starts, until they arrive or have {@link
   * #MAX_NODES} nodes. All tokens but the first are trained.
   */
  public static List<TrainedTokens> walks(int count, long seed) {
    List<TrainedTokens> walks = new ArrayList<>();
    for (int walk = 0; walk < count; walk++) {
      RandomStream random = RandomStream.of(seed, "random walk", walk);
      int[] nodes = new int[MAX_NODES];
      nodes[0] = 1 + random.nextInt(VOCABULARY - 1);
      int length = 1;
      while (length < MAX_NODES && nodes[length - 1] != GOAL) {
        int[] ways = GRAPH[nodes[length - 1]];
        nodes[length++] = ways[random.nextInt(ways.length)];
      }
      boolean[] trained = new boolean[length];
      Arrays.fill(trained, true);
      walks.add(new TrainedTokens(Arrays.copyOf(nodes, length), trained));
    }
    return walks;
  }

  /** Uniform walks as examples of fine-tuning, see {@link #walks}; in tokens. */
  public static List<Example> examples(int count, long seed) {
    List<Example> examples = new ArrayList<>();
    for (TrainedTokens walk : walks(count, seed)) {
      boolean[] trained = new boolean[walk.length()];
      Arrays.fill(trained, true);
      examples.add(example(new TrainedTokens(tokens(walk.tokens()), trained)));
    }
    return examples;
  }

  /**
   * The starts as prompts, in tokens.
   *
   * @param times how often each
   */
  public static List<Example> prompts(int times) {
    List<Example> prompts = new ArrayList<>();
    for (int time = 0; time < times; time++) {
      for (int start : starts()) {
        prompts.add(example(new TrainedTokens(tokens(start), new boolean[1])));
      }
    }
    return prompts;
  }

  private static Example example(TrainedTokens document) {
    return new Example(List.of(document), JsonNodeFactory.instance.objectNode());
  }

  /** Letters from {@code b} for the nodes from 1, and the end token for the goal. */
  public static Tokenizer tokenizer() {
    return TOKENIZER;
  }

  /** The tokens of nodes. */
  public static int[] tokens(int... nodes) {
    return Arrays.stream(nodes).map(node -> node == GOAL ? VOCABULARY - 1 : node - 1).toArray();
  }

  /** The nodes of tokens. */
  public static int[] ofTokens(int... tokens) {
    return Arrays.stream(tokens).map(token -> token == VOCABULARY - 1 ? GOAL : token + 1).toArray();
  }

  /** The text of nodes, a letter each. */
  public static String text(int... nodes) {
    StringBuilder text = new StringBuilder();
    for (int node : nodes) {
      text.append((char) ('a' + node));
    }
    return text.toString();
  }

  /** The nodes of a text. */
  public static int[] nodes(String text) {
    return text.chars().map(letter -> letter - 'a').toArray();
  }

  /** A completion as a reward function gets it: without the end token. */
  public static ScoredText scored(int start, int... completion) {
    int length = completion.length;
    boolean ended = length > 0 && completion[length - 1] == GOAL;
    return new ScoredText(
        text(start),
        text(ended ? Arrays.copyOf(completion, length - 1) : completion),
        length,
        ended,
        JsonNodeFactory.instance.objectNode());
  }

  /** The task's reward, as users write theirs. */
  public static final class Reward implements RewardFunction {
    /** Makes the function. */
    public Reward() {}

    @Override
    public List<Double> score(List<ScoredText> completions) {
      return completions.stream().map(Reward::score).toList();
    }

    private static double score(ScoredText text) {
      int[] nodes = nodes(text.completion() + (text.ended() ? text(GOAL) : ""));
      return reward(nodes(text.prompt())[0], nodes);
    }
  }
}
