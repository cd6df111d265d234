package dev.firesteel.track;

import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.StageConfig;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.files.HostName;
import dev.firesteel.metrics.Histogram;
import dev.firesteel.metrics.Measure;
import dev.firesteel.metrics.Measures;
import dev.firesteel.metrics.Metric;
import dev.firesteel.metrics.Unit;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.train.TrainingEvent;
import java.io.IOException;
import java.util.HashSet;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.fs.CommonPathCapabilities;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Writes TensorBoard event files: every metric as a scalar under its key, samples and the
 * configuration as text, and histograms where the run reports them.
 *
 * <p>Each session of a run writes a file of its own, which begins with {@code SessionLog START} at
 * its first step, so that TensorBoard drops what earlier sessions reported from there on. Where the
 * file system shows a file only once it is closed (object stores), another file begins at each
 * checkpoint.
 */
final class TensorBoardTracker implements Tracker {
  /** The folder in a run directory. */
  static final String FOLDER = "tensorboard";

  private static final Metric TOKENS = Metric.of("tokens", "tokens", Unit.NONE);
  private static final Pattern FILE = Pattern.compile("events\\.out\\.tfevents\\.(\\d+)\\..*");

  private final StageConfig config;
  private final FileSystem fs;
  private final Path folder;
  private final boolean rotates;
  private final Set<String> described = new HashSet<>(); // in the current file
  private EventFile file; // null before the run starts

  TensorBoardTracker(StageConfig config, RunDirectory run, Consumer<String> notices)
      throws IOException {
    this.config = config;
    folder =
        config.tracking().tensorboardInRun()
            ? new Path(run.path(), FOLDER)
            : new Path(new Path(config.tracking().tensorboard()), config.name());
    fs = HadoopFiles.fileSystem(folder, run.configuration());
    rotates = !fs.hasPathCapability(folder, CommonPathCapabilities.FS_APPEND);
  }

  @Override
  public void onEvent(TrainingEvent event, long millis) throws IOException {
    double seconds = millis / 1000.0;
    if (event instanceof TrainingEvent.Started started) {
      start(seconds, started.plan().fromStep());
    } else if (file == null) {
      return;
    } else if (event instanceof TrainingEvent.StepLogged logged) {
      scalar(seconds, logged.step(), TOKENS, (double) logged.tokens());
      scalars(seconds, logged.step(), logged.training());
      scalars(seconds, logged.step(), logged.evaluation());
    } else if (event instanceof TrainingEvent.Sampled sampled) {
      file.write(EventMessage.text(seconds, sampled.step(), "sample", verbatim(sampled.text())));
    } else if (event instanceof TrainingEvent.Histograms histograms) {
      for (Histogram histogram : histograms.histograms()) {
        file.write(EventMessage.histogram(seconds, histograms.step(), histogram));
      }
    } else if (event instanceof TrainingEvent.CheckpointCommitted && rotates) {
      file.close();
      open(seconds);
    }
  }

  private void start(double seconds, long fromStep) throws IOException {
    open(seconds);
    long first = fromStep == 0 ? 0 : fromStep + 1;
    file.write(EventMessage.sessionStart(seconds, first));
    file.write(EventMessage.text(seconds, first, "config", verbatim(ConfigLoader.toYaml(config))));
  }

  /** Readers take files in the order of their names: a new one must come after all others. */
  private void open(double seconds) throws IOException {
    fs.mkdirs(folder);
    long time = (long) seconds;
    for (FileStatus other : fs.listStatus(folder)) {
      Matcher name = FILE.matcher(other.getPath().getName());
      if (name.matches()) {
        time = Math.max(time, Long.parseLong(name.group(1)) + 1);
      }
    }
    String name =
        String.format(
            Locale.ROOT,
            "events.out.tfevents.%010d.%s.%d",
            time,
            HostName.get(),
            ProcessHandle.current().pid());
    file = new EventFile(fs.create(new Path(folder, name), false));
    described.clear();
    file.write(EventMessage.version(seconds));
  }

  private void scalars(double seconds, long step, Measures measures) throws IOException {
    for (Measure measure : measures) {
      scalar(seconds, step, measure.metric(), measure.value());
    }
  }

  /** A value that is not finite would spoil the scale of the whole curve. */
  private void scalar(double seconds, long step, Metric metric, double value) throws IOException {
    if (Double.isFinite(value)) {
      boolean first = described.add(metric.key());
      file.write(EventMessage.scalar(seconds, step, metric, value, first));
    }
  }

  /** A block of code in Markdown, whose fence is longer than any in the text. */
  private static String verbatim(String text) {
    String fence = "```";
    while (text.contains(fence)) {
      fence += "`";
    }
    return fence + "\n" + text + "\n" + fence;
  }

  @Override
  public void onTick() throws IOException {
    if (file != null && !rotates) {
      file.flush();
    }
  }

  @Override
  public void close() throws IOException {
    if (file != null) {
      file.close();
    }
  }
}
