package dev.firesteel.error;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class UserExceptionTest {
  @Test
  void aMessageIsOneLineWithoutControlCharacters() {
    assertThat(UserException.failure("tensor a\u001b[31m\r\n\u0085, got \u00e9\ud83d\ude42"))
        .hasMessage("tensor a\\u001b[31m\\u000d\\u000a\\u0085, got \u00e9\ud83d\ude42");
  }

  @Test
  void aLongMessageIsCut() {
    assertThat(UserException.usage("x".repeat(2000))).hasMessage("x".repeat(2000));
    assertThat(UserException.usage("x".repeat(5000))).hasMessage("x".repeat(2000) + "...");
    assertThat(UserException.usage("\u0000".repeat(1999)).getMessage()).hasSize(2003);
  }
}
