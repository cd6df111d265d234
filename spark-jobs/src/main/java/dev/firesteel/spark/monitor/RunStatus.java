package dev.firesteel.spark.monitor;

import dev.firesteel.spark.monitor.RunSnapshot.Attempt;
import dev.firesteel.spark.monitor.RunSnapshot.Numbers;
import dev.firesteel.spark.monitor.RunSnapshot.RankState;
import dev.firesteel.spark.monitor.RunSnapshot.SavedCheckpoint;
import dev.firesteel.spark.monitor.RunSnapshot.State;
import dev.firesteel.train.EvaluationResult;
import dev.firesteel.train.StepMetrics;
import dev.firesteel.train.TrainingListener;
import dev.firesteel.train.TrainingOutcome;
import dev.firesteel.train.TrainingPlan;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What the driver knows of the run that goes on, for those who look at it: the page, its JSON, the
 * metrics system. Hears the run's events, the reports of its ranks, and the beginnings and ends of
 * its attempts. Its memory is bounded, however long the run is. Any thread may call it.
 *
 * <p><b>Stragglers.</b> A rank is one if its own work took more than {@value #STRAGGLER_FACTOR}
 * times the median of all ranks, each by the mean of {@link
 * dev.firesteel.train.RankStep#computeMillis} over its last {@value #RECENT_REPORTS} reports. The
 * median of an even number of ranks is the lower of the two in the middle, so that one of two can
 * be a straggler too.
 *
 * <p>Lives on the driver.
 */
public final class RunStatus implements TrainingListener {
  static final double STRAGGLER_FACTOR = 1.2;
  static final int RECENT_REPORTS = 5;

  /** More than a chart has pixels. */
  static final int MOST_POINTS = 2000;

  /** Of attempts, checkpoints and notices each, the last ones. */
  static final int MOST_ENTRIES = 100;

  private final Clock clock;
  private final Curve loss = new Curve(MOST_POINTS);
  private final Curve validationLoss = new Curve(MOST_POINTS);
  private final Curve tokensPerSecond = new Curve(MOST_POINTS);
  private final SortedMap<Integer, RankHistory> ranks = new TreeMap<>();
  private final Deque<Attempt> attempts = new ArrayDeque<>();
  private final Deque<SavedCheckpoint> checkpoints = new ArrayDeque<>();
  private final Deque<String> notices = new ArrayDeque<>();
  private TrainingPlan plan; // null before the first
  private Instant started; // of the plan
  private StepMetrics last; // null before the plan's first step
  private Instant lastAt;
  private EvaluationResult evaluation; // null before the first
  private long evaluationStep;
  private TrainingOutcome outcome; // null while the run goes on

  public RunStatus() {
    this(Clock.systemUTC());
  }

  public RunStatus(Clock clock) {
    this.clock = clock;
  }

  /**
   * A group of ranks begins to train; the first of a run has number 1. The step it goes on from is
   * that of the {@linkplain #onStart plan} that follows, its hosts are those of the ranks' reports.
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
   * The attempt that began last has ended.
   *
   * @param atStep steps that were done
   * @param cause of its end, as a user should read it
   */
  public synchronized void attemptEnded(long atStep, String cause) {
    if (!attemptRuns()) {
      throw new IllegalStateException("no attempt is running that could end: " + cause);
    }
    Attempt running = attempts.removeLast();
    attempts.addLast(running.endedAt(clock.instant(), atStep, cause));
  }

  /** A rank told what it measured. */
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
  public synchronized void onStart(TrainingPlan newPlan) {
    if (plan != null && !plan.directory().equals(newPlan.directory())) {
      forgetRun();
    }
    plan = newPlan;
    started = clock.instant();
    last = null;
    outcome = null;
    if (attemptRuns()) {
      attempts.addLast(attempts.removeLast().from(plan.fromStep()));
    }
    if (evaluationStep > plan.fromStep()) {
      evaluation = null; // It will come again.
    }
    loss.cutAfter(plan.fromStep());
    validationLoss.cutAfter(plan.fromStep());
    tokensPerSecond.cutAfter(plan.fromStep());
  }

  @Override
  public synchronized void onStep(StepMetrics metrics) {
    last = metrics;
    lastAt = clock.instant();
    loss.add(metrics.step(), metrics.loss());
    tokensPerSecond.add(metrics.step(), metrics.tokensPerSecond());
  }

  @Override
  public synchronized void onEvaluation(long step, EvaluationResult result) {
    evaluation = result;
    evaluationStep = step;
    validationLoss.add(step, result.loss());
  }

  @Override
  public synchronized void onCheckpoint(long step, String directory) {
    add(checkpoints, new SavedCheckpoint(step, directory, clock.instant()));
  }

  @Override
  public synchronized void onSkip(long step, double skippedLoss, double gradientNorm) {
    onNotice(
        "The update of step "
            + step
            + " was skipped: loss "
            + skippedLoss
            + ", gradient norm "
            + gradientNorm);
  }

  @Override
  public synchronized void onNotice(String line) {
    add(notices, line);
  }

  @Override
  public synchronized void onEnd(TrainingOutcome newOutcome, long step) {
    outcome = newOutcome;
  }

  /** All that is known now. */
  public synchronized RunSnapshot snapshot() {
    return new RunSnapshot(
        state(),
        plan,
        started,
        clock.instant(),
        numbers(),
        loss.points(),
        validationLoss.points(),
        tokensPerSecond.points(),
        rankStates(),
        List.copyOf(attempts),
        List.copyOf(checkpoints),
        List.copyOf(notices));
  }

  /** The numbers of a snapshot alone, which are cheap. */
  synchronized Numbers numbers() {
    boolean known = last != null;
    return new Numbers(
        step(),
        plan == null ? 0 : plan.steps(),
        step() * (plan == null ? 0 : plan.tokensPerStep()),
        known ? last.loss() : Double.NaN,
        known ? last.learningRate() : Double.NaN,
        known ? last.gradientNorm() : Double.NaN,
        known ? last.tokensPerSecond() : Double.NaN,
        known ? last.stepMillis() : Double.NaN,
        known ? last.allocatedBytesPerStep() : Double.NaN,
        known ? last.gcMillis() : Double.NaN,
        evaluation == null ? Double.NaN : evaluation.loss(),
        evaluation == null ? Double.NaN : evaluation.bitsPerByte(),
        checkpoints.isEmpty() ? -1 : checkpoints.getLast().step(),
        attempts.isEmpty() ? 0 : attempts.getLast().number(),
        plan == null ? 0 : plan.worldSize(),
        (int) rankStates().stream().filter(RankState::straggler).count(),
        secondsLeft());
  }

  /** What a rank of the present attempt reported last. */
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
    return last == null ? plan.fromStep() : last.step();
  }

  /** At the pace since the plan's start, evaluations and checkpoints included. */
  private double secondsLeft() {
    if (outcome != null || last == null || last.step() <= plan.fromStep()) {
      return outcome == TrainingOutcome.COMPLETED ? 0 : Double.NaN;
    }
    double seconds = Duration.between(started, lastAt).toMillis() / 1000.0;
    return seconds / (last.step() - plan.fromStep()) * (plan.steps() - last.step());
  }

  private List<RankState> rankStates() {
    double median = medianComputeMillis();
    List<RankState> states = new ArrayList<>();
    ranks.values().forEach(history -> states.add(history.state(median)));
    return states;
  }

  /** NaN where there are fewer than two ranks to compare. */
  private double medianComputeMillis() {
    if (ranks.size() < 2) {
      return Double.NaN;
    }
    double[] times = ranks.values().stream().mapToDouble(RankHistory::compute).sorted().toArray();
    return times[(times.length - 1) / 2];
  }

  private void forgetRun() {
    loss.cutAfter(-1);
    validationLoss.cutAfter(-1);
    tokensPerSecond.cutAfter(-1);
    checkpoints.clear();
    notices.clear();
    last = null;
    evaluation = null;
    outcome = null;
  }

  private static <T> void add(Deque<T> entries, T entry) {
    entries.addLast(entry);
    if (entries.size() > MOST_ENTRIES) {
      entries.removeFirst();
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
