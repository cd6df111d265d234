package dev.firesteel.stage;

import dev.firesteel.data.DocumentRows;
import dev.firesteel.example.Example;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.generate.Rollout;
import dev.firesteel.loss.TokenGroups;
import dev.firesteel.reward.ScoredText;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * The completions of a step, each after its prompt. Their sampled tokens are the <em>actions</em>,
 * numbered in the order of the completions: arrays of a step have a number for each.
 */
final class Episodes {
  private final List<Rollout> rollouts;
  private final List<TrainedTokens> documents = new ArrayList<>();
  private final int[] offsets;
  private final TokenGroups actions;

  Episodes(List<Rollout> rollouts) {
    this.rollouts = List.copyOf(rollouts);
    offsets = new int[rollouts.size() + 1];
    for (int i = 0; i < rollouts.size(); i++) {
      documents.add(document(rollouts.get(i)));
      offsets[i + 1] = offsets[i] + rollouts.get(i).completion().length;
    }
    int[] groups = new int[offsets[rollouts.size()]];
    for (int i = 0; i < rollouts.size(); i++) {
      Arrays.fill(groups, offsets[i], offsets[i + 1], i);
    }
    actions = TokenGroups.of(groups, rollouts.size());
  }

  private static TrainedTokens document(Rollout rollout) {
    int[] prompt = rollout.prompt();
    int[] completion = rollout.completion();
    int[] tokens = Arrays.copyOf(prompt, prompt.length + completion.length);
    System.arraycopy(completion, 0, tokens, prompt.length, completion.length);
    boolean[] trained = new boolean[tokens.length];
    Arrays.fill(trained, prompt.length, tokens.length, true);
    return new TrainedTokens(tokens, trained);
  }

  /** Completions. */
  int size() {
    return rollouts.size();
  }

  /** Each prompt with its completion, of which all tokens are trained. */
  List<TrainedTokens> documents() {
    return documents;
  }

  /** Tokens of all documents. */
  long tokens() {
    return documents.stream().mapToLong(TrainedTokens::length).sum();
  }

  /** The completion that each action belongs to. */
  TokenGroups actions() {
    return actions;
  }

  /** Whether the model ended each completion. */
  boolean[] ended() {
    boolean[] ended = new boolean[rollouts.size()];
    for (int i = 0; i < ended.length; i++) {
      ended[i] = rollouts.get(i).ended();
    }
    return ended;
  }

  /** The actions of some completions, as those of a batch of their own. */
  TokenGroups actionsOf(int... completions) {
    int[] groups = new int[Arrays.stream(completions).map(actions::length).sum()];
    int at = 0;
    for (int i = 0; i < completions.length; i++) {
      Arrays.fill(groups, at, at + actions.length(completions[i]), i);
      at += actions.length(completions[i]);
    }
    return TokenGroups.of(groups, completions.length);
  }

  /**
   * Numbers of actions at their places in rows, which are those of the tokens before them: there
   * the model gave the action's probability, and its state had a value.
   *
   * @param rows of some completions
   * @param completions which
   * @param ofActions a number for each action of the step
   */
  double[] toRows(DocumentRows rows, int[] completions, double[] ofActions) {
    double[] placed = new double[rows.ids().length];
    int length = rows.layout().tokens();
    for (int row = 0; row < completions.length; row++) {
      int action = offsets[completions[row]];
      for (int at = row * length; at < (row + 1) * length; at++) {
        if (rows.targets()[at] >= 0) {
          placed[at] = ofActions[action++];
        }
      }
    }
    return placed;
  }

  /** The reverse of {@link #toRows}: numbers of the actions in rows, in order. */
  static double[] fromRows(DocumentRows rows, double[] ofRows) {
    double[] actions = new double[ofRows.length];
    int count = 0;
    for (int at = 0; at < ofRows.length; at++) {
      if (rows.targets()[at] >= 0) {
        actions[count++] = ofRows[at];
      }
    }
    return Arrays.copyOf(actions, count);
  }

  /**
   * The texts of completions.
   *
   * @param examples whose prompts they are of
   */
  static List<ScoredText> texts(
      List<Rollout> rollouts, List<Example> examples, Tokenizer tokenizer) {
    List<ScoredText> texts = new ArrayList<>();
    for (int i = 0; i < rollouts.size(); i++) {
      int[] completion = rollouts.get(i).completion();
      int end = completion.length - (rollouts.get(i).ended() ? 1 : 0);
      texts.add(
          new ScoredText(
              tokenizer.decode(rollouts.get(i).prompt()),
              tokenizer.decode(Arrays.copyOf(completion, end)),
              completion.length,
              rollouts.get(i).ended(),
              examples.get(i).fields()));
    }
    return texts;
  }
}
