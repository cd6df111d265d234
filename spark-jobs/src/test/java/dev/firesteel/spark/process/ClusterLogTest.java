package dev.firesteel.spark.process;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.logging.log4j.LogManager;
import org.apache.spark.SparkException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** With the lines that Spark 4.2 writes, through its own way of logging. */
class ClusterLogTest {
  private final Logger scheduler = LoggerFactory.getLogger(ClusterLog.SCHEDULER);
  private final Logger client = LoggerFactory.getLogger(ClusterLog.CLIENT);

  private ClusterLog log;

  @BeforeEach
  void attach() {
    log = ClusterLog.attach("spark://host:7077");
  }

  @AfterEach
  void detach() {
    log.detach();
    // What it heard stays: the next session forgets it.
    ClusterLog.attach("local").detach();
    assertThat(ClusterLog.reason()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Command exited with code 1",
        "Error running executor: java.lang.IllegalStateException: Cannot find any build directories."
      })
  void namesTheLastExecutorThatFailedAndHowManyDid(String cause) {
    for (int i = 0; i < 10; i++) {
      assertThat(ClusterLog.reason()).isEmpty();
      scheduler.info(
          "Granted executor ID app-1/{} on hostPort 10.0.0.7:35923 with 1 core(s), 700.0 MiB RAM",
          i);
      scheduler.info("Executor app-1/{} removed: {}", i, cause + "\nand more");
    }
    scheduler.error("Application has been killed. Reason: Master removed our application: FAILED");

    assertThat(ClusterLog.reason())
        .contains(
            "the cluster ended the application (Master removed our application: FAILED), whose"
                + " executors failed 10 times, the last on 10.0.0.7:35923 by \""
                + cause
                + "\": see work/app-1/9/stderr there, or the worker's own log if that file is"
                + " missing, and submit again once the cause is fixed");
  }

  @Test
  void executorsThatWereLostAreNoReasonByThemselves() {
    scheduler.info("Executor app-1/0 removed: Command exited with code 137");

    assertThat(ClusterLog.reason()).isEmpty();
  }

  @Test
  void executorsThatEndAsTheyStartAreGivenUp() {
    for (int i = 0; i < 9; i++) {
      scheduler.info("Executor app-1/{} removed: Command exited with code 1", i);
    }
    assertThat(ClusterLog.reason()).isEmpty();

    scheduler.info(
        "Granted executor ID app-1/9 on hostPort 10.0.0.7:35923 with 1 core(s), 700.0 MiB RAM");
    scheduler.info("Executor app-1/9 removed: Command exited with code 1");

    assertThat(ClusterLog.reason())
        .contains(
            "executors cannot start: 10 in a row failed, the last on 10.0.0.7:35923 by \"Command"
                + " exited with code 1\": see work/app-1/9/stderr there, or the worker's own log if"
                + " that file is missing, and submit again once the cause is fixed");
  }

  @Test
  void executorsThatReachedTheDriverMayBeLostInAnyNumber() {
    for (int i = 0; i < 20; i++) {
      log.registered(String.valueOf(i));
    }
    for (int i = 0; i < 20; i++) {
      scheduler.info("Executor app-1/{} removed: worker lost", i);
    }

    assertThat(ClusterLog.reason()).isEmpty();
  }

  @Test
  void oneThatReachesTheDriverBeginsTheCountAgain() {
    for (int i = 0; i < 18; i++) {
      if (i == 9) {
        log.registered("100");
      }
      scheduler.info("Executor app-1/{} removed: Command exited with code 1", i);
    }

    assertThat(ClusterLog.reason()).isEmpty();
  }

  @Test
  void anApplicationThatWasKilledByHandNeedsNoExecutorForIt() {
    scheduler.error("Application has been killed. Reason: Master removed our application: KILLED");

    assertThat(ClusterLog.reason())
        .contains(
            "the cluster ended the application (Master removed our application: KILLED): the log"
                + " of the master spark://host:7077 says why");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "Connection refused: host/10.0.0.7:7077",
        "Expected SaslMessage, received something else (maybe your client does not have SASL enabled?)"
      })
  void aMasterThatDoesNotTakeTheApplicationIsNamedWithWhatItAnswered(String answer) {
    client.warn(
        "Failed to connect to master host:7077",
        new SparkException("Exception thrown in awaitResult: ", new IllegalStateException(answer)));
    scheduler.error(
        "Application has been killed. Reason: All masters are unresponsive! Giving up.");

    assertThat(ClusterLog.reason())
        .hasValueSatisfying(
            sentence ->
                assertThat(sentence)
                    .startsWith(
                        "no master accepted the application at spark://host:7077 (All masters are"
                            + " unresponsive! Giving up.; "
                            + answer
                            + "): correct the address")
                    .contains("spark.authenticate.secret"));
  }

  /** The tests' configuration prints no INFO, so nor may these loggers. */
  @Test
  void itListensWithoutChangingWhatOtherLoggersLet() {
    assertThat(LogManager.getLogger(ClusterLog.SCHEDULER).isInfoEnabled()).isTrue();
    assertThat(LogManager.getLogger(ClusterLog.SCHEDULER + "$Other").isInfoEnabled())
        .isEqualTo(LogManager.getLogger("org.apache.spark.scheduler").isInfoEnabled());
    log.detach();
    assertThat(LogManager.getLogger(ClusterLog.SCHEDULER).isInfoEnabled()).isFalse();
  }
}
