package dev.firesteel.sweep;

import dev.firesteel.plan.Quantities;
import java.io.PrintStream;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Shows how far a sweep is: on a terminal a table of the runs in training that is overwritten, with
 * a line of totals; otherwise a line when a run begins and when it ends.
 *
 * <pre>
 * 3 of 24 runs finished · 2 in training · 41 % of the FLOPs · 12 min 5 s left
 *   layers-4_flops-1e13        step 410/900    46 %  loss 3.412  9,120 tokens/s
 * </pre>
 *
 * <p>Thread-safe: runs are heard of on Spark's threads.
 */
public final class SweepProgress {
  private static final long REFRESH_NANOS = 1_000_000_000L;

  private static final String TRAINING = "training";
  private static final String WAITING = "waiting";
  private static final String FINISHED = "finished";

  /** In the order in which a page shows them. */
  private static final List<String> STATES = List.of(TRAINING, WAITING, FINISHED);

  private final String name;
  private final PrintStream out;
  private final boolean terminal;
  private final Map<String, SweepRun> runs = new LinkedHashMap<>();
  private final Map<String, Standing> standings = new LinkedHashMap<>();
  private final long start = System.nanoTime();
  private final double flopsBefore;
  private final double flopsOfAll;
  private int finished;
  private int shownLines;
  private long shownAt;

  /**
   * Where a run stands.
   *
   * @param state {@code waiting}, {@code training} or {@code finished}
   * @param loss last training loss; null before the first
   * @param tokensPerSecond since it began; null unless it is in training
   * @param secondsLeft of the run; null unless it is in training
   */
  public record Row(
      String name,
      String state,
      long step,
      long steps,
      Double loss,
      Double tokensPerSecond,
      Double secondsLeft) {}

  /**
   * The sweep at a moment.
   *
   * @param totals as on the terminal
   * @param rows those in training first, then those that wait, then the finished ones
   */
  public record Snapshot(String sweep, String totals, List<Row> rows) {}

  /** A run in training. */
  private static final class Standing {
    private final long since = System.nanoTime();
    private final long from;
    private long step;
    private double loss;
    private boolean ended;

    Standing(long from) {
      this.from = from;
      this.step = from;
    }
  }

  /**
   * @param terminal whether {@code out} is a terminal, so that lines can be overwritten
   */
  public SweepProgress(SweepPlan plan, PrintStream out, boolean terminal) {
    name = plan.sweep().config().name();
    this.out = out;
    this.terminal = terminal;
    plan.runs().forEach(run -> runs.put(run.name(), run));
    finished = plan.runs().size() - plan.left().size();
    flopsBefore = plan.runs().stream().mapToDouble(run -> done(run, run.step())).sum();
    flopsOfAll = plan.runs().stream().mapToDouble(SweepRun::ownFlops).sum();
  }

  private static double done(SweepRun run, long step) {
    double share = (double) (step - run.branchStep()) / run.ownSteps();
    return run.ownFlops() * Math.max(0, Math.min(1, share));
  }

  /**
   * A run was heard of.
   *
   * @param loss last training loss; NaN before the first
   */
  public synchronized void heard(String runName, long step, double loss) {
    SweepRun run = runs.get(runName);
    if (run == null) {
      return;
    }
    Standing standing = standings.get(runName);
    if (standing == null) {
      standing = new Standing(Math.max(run.step(), run.branchStep()));
      standings.put(runName, standing);
      if (!terminal) {
        out.println(
            "Training " + runName + (run.step() == 0 ? "" : ", resumed at step " + run.step()));
      }
    }
    standing.step = Math.max(standing.step, step);
    standing.loss = loss;
    if (!standing.ended && step >= run.config().training().steps()) {
      standing.ended = true;
      finished++;
      if (!terminal) {
        out.println("Finished " + line(run, standing) + "; " + totals());
      }
    }
    if (terminal && System.nanoTime() - shownAt >= REFRESH_NANOS) {
      show();
    }
  }

  /** What a page shows. */
  public synchronized Snapshot snapshot() {
    List<Row> rows =
        runs.values().stream()
            .map(this::row)
            .sorted(Comparator.comparing(row -> STATES.indexOf(row.state())))
            .toList();
    return new Snapshot(name, totals(), rows);
  }

  private Row row(SweepRun run) {
    Standing standing = standings.get(run.name());
    long steps = run.config().training().steps();
    Double loss = standing == null || Double.isNaN(standing.loss) ? null : standing.loss;
    if (run.state() == SweepRun.State.FINISHED || (standing != null && standing.ended)) {
      return new Row(run.name(), FINISHED, steps, steps, loss, null, null);
    }
    if (standing == null) {
      return new Row(run.name(), WAITING, run.step(), steps, null, null, null);
    }
    double rate = tokensPerSecond(run, standing);
    double tokensLeft = (double) (steps - standing.step) * run.config().training().tokensPerStep();
    return new Row(
        run.name(),
        TRAINING,
        standing.step,
        steps,
        loss,
        rate,
        rate > 0 ? tokensLeft / rate : null);
  }

  /** The last state, which stays on the screen. */
  public synchronized void close() {
    if (terminal) {
      show();
    }
  }

  private void show() {
    StringBuilder text = new StringBuilder();
    if (shownLines > 0) {
      text.append("\033[").append(shownLines).append("A\033[J");
    }
    List<String> lines = new ArrayList<>();
    lines.add(totals());
    standings.forEach(
        (name, standing) -> {
          if (!standing.ended) {
            lines.add("  " + line(runs.get(name), standing));
          }
        });
    lines.forEach(line -> text.append(line).append('\n'));
    out.print(text);
    out.flush();
    shownLines = lines.size();
    shownAt = System.nanoTime();
  }

  private String totals() {
    double now =
        runs.values().stream()
            .mapToDouble(
                run ->
                    done(
                        run,
                        standings.containsKey(run.name())
                            ? standings.get(run.name()).step
                            : run.step()))
            .sum();
    double seconds = (System.nanoTime() - start) / 1e9;
    double rate = (now - flopsBefore) / seconds;
    long training = standings.values().stream().filter(standing -> !standing.ended).count();
    return String.format(
        Locale.ROOT,
        "%d of %d runs finished · %d in training · %.0f %% of the FLOPs · %s left",
        finished,
        runs.size(),
        training,
        100 * now / flopsOfAll,
        rate > 0 ? Quantities.duration((flopsOfAll - now) / rate) : "unknown time");
  }

  private static double tokensPerSecond(SweepRun run, Standing standing) {
    double seconds = (System.nanoTime() - standing.since) / 1e9;
    return (standing.step - standing.from) * run.config().training().tokensPerStep() / seconds;
  }

  private static String line(SweepRun run, Standing standing) {
    return String.format(
        Locale.ROOT,
        "%-40s  step %d/%d  loss %s  %,.0f tokens/s",
        run.name(),
        standing.step,
        run.config().training().steps(),
        Double.isNaN(standing.loss) ? "-" : String.format(Locale.ROOT, "%.4f", standing.loss),
        tokensPerSecond(run, standing));
  }
}
