package dev.firesteel.skills;

import dev.firesteel.random.RandomStream;

/**
 * A task with one right answer of several characters, drawn at random. Whether an answer is right
 * jumps as a model improves, because every character must be right: if each is with probability p,
 * the whole is with {@code p^length} (Schaeffer et al. 2023, arXiv:2304.15004).
 */
public enum Skill {
  /** {@code "copy hgfbca:"}, {@code "hgfbca"}: 6 to 12 letters of 8. */
  COPY {
    @Override
    Problem draw(RandomStream randomness) {
      String letters = letters(randomness, 6 + randomness.nextInt(7), "abcdefgh");
      return new Problem(this, "copy " + letters + ":", letters);
    }
  },

  /** {@code "add 387+46:"}, {@code "433"}: two numbers of up to 3 digits. */
  ADDITION {
    @Override
    Problem draw(RandomStream randomness) {
      int first = randomness.nextInt(1000);
      int second = randomness.nextInt(1000);
      return new Problem(
          this, "add " + first + "+" + second + ":", Integer.toString(first + second));
    }
  },

  /** {@code "close ([(<:"}, {@code ">)])"}: 4 to 10 brackets of four kinds, braces too. */
  BRACKETS {
    @Override
    Problem draw(RandomStream randomness) {
      String open = letters(randomness, 4 + randomness.nextInt(7), OPENING);
      StringBuilder closed = new StringBuilder();
      for (int i = open.length() - 1; i >= 0; i--) {
        closed.append(CLOSING.charAt(OPENING.indexOf(open.charAt(i))));
      }
      return new Problem(this, "close " + open + ":", closed.toString());
    }
  };

  private static final String OPENING = "([{<";
  private static final String CLOSING = ")]}>";

  /** One problem in so many is kept for tests. */
  private static final int TEST_PARTS = 10;

  /** A problem, whether it is of the test or not. */
  abstract Problem draw(RandomStream randomness);

  private static String letters(RandomStream randomness, int length, String of) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < length; i++) {
      text.append(of.charAt(randomness.nextInt(of.length())));
    }
    return text.toString();
  }

  /**
   * A problem of the text or of the test, which have none in common: each belongs to one of them by
   * the hash of its prompt.
   *
   * @param test whether it is for tests
   * @param index which one; the same one for the same seed and index
   */
  public Problem problem(long seed, boolean test, long index) {
    RandomStream randomness =
        RandomStream.of(seed, "skills/" + name() + (test ? "/test" : "/text"), index);
    while (true) {
      Problem problem = draw(randomness);
      long hash = RandomStream.key(0, "skills/problem " + problem.prompt());
      if ((Math.floorMod(hash, (long) TEST_PARTS) == 0) == test) {
        return problem;
      }
    }
  }

  /**
   * A problem.
   *
   * @param prompt what a model is given
   * @param answer the one right continuation, after which the document ends
   */
  public record Problem(Skill skill, String prompt, String answer) {}
}
