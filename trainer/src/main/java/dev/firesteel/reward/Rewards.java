package dev.firesteel.reward;

import dev.firesteel.error.UserException;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The reward of completions: a weighted sum of reward functions, {@code reward = sum weight score}.
 * What is trained on and what is reported as reward is this one sum. Confined to one thread.
 *
 * <p>Each function is one of the following, and may be preceded by {@code weight *}, such as {@code
 * 0.5 * com.example.Politeness}; the weight is 1 if there is none:
 *
 * <ul>
 *   <li>the name of a class that implements {@link RewardFunction}, with its package, or without it
 *       for one of this package ({@code ExactMatchReward});
 *   <li>{@code model}: the score of the run's reward model, which the caller computes.
 * </ul>
 *
 * <p>Everything else is an expression over the completion, with its factors in it: {@code
 * -abs(length - 60) / 60 + 2 * contains("The end.")}; its weight is 1.
 */
public final class Rewards {
  private static final String NUMBER = "[+-]?(?:\\d+\\.?\\d*|\\.\\d+)(?:[eE][+-]?\\d+)?";
  private static final String NAME = "[\\p{L}_$][\\p{L}\\p{N}_$]*";

  /** A weight and a qualified name, a name of this package's style, or the reward model. */
  private static final Pattern FUNCTION =
      Pattern.compile(
          "(?:("
              + NUMBER
              + ")\\s*\\*\\s*)?(model|"
              + NAME
              + "(?:\\."
              + NAME
              + ")+|\\p{Lu}[\\p{L}\\p{N}_]*Reward)");

  private static final String MODEL = "model";
  private static final int SHOWN_CHARACTERS = 60;

  /** One function; {@code function} is null for the reward model. */
  private record Term(String name, String spec, double weight, RewardFunction function) {}

  private final List<Term> terms;
  private final RewardFailures failures;

  private Rewards(List<Term> terms, RewardFailures failures) {
    this.terms = List.copyOf(terms);
    this.failures = failures;
  }

  /**
   * Makes the functions of a configuration.
   *
   * @param specs at least one function, see above
   * @param failures what happens when one fails
   * @throws UserException if one of them is neither a class that can be made nor an expression
   */
  public static Rewards of(List<String> specs, RewardFailures failures) {
    if (specs.isEmpty()) {
      throw UserException.usage(
          "rewards must name at least one reward function, got none: give a class, an expression or"
              + " `model`");
    }
    List<Term> terms = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (String spec : specs) {
      terms.add(term(spec.strip(), names));
    }
    return new Rewards(terms, failures);
  }

  private static Term term(String spec, Set<String> names) {
    Matcher parts = FUNCTION.matcher(spec);
    if (!parts.matches()) {
      return new Term(unique("expression", names), spec, 1, RewardExpression.parse(spec));
    }
    double weight = parts.group(1) == null ? 1 : Double.parseDouble(parts.group(1));
    if (!Double.isFinite(weight)) {
      throw UserException.usage("the reward `" + spec + "` must have a finite weight");
    }
    String name = parts.group(2);
    if (name.equals(MODEL)) {
      if (!names.add(MODEL)) {
        throw UserException.usage("rewards must name the reward model once, got it twice: " + spec);
      }
      return new Term(MODEL, spec, weight, null);
    }
    String simple = name.substring(name.lastIndexOf('.') + 1);
    String snake = simple.replaceAll("(?<=[\\p{Ll}\\p{N}])(?=\\p{Lu})|\\W", "_");
    return new Term(
        unique(snake.toLowerCase(Locale.ROOT), names), spec, weight, RewardClass.make(name));
  }

  private static String unique(String name, Set<String> names) {
    String one = name;
    for (int i = 2; !names.add(one); i++) {
      one = name + "_" + i;
    }
    return one;
  }

  /** The names under which the functions' scores are reported, in order. */
  public List<String> names() {
    return terms.stream().map(Term::name).toList();
  }

  /** Whether the reward model is among them. */
  public boolean usesModel() {
    return terms.stream().anyMatch(term -> term.function == null);
  }

  /**
   * Evaluates the expressions once before the run begins: whether their variables exist and their
   * values are numbers depends on the fields of the data. Classes are not called.
   *
   * @param example a made-up completion of a prompt of the data
   * @throws UserException if one of them has no value
   */
  public void check(ScoredText example) {
    for (Term term : terms) {
      if (term.function instanceof RewardExpression expression) {
        expression.check(example);
      }
    }
  }

  /**
   * The rewards of completions.
   *
   * @param completions of any prompts
   * @param prompts the number of each completion's prompt, for messages
   * @param model the reward model's scores; empty unless {@link #usesModel}
   * @throws UserException if a function fails and that stops the run
   */
  public Scores score(List<ScoredText> completions, long[] prompts, double[] model) {
    int count = completions.size();
    if (prompts.length != count || model.length != (usesModel() ? count : 0)) {
      throw new IllegalArgumentException(
          "reward: there must be a prompt's number for each of "
              + count
              + " completions, and a score of the reward model if it is used, got "
              + prompts.length
              + " and "
              + model.length);
    }
    double[] total = new double[count];
    double[][] ofFunctions = new double[terms.size()][];
    List<String> failed = new ArrayList<>();
    for (int i = 0; i < ofFunctions.length; i++) {
      Term term = terms.get(i);
      FunctionScores one =
          term.function == null
              ? FunctionScores.checked(model)
              : FunctionScores.call(term.function, completions);
      ofFunctions[i] = one.scores();
      for (int j = 0; j < count; j++) {
        if (one.failure(j) != null) {
          String message = message(term, completions.get(j), prompts[j], one.failure(j));
          if (failures.substitute().isEmpty()) {
            throw UserException.failure(
                message + "; correct the function, or count failures and choose a score for them",
                one.cause(j));
          }
          failed.add(message);
          ofFunctions[i][j] = failures.substitute().getAsDouble();
        }
        total[j] += term.weight * ofFunctions[i][j];
      }
    }
    return new Scores(total, ofFunctions, failed);
  }

  private static String message(Term term, ScoredText completion, long prompt, String failure) {
    return "the reward function `"
        + term.spec
        + "` failed on a completion of prompt "
        + prompt
        + " (`"
        + shown(completion.completion())
        + "`): "
        + failure;
  }

  private static String shown(String text) {
    String line = text.replaceAll("\\s+", " ");
    int end = Math.min(line.length(), SHOWN_CHARACTERS);
    return end == line.length() ? line : line.substring(0, end) + "...";
  }
}
