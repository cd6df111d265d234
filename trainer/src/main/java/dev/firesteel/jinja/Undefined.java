package dev.firesteel.jinja;

/**
 * The value of what is not there: written as nothing, false, without elements, and an error in
 * everything else.
 *
 * @param reason what an error says
 */
record Undefined(String reason) {
  JinjaException used() {
    return new JinjaException(0, reason);
  }
}
