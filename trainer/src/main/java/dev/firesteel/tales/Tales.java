package dev.firesteel.tales;

import dev.firesteel.random.RandomStream;
import dev.firesteel.tales.Sentence.Role;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Short stories from a grammar: everything is a function of (seed, purpose, index), so tales can be
 * written in any order, on any machine. Immutable.
 *
 * <p>The hero, its name and trait, the wish, the obstacle and the outcome are fixed by the first
 * sentences and hold throughout; the rest is drawn sentence by sentence. Flaws are drawn apart from
 * all that, so the same index with other flaws is the same tale but for these.
 */
public final class Tales {
  /** The first role after {@link Flaw#HERO_CHANGES}. */
  private static final Role CHANGE = Role.OUTCOME;

  private static final double SECOND_FLAW = 0.25;

  private final long seed;
  private final String purpose;

  /**
   * @param purpose what the tales are for; tales of different purposes are unrelated
   */
  public Tales(long seed, String purpose) {
    this.seed = seed;
    this.purpose = "tales/" + purpose;
  }

  /** A clean tale that holds all that its request asks for. */
  public Tale tale(long index) {
    return tale(index, Set.of());
  }

  /** The tale of an index with flaws. */
  public Tale tale(long index, Set<Flaw> flaws) {
    return answer(request(index), index, flaws);
  }

  /** The request of an index. */
  public TaleRequest request(long index) {
    return request(index, any -> true);
  }

  /** The first request of an index that is accepted. */
  TaleRequest request(long index, Predicate<TaleRequest> accepted) {
    RandomStream randomness = stream(index, "request");
    TaleRequest request = TaleRequest.draw(randomness);
    while (!accepted.test(request)) {
      request = TaleRequest.draw(randomness);
    }
    return request;
  }

  /** A tale with flaws for a given request; the index chooses all else. */
  public Tale answer(TaleRequest request, long index, Set<Flaw> flaws) {
    return new Tale(
        request,
        request.prompt(stream(index, "phrasing")),
        text(facts(request, index), outcome(request, flaws), index, flaws),
        flaws);
  }

  /**
   * Random flaws.
   *
   * @param text probability that there are {@linkplain Flaw#OF_TEXT flaws of the text}: one, or two
   *     in a quarter of these
   * @param answer probability of each {@linkplain Flaw#OF_ANSWER flaw of the answer}
   */
  public Set<Flaw> flaws(long index, double text, double answer) {
    RandomStream randomness = stream(index, "flaws");
    Set<Flaw> flaws = EnumSet.noneOf(Flaw.class);
    if (randomness.nextDouble() < text) {
      List<Flaw> kinds = new ArrayList<>(Flaw.OF_TEXT);
      flaws.add(kinds.remove(randomness.nextInt(kinds.size())));
      if (randomness.nextDouble() < SECOND_FLAW) {
        flaws.add(kinds.get(randomness.nextInt(kinds.size())));
      }
    }
    for (Flaw flaw : Flaw.OF_ANSWER) {
      if (randomness.nextDouble() < answer) {
        flaws.add(flaw);
      }
    }
    return flaws;
  }

  private RandomStream stream(long index, String use) {
    return RandomStream.of(seed, purpose + "/" + use, index);
  }

  private static Outcome outcome(TaleRequest request, Set<Flaw> flaws) {
    return flaws.contains(Flaw.OTHER_OUTCOME) ? request.outcome().other() : request.outcome();
  }

  /** The words that hold throughout a clean tale, by slot. */
  private Map<String, String> facts(TaleRequest request, long index) {
    RandomStream randomness = stream(index, "facts");
    Map<String, String> facts = new LinkedHashMap<>();
    for (String slot : List.of("name", "trait", "obstacle")) {
      List<String> words = Words.SLOTS.get(slot);
      String random = words.get(randomness.nextInt(words.size()));
      facts.put(slot, request.details().getOrDefault(slot, random));
    }
    facts.put("hero", request.hero());
    facts.put("wish", request.wish());
    return facts;
  }

  private String text(Map<String, String> facts, Outcome outcome, long index, Set<Flaw> flaws) {
    if (flaws.contains(Flaw.OTHER_HERO)) {
      replace(facts, "hero", stream(index, "other hero"));
    }
    if (flaws.contains(Flaw.OTHER_WISH)) {
      replace(facts, "wish", stream(index, "other wish"));
    }
    List<String> sentences = new ArrayList<>();
    boolean breaksOff = flaws.contains(Flaw.BREAKS_OFF);
    List<Role> roles = roles(index);
    for (Role role : roles) {
      if (breaksOff && role.compareTo(Role.OUTCOME) >= 0) {
        break;
      }
      if (role == CHANGE && flaws.contains(Flaw.HERO_CHANGES)) {
        RandomStream randomness = stream(index, "another hero");
        replace(facts, "hero", randomness);
        replace(facts, "name", randomness);
      }
      sentences.add(Grammar.write(role, outcome, facts, stream(index, "sentence " + role)));
    }
    if (flaws.contains(Flaw.BROKEN_SENTENCE)) {
      RandomStream randomness = stream(index, "broken sentence");
      int broken = lastAtMost(randomness.nextInt(roles.size()), sentences);
      sentences.set(broken, breakGrammar(sentences.get(broken), randomness));
    }
    if (flaws.contains(Flaw.REPEATED_SENTENCE)) {
      int repeated =
          lastAtMost(stream(index, "repeated sentence").nextInt(roles.size()), sentences);
      sentences.add(repeated + 1, sentences.get(repeated));
    }
    if (!breaksOff) {
      sentences.add(Grammar.ENDING);
    }
    return String.join(" ", sentences);
  }

  /** A sentence that a tale that breaks off does not have is replaced by its last one. */
  private static int lastAtMost(int chosen, List<String> sentences) {
    return Math.min(chosen, sentences.size() - 1);
  }

  /** The required roles and one of the others, or none. */
  private List<Role> roles(long index) {
    List<Role> roles = new ArrayList<>(List.of(Role.values()));
    List<Role> optional = roles.stream().filter(role -> !role.isRequired()).toList();
    int chosen = stream(index, "roles").nextInt(optional.size() + 1);
    roles.removeIf(role -> !role.isRequired() && optional.indexOf(role) != chosen);
    return roles;
  }

  private static void replace(Map<String, String> facts, String slot, RandomStream randomness) {
    List<String> others = new ArrayList<>(Words.SLOTS.get(slot));
    others.remove(facts.get(slot));
    facts.put(slot, others.get(randomness.nextInt(others.size())));
  }

  /** Removes a word, doubles one, or exchanges two neighbors, until the grammar rejects it. */
  private static String breakGrammar(String sentence, RandomStream randomness) {
    while (true) {
      List<String> words =
          new ArrayList<>(List.of(sentence.substring(0, sentence.length() - 1).split(" ")));
      int at = randomness.nextInt(words.size() - 1);
      switch (randomness.nextInt(3)) {
        case 0 -> words.remove(at);
        case 1 -> words.add(at, words.get(at));
        default -> Collections.swap(words, at, at + 1);
      }
      String broken = String.join(" ", words) + ".";
      if (Grammar.parse(broken).isEmpty()) {
        return broken;
      }
    }
  }
}
