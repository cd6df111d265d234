package dev.firesteel.serve;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

import dev.firesteel.error.UserException;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.junit.jupiter.api.Test;

class ServerErrorsTest {
  /** As when the search for passages fails: the answer waits for its future. */
  @Test
  void aFailureThatAFuturePassesOnIsTheSameError() {
    CompletableFuture<String> found =
        CompletableFuture.failedFuture(UserException.usage("the prompt must be shorter"));
    Throwable passedOn = catchThrowable(() -> found.thenApply(String::length).join());

    assertThat(passedOn).isInstanceOf(CompletionException.class);
    assertThat(ServerErrors.of(passedOn, "/v1/chat/completions"))
        .isInstanceOf(ApiException.class)
        .hasMessage("the prompt must be shorter");
    ApiException own = ApiException.invalid("a field must be a number");
    assertThat(ServerErrors.of(new CompletionException(own), "/rate/pair")).isSameAs(own);
  }
}
