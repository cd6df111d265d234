package dev.firesteel.track;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.train.TrainingEvent;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(60)
class TrackerThreadTest {
  private static final Duration PATIENCE = Duration.ofMillis(300);

  private final List<String> notices = new CopyOnWriteArrayList<>();
  private final List<String> heard = new CopyOnWriteArrayList<>();

  private static TrainingEvent event(String line) {
    return new TrainingEvent.Notice(line);
  }

  private static long threads() {
    return Thread.getAllStackTraces().keySet().stream()
        .filter(thread -> thread.getName().equals("firesteel-tracker-test"))
        .filter(Thread::isAlive)
        .count();
  }

  private TrackerThread start(Tracker tracker, Duration patience) {
    return new TrackerThread("test", () -> tracker, notices::add, patience);
  }

  private Tracker recorder() {
    return new Tracker() {
      @Override
      public void onEvent(TrainingEvent event, long millis) {
        heard.add(((TrainingEvent.Notice) event).line());
      }

      @Override
      public void close() {
        heard.add("closed");
      }
    };
  }

  @Test
  void deliversAllEventsInOrderBeforeItEnds() {
    TrackerThread thread = start(recorder(), Duration.ofSeconds(20));
    thread.offer(event("a"));
    thread.offer(event("b"));

    thread.close();

    assertThat(heard).containsExactly("a", "b", "closed");
    assertThat(threads()).isZero();
    assertThat(notices).isEmpty();
  }

  @Test
  void aTrackerThatThrowsIsReportedOnceAndEnds() {
    Tracker broken =
        new Tracker() {
          @Override
          public void onEvent(TrainingEvent event, long millis) throws IOException {
            throw new IOException("no space left");
          }

          @Override
          public void close() {
            heard.add("closed");
          }
        };
    TrackerThread thread = start(broken, Duration.ofSeconds(20));
    for (int i = 0; i < 3; i++) {
      thread.offer(event("a"));
    }

    thread.close();

    assertThat(heard).containsExactly("closed");
    assertThat(notices)
        .containsExactly(
            "The tracker test failed, and the run continues without it: no space left");
    assertThat(threads()).isZero();
  }

  @Test
  void aTrackerThatHangsHoldsNobodyUp() throws InterruptedException {
    CountDownLatch hangs = new CountDownLatch(1);
    Tracker hanging =
        new Tracker() {
          @Override
          public void onEvent(TrainingEvent event, long millis) {
            hangs.countDown();
            try {
              Thread.sleep(60_000);
            } catch (InterruptedException e) {
              throw new IllegalStateException("interrupted", e);
            }
          }

          @Override
          public void close() {}
        };
    TrackerThread thread = start(hanging, PATIENCE);
    thread.offer(event("first"));
    assertThat(hangs.await(20, TimeUnit.SECONDS)).isTrue();
    long began = System.nanoTime();

    for (int i = 0; i < TrackerThread.MOST_WAITING + 5; i++) {
      thread.offer(event("more"));
    }
    thread.close();

    assertThat(Duration.ofNanos(System.nanoTime() - began)).isLessThan(Duration.ofSeconds(10));
    assertThat(threads()).isZero();
    assertThat(notices)
        .contains(
            "The tracker test was too slow: 5 events were not delivered; metrics.jsonl has all");
  }
}
