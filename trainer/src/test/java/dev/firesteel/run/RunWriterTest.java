package dev.firesteel.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class RunWriterTest {
  private static final Duration LONG = Duration.ofMinutes(1);

  private final CountDownLatch released = new CountDownLatch(1);
  private final List<String> done = Collections.synchronizedList(new ArrayList<>());

  @AfterEach
  void leavesNoThread() throws InterruptedException {
    released.countDown();
    for (Thread thread : Thread.getAllStackTraces().keySet()) {
      if (thread.getName().equals("firesteel-run-files")) {
        thread.join(Duration.ofSeconds(30).toMillis());
        assertThat(thread.isAlive()).isFalse();
      }
    }
  }

  @Test
  void doesItsWorkInOrderOnOneThread() {
    List<Thread> threads = Collections.synchronizedList(new ArrayList<>());
    try (RunWriter writer = new RunWriter(LONG)) {
      writer.atEnd(() -> done.add("end"));
      for (int i = 0; i < 3 * RunWriter.MOST_WAITING; i++) {
        int number = i;
        writer.submit(
            "counting",
            () -> {
              threads.add(Thread.currentThread());
              done.add(Integer.toString(number));
            });
      }
      writer.finish();
      assertThat(writer.isIdle(Duration.ZERO)).isTrue();
      assertThat(done)
          .isEqualTo(
              IntStream.range(0, 3 * RunWriter.MOST_WAITING).mapToObj(Integer::toString).toList());
    }
    assertThat(threads).doesNotContain(Thread.currentThread()).containsOnly(threads.get(0));
    assertThat(done).endsWith("end");
  }

  @Test
  void whatWasSubmittedIsDoneBeforeItCloses() {
    try (RunWriter writer = new RunWriter(LONG)) {
      writer.submit("waiting", () -> await(released));
      writer.submit("a row", () -> done.add("row"));
      assertThat(writer.isIdle(Duration.ofMillis(1))).isFalse();
      released.countDown();
    }
    assertThat(done).containsExactly("row");
  }

  @Test
  void aFailureIsThrownByTheNextCallAndNothingIsWrittenAfterIt() {
    UserException full = UserException.failure("the disk is full");
    CountDownLatch submitted = new CountDownLatch(1);
    try (RunWriter writer = new RunWriter(LONG)) {
      writer.atEnd(() -> done.add("closed"));
      writer.submit(
          "a row",
          () -> {
            await(submitted);
            throw full;
          });
      writer.submit("a later row", () -> done.add("later"));
      submitted.countDown();
      assertThatThrownBy(writer::finish).isSameAs(full);
    }
    assertThat(done).as("a row after half a row would damage the file").containsExactly("closed");
  }

  @Test
  void anErrorIsThrownAsItIs() {
    RunWriter writer = new RunWriter(LONG);
    writer.submit(
        "a row",
        () -> {
          throw new LinkageError("no such class");
        });
    assertThatThrownBy(writer::close).isInstanceOf(LinkageError.class).hasMessage("no such class");
  }

  @Test
  void memoryIsBoundedWhileAFileHangs() {
    AtomicInteger accepted = new AtomicInteger();
    RunWriter writer = new RunWriter(Duration.ofSeconds(1));
    writer.submit("writing metrics.jsonl", () -> await(released));
    assertThatThrownBy(
            () -> {
              while (true) {
                writer.submit("a row", () -> {});
                accepted.incrementAndGet();
              }
            })
        .isInstanceOf(UserException.class)
        .hasMessageStartingWith("writing metrics.jsonl must end within 1 s");
    assertThat(accepted).hasValueLessThan(RunWriter.MOST_WAITING);
    writer.close();
  }

  @Test
  void aThreadThatHeedsNoInterruptIsLeftToItself() {
    RunWriter writer = new RunWriter(Duration.ofSeconds(1));
    writer.atEnd(() -> done.add("closed"));
    writer.submit("writing metrics.jsonl", () -> awaitWithoutHeedingInterrupts(released));
    assertThatThrownBy(writer::finish)
        .isInstanceOf(UserException.class)
        .hasMessage(
            "writing metrics.jsonl must end within 1 s (checkpoint.timeout_seconds), and did not: check its file system, or raise the timeout");
    writer.close();
    assertThat(done).isEmpty();
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      throw UserException.failure("interrupted", e);
    }
  }

  private static void awaitWithoutHeedingInterrupts(CountDownLatch latch) {
    while (latch.getCount() > 0) {
      try {
        latch.await();
      } catch (InterruptedException e) {
        assertThat(latch.getCount()).as("like a file system that hangs").isEqualTo(1);
      }
    }
  }
}
