package dev.firesteel.runs;

import dev.firesteel.error.UserException;
import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** Where a run is. */
public enum RunState {
  /** Its process is alive, or has written recently. */
  RUNNING,
  /** It has done all its steps. */
  FINISHED,
  /** It was stopped on request, and can be resumed. */
  STOPPED,
  /** It ended with an error, or was killed. */
  FAILED,
  /** Its files cannot be read. */
  UNKNOWN;

  /**
   * The state of a name, in any case.
   *
   * @throws UserException if there is none
   */
  public static RunState of(String name) {
    return Arrays.stream(values())
        .filter(state -> state.title().equals(name.toLowerCase(Locale.ROOT)))
        .findFirst()
        .orElseThrow(
            () ->
                UserException.usage(
                    "--state must be of %s, got \"%s\""
                        .formatted(
                            Arrays.stream(values())
                                .map(RunState::title)
                                .collect(Collectors.joining(", ")),
                            name)));
  }

  /** The name in lower case. */
  public String title() {
    return name().toLowerCase(Locale.ROOT);
  }
}
