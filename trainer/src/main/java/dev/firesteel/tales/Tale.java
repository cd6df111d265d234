package dev.firesteel.tales;

import java.util.Set;

/**
 * A tale and what was asked.
 *
 * @param request what was asked
 * @param prompt the request in English
 * @param text the tale: sentences separated by spaces
 * @param flaws what is wrong with the text; empty for a clean one
 */
public record Tale(TaleRequest request, String prompt, String text, Set<Flaw> flaws) {
  /** Copies the flaws. */
  public Tale {
    flaws = Set.copyOf(flaws);
  }
}
