package dev.firesteel.spark.monitor;

import dev.firesteel.chart.Curve;
import dev.firesteel.metrics.Measure;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metric;
import dev.firesteel.spark.monitor.RunSnapshot.Attempt;
import dev.firesteel.spark.monitor.RunSnapshot.Numbers;
import dev.firesteel.spark.monitor.RunSnapshot.RankState;
import dev.firesteel.spark.monitor.RunSnapshot.SavedCheckpoint;
import dev.firesteel.spark.monitor.RunSnapshot.Series;
import dev.firesteel.spark.monitor.RunSnapshot.State;
import dev.firesteel.train.TrainingEvent;
import dev.firesteel.train.TrainingListener;
import dev.firesteel.train.TrainingOutcome;
import dev.firesteel.train.TrainingPlan;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What the driver knows about the current run, for the page, its JSON and the metrics system. It
 * receives the run's events, the reports of its ranks, and the starts and ends of its attempts. Its
 * memory is bounded, however long the run is. Thread-safe.
 *
 * <p><b>Stragglers.</b> A rank is a straggler if its own work took more than {@value
 * #STRAGGLER_FACTOR} times the median of all ranks, each by the mean of {@link
 * dev.firesteel.train.RankStep#computeMillis} over its last {@value #RECENT_REPORTS} reports. The
 * median of an even number of ranks is the lower of the two in the middle, so that one of two can
 * be a straggler too.
 *
 * <p>Lives on the driver.
 */
public final class RunStatus implements TrainingListener {
  static final double STRAGGLER_FACTOR = 1.2;
  static final int RECENT_REPORTS = 5;

  /** More points than a chart has pixels. */
  static final int MOST_POINTS = 2000;

  /** Maximum number of metrics kept: those reported first. */
  static final int MOST_METRICS = 64;

  /** Maximum number of attempts, checkpoints and notices kept: the most recent of each. */
  static final int MOST_ENTRIES = 100;

  private final Clock clock;
  private final Map<String, History> metrics = new LinkedHashMap<>();
  private final SortedMap<Integer, RankHistory> ranks = new TreeMap<>();
  private final Deque<Attempt> attempts = new ArrayDeque<>();
  private final Deque<SavedCheckpoint> checkpoints = new ArrayDeque<>();
  private final Deque<String> notices = new ArrayDeque<>();
  private TrainingPlan plan; // null before the first
  private Instant started; // of the plan
  private long lastTokens; // at the last step
  private long lastStep = -1; // before the plan's first step
  private Instant lastAt;
  private boolean saidThatNotAllAreShown;
  private TrainingOutcome outcome; // null while the run is in progress

  public RunStatus() {
    this(Clock.systemUTC());
  }

  public RunStatus(Clock clock) {
    this.clock = clock;
  }

  /**
   * A group of ranks starts training; the first of a run has number 1. Its first step is taken from
   * the plan that follows, its hosts from the ranks' reports.
   */
  public synchronized void attemptStarted(int number, int worldSize) {
    if (number == 1) {
      attempts.clear();
      plan = null;
      forgetRun();
    }
    ranks.clear();
    outcome = null;
    add(attempts, Attempt.started(number, worldSize, clock.instant()));
  }

  /**
   * The current attempt has ended.
   *
   * @param atStep number of completed steps
   * @param cause reason for its end, for the user
   */
  public synchronized void attemptEnded(long atStep, String cause) {
    if (!attemptRuns()) {
      throw new IllegalStateException("no attempt is running, so none can end: " + cause);
    }
    Attempt running = attempts.removeLast();
    attempts.addLast(running.endedAt(clock.instant(), atStep, cause));
  }

  /** A rank reported its measurements. */
  public synchronized void rankReported(RankReport report) {
    ranks
        .computeIfAbsent(report.measured().rank(), rank -> new RankHistory())
        .add(report, clock.instant());
    if (attemptRuns()) {
      List<String> hosts = rankStates().stream().map(RankState::host).toList();
      attempts.addLast(attempts.removeLast().on(hosts));
    }
  }

  @Override
  public synchronized void onEvent(TrainingEvent event) {
    if (event instanceof TrainingEvent.Started begun) {
      start(begun.plan());
    } else if (event instanceof TrainingEvent.StepLogged logged) {
      lastStep = logged.step();
      lastTokens = logged.tokens();
      lastAt = clock.instant();
      measured(logged.step(), logged.training(), false);
    } else if (event instanceof TrainingEvent.Evaluated evaluated) {
      measured(evaluated.step(), evaluated.measures(), true);
    } else if (event instanceof TrainingEvent.CheckpointCommitted checkpoint) {
      add(
          checkpoints,
          new SavedCheckpoint(checkpoint.step(), checkpoint.directory(), clock.instant()));
    } else if (event instanceof TrainingEvent.StepSkipped skipped) {
      add(notices, skipped.line());
    } else if (event instanceof TrainingEvent.Notice notice) {
      add(notices, notice.line());
    } else if (event instanceof TrainingEvent.Ended ended) {
      outcome = ended.outcome();
    }
  }

  private void start(TrainingPlan newPlan) {
    if (plan != null && !plan.directory().equals(newPlan.directory())) {
      forgetRun();
    }
    plan = newPlan;
    started = clock.instant();
    lastStep = -1;
    outcome = null;
    if (attemptRuns()) {
      attempts.addLast(attempts.removeLast().from(plan.fromStep()));
    }
    metrics.values().forEach(metric -> metric.cutAfter(plan.fromStep()));
  }

  private void measured(long step, Measures measures, boolean evaluated) {
    for (Measure measure : measures) {
      String key = measure.metric().key();
      if (!metrics.containsKey(key) && metrics.size() == MOST_METRICS) {
        sayThatNotAllAreShown(key);
      } else {
        metrics.computeIfAbsent(key, first -> new History(evaluated)).add(step, measure);
      }
    }
  }

  private void sayThatNotAllAreShown(String key) {
    if (!saidThatNotAllAreShown) {
      saidThatNotAllAreShown = true;
      add(
          notices,
          "The page and the gauges show the first %d metrics of a run, so %s and later ones are only in metrics.jsonl and the report"
              .formatted(MOST_METRICS, key));
    }
  }

  /** Keys of the metrics that were reported. */
  public synchronized Set<String> metrics() {
    return Set.copyOf(metrics.keySet());
  }

  /** Everything known now. */
  public synchronized RunSnapshot snapshot() {
    return new RunSnapshot(
        state(),
        plan,
        started,
        clock.instant(),
        numbers(),
        metrics.values().stream().map(History::series).toList(),
        rankStates(),
        List.copyOf(attempts),
        List.copyOf(checkpoints),
        List.copyOf(notices));
  }

  /** Only the numbers of a snapshot, which are cheap. */
  synchronized Numbers numbers() {
    Map<String, Double> values = new LinkedHashMap<>();
    metrics.forEach((key, history) -> values.put(key, history.value));
    return new Numbers(
        step(),
        plan == null ? 0 : plan.steps(),
        tokens(),
        Collections.unmodifiableMap(values),
        checkpoints.isEmpty() ? -1 : checkpoints.getLast().step(),
        attempts.isEmpty() ? 0 : attempts.getLast().number(),
        plan == null ? 0 : plan.worldSize(),
        (int) rankStates().stream().filter(RankState::straggler).count(),
        secondsLeft());
  }

  /** Tokens trained on, as last logged. */
  private long tokens() {
    if (plan == null) {
      return 0;
    }
    return lastStep < 0 ? plan.fromStep() * plan.tokensPerStep() : lastTokens;
  }

  /** The last report of a rank of the current attempt. */
  synchronized Optional<RankState> rank(int rank) {
    return rankStates().stream().filter(state -> state.rank() == rank).findFirst();
  }

  private State state() {
    if (outcome != null) {
      return outcome == TrainingOutcome.COMPLETED ? State.COMPLETED : State.INTERRUPTED;
    }
    if (!attempts.isEmpty() && !attemptRuns()) {
      return State.STOPPED;
    }
    return plan == null ? State.PREPARING : State.TRAINING;
  }

  private boolean attemptRuns() {
    return !attempts.isEmpty() && attempts.getLast().ended() == null;
  }

  private long step() {
    if (plan == null) {
      return 0;
    }
    return lastStep < 0 ? plan.fromStep() : lastStep;
  }

  /** At the pace since the plan's start, including evaluations and checkpoints. */
  private double secondsLeft() {
    if (outcome != null || plan == null || lastStep <= plan.fromStep()) {
      return outcome == TrainingOutcome.COMPLETED ? 0 : Double.NaN;
    }
    double seconds = Duration.between(started, lastAt).toMillis() / 1000.0;
    return seconds / (lastStep - plan.fromStep()) * (plan.steps() - lastStep);
  }

  private List<RankState> rankStates() {
    double median = medianComputeMillis();
    List<RankState> states = new ArrayList<>();
    ranks.values().forEach(history -> states.add(history.state(median)));
    return states;
  }

  /** NaN if there are fewer than two ranks to compare. */
  private double medianComputeMillis() {
    if (ranks.size() < 2) {
      return Double.NaN;
    }
    double[] times = ranks.values().stream().mapToDouble(RankHistory::compute).sorted().toArray();
    return times[(times.length - 1) / 2];
  }

  private void forgetRun() {
    metrics.clear();
    saidThatNotAllAreShown = false;
    checkpoints.clear();
    notices.clear();
    lastStep = -1;
    outcome = null;
  }

  private static <T> void add(Deque<T> entries, T entry) {
    entries.addLast(entry);
    if (entries.size() > MOST_ENTRIES) {
      entries.removeFirst();
    }
  }

  /** The reported values of a metric. */
  private static final class History {
    private final boolean evaluated;
    private final Curve curve = new Curve(MOST_POINTS);
    private Metric metric;
    private long step;
    private double value;

    History(boolean evaluated) {
      this.evaluated = evaluated;
    }

    void add(long newStep, Measure measure) {
      metric = measure.metric();
      step = newStep;
      value = measure.value();
      curve.add(newStep, value);
    }

    /** Discards what a resumed run will report again. */
    void cutAfter(long newStep) {
      curve.cutAfter(newStep);
      if (step > newStep) {
        step = newStep;
        value = Double.NaN;
      }
    }

    Series series() {
      return new Series(metric, evaluated, step, curve.points());
    }
  }

  /** The last reports of a rank. */
  private static final class RankHistory {
    private final Deque<Double> computeMillis = new ArrayDeque<>();
    private RankReport last;
    private Instant at;

    void add(RankReport report, Instant now) {
      last = report;
      at = now;
      computeMillis.addLast(report.measured().computeMillis());
      if (computeMillis.size() > RECENT_REPORTS) {
        computeMillis.removeFirst();
      }
    }

    double compute() {
      return computeMillis.stream().mapToDouble(Double::doubleValue).average().orElseThrow();
    }

    RankState state(double median) {
      double ratio = compute() / median;
      return new RankState(
          last.measured().rank(),
          last.measured().host(),
          last.executor(),
          last.measured().step(),
          last.measured().stepMillis(),
          last.measured().computeMillis(),
          last.measured().communicationMillis(),
          last.measured().waitMillis(),
          last.measured().overlapShare(),
          last.measured().gcMillis(),
          last.measured().allocatedBytes(),
          last.measured().heapUsedBytes(),
          ratio,
          ratio > STRAGGLER_FACTOR,
          at);
    }
  }
}
