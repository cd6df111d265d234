package dev.firesteel.track;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.config.ConfigEntry;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.MlflowConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.config.TrackingConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.metrics.Measure;
import dev.firesteel.metrics.Measures;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.train.RunReport;
import dev.firesteel.train.TrainingEvent;
import dev.firesteel.train.TrainingOutcome;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Shows a run in MLflow: its configuration as parameters, every metric in batches, and at the end
 * its files as artifacts and its model in the registry. A run that resumes continues its MLflow
 * run.
 */
final class MlflowTracker implements Tracker {
  private static final Duration TIMEOUT = Duration.ofSeconds(20);

  /** MLflow's limits of a request. */
  private static final int MOST_METRICS = 1000;

  private static final int MOST_PARAMETERS = 100;
  private static final int LONGEST_PARAMETER = 6000;

  private static final List<String> ARTIFACTS =
      List.of(
          RunDirectory.CONFIG,
          RunDirectory.RUN,
          RunDirectory.METRICS,
          RunDirectory.SAMPLES,
          RunReport.FILE_NAME,
          RunReport.CHART);

  private static final String MODEL = "model";

  /** Of the checkpoint: it lists files that are not uploaded, too. */
  private static final String MANIFEST = "MANIFEST.json";

  private final StageConfig config;
  private final MlflowConfig mlflow;
  private final RunDirectory run;
  private final MlflowDelivery delivery;
  private final Consumer<String> notices;
  private final boolean isNew;
  private ArrayNode metrics = MlflowServer.JSON.createArrayNode(); // not queued yet
  private String checkpoint = ""; // the last committed one; empty if there is none
  private boolean hasStarted;
  private TrainingOutcome outcome; // null until the run ends

  MlflowTracker(StageConfig config, RunDirectory run, Consumer<String> notices) {
    this(config, run, notices, TIMEOUT);
  }

  /**
   * @param timeout of connections and answers
   */
  MlflowTracker(StageConfig config, RunDirectory run, Consumer<String> notices, Duration timeout) {
    this.config = config;
    this.mlflow = config.tracking().mlflow();
    this.run = run;
    this.notices = notices;
    MlflowServer server = new MlflowServer(mlflow.uri(), System.getenv(), timeout);
    delivery = new MlflowDelivery(server, mlflow, config.name(), run, notices);
    isNew = delivery.isNew();
  }

  @Override
  public void onEvent(TrainingEvent event, long millis) throws IOException {
    if (event instanceof TrainingEvent.Started started) {
      start(started);
    } else if (event instanceof TrainingEvent.StepLogged logged) {
      add("tokens", (double) logged.tokens(), logged.step(), millis);
      add(logged.training(), logged.step(), millis);
      add(logged.evaluation(), logged.step(), millis);
    } else if (event instanceof TrainingEvent.CheckpointCommitted committed) {
      checkpoint = committed.directory();
      flush();
      deliverIfDue();
      delivery.save(); // A run that resumes from here reports no earlier step again.
    } else if (event instanceof TrainingEvent.Ended ended) {
      outcome = ended.outcome();
    }
  }

  private void start(TrainingEvent.Started started) {
    hasStarted = true;
    ObjectNode running = MlflowServer.JSON.createObjectNode().put("status", "RUNNING");
    if (!isNew) {
      delivery.call("runs/update", running);
      return;
    }
    ArrayNode tags = MlflowServer.JSON.createArrayNode();
    tag(tags, "mlflow.source.type", "JOB");
    tag(tags, "mlflow.source.name", "firesteel " + config.stage());
    tag(tags, "mlflow.user", System.getProperty("user.name"));
    tag(tags, "firesteel.stage", config.stage());
    tag(tags, "firesteel.run", run.toString());
    tag(tags, "firesteel.backend", started.plan().backend());
    tag(tags, "firesteel.world_size", Integer.toString(started.plan().worldSize()));
    tag(tags, "firesteel.parameters", Long.toString(started.plan().parameters()));
    delivery.batch("tags", tags);
    ArrayNode parameters = MlflowServer.JSON.createArrayNode();
    for (ConfigEntry entry : ConfigLoader.entries(config)) {
      if (parameters.size() == MOST_PARAMETERS) {
        delivery.batch("params", parameters);
        parameters = MlflowServer.JSON.createArrayNode();
      }
      String value = entry.value();
      tag(parameters, entry.key(), value.substring(0, Math.min(value.length(), LONGEST_PARAMETER)));
    }
    delivery.batch("params", parameters);
  }

  private static void tag(ArrayNode tags, String key, String value) {
    tags.addObject().put("key", key).put("value", value);
  }

  private void add(Measures measures, long step, long millis) {
    for (Measure measure : measures) {
      add(measure.metric().key(), measure.value(), step, millis);
    }
  }

  private void add(String key, double value, long step, long millis) {
    if (!Double.isFinite(value)) {
      return;
    }
    if (metrics.size() == MOST_METRICS) {
      flush();
    }
    metrics
        .addObject()
        .put("key", key)
        .put("value", value)
        .put("timestamp", millis)
        .put("step", step);
  }

  private void flush() {
    if (!metrics.isEmpty()) {
      delivery.batch("metrics", metrics);
      metrics = MlflowServer.JSON.createArrayNode();
    }
  }

  @Override
  public void onTick() throws IOException {
    if (delivery.isDue()) {
      flush(); // While the server is away, batches grow to their limit.
      deliverIfDue();
    }
  }

  private void deliverIfDue() throws IOException {
    if (delivery.isDue()) {
      delivery.deliver();
    }
  }

  @Override
  public void close() throws IOException {
    if (!hasStarted) {
      return;
    }
    flush();
    if (outcome != null && mlflow.artifacts()) {
      for (String file : ARTIFACTS) {
        if (run.changed(file).isPresent()) {
          delivery.artifact(new Path(run.path(), file), file);
        }
      }
    }
    if (outcome == TrainingOutcome.COMPLETED && !mlflow.register().isEmpty()) {
      registerModel();
    }
    ObjectNode end = MlflowServer.JSON.createObjectNode();
    end.put("status", status()).put("end_time", System.currentTimeMillis());
    delivery.call("runs/update", end);
    delivery.save(); // Nothing is lost if an upload takes longer than the run waits for it.
    if (!delivery.deliver()) {
      notices.accept(
          "MLflow at %s was not reached to the end: ./firesteel runs sync %s delivers the %d requests that wait"
              .formatted(mlflow.uri(), run, delivery.waiting()));
    }
    if (delivery.dropped() > 0) {
      notices.accept(
          "MLflow at %s was away for too long: %d requests were dropped; metrics.jsonl has all"
              .formatted(mlflow.uri(), delivery.dropped()));
    }
  }

  private String status() {
    if (outcome == null) {
      return "FAILED";
    }
    return switch (outcome) {
      case COMPLETED -> "FINISHED";
      case INTERRUPTED -> "KILLED";
    };
  }

  /** The files at the root of the last checkpoint are a model as Hugging Face has it. */
  private void registerModel() throws IOException {
    if (checkpoint.isEmpty()) {
      notices.accept("No model is registered, because the run has no checkpoint of this session");
      return;
    }
    Path directory = new Path(checkpoint);
    FileSystem fs = HadoopFiles.fileSystem(directory, run.configuration());
    for (FileStatus file : fs.listStatus(directory)) {
      String name = file.getPath().getName();
      if (file.isFile() && !name.equals(MANIFEST) && !name.startsWith(".")) {
        delivery.artifact(file.getPath(), MODEL + "/" + name);
      }
    }
    delivery.artifact(
        """
        artifact_path: %s
        flavors:
          firesteel:
            format: huggingface
        utc_time_created: '%s'
        """
            .formatted(MODEL, Instant.now()),
        MODEL + "/MLmodel");
    delivery.register(mlflow.register(), MODEL);
  }

  /** What {@link Trackers#deliver} does for MLflow. */
  static int deliver(RunDirectory run, Consumer<String> notices) {
    Supplier<UserException> unreadable =
        () ->
            UserException.usage(
                "%s must be a run directory with the section tracking in its %s, got none: name another one"
                    .formatted(run, RunDirectory.CONFIG));
    byte[] yaml = run.read(RunDirectory.CONFIG).orElseThrow(unreadable);
    MlflowConfig config =
        ConfigLoader.parseSection(
                TrackingConfig.class,
                "tracking",
                new String(yaml, StandardCharsets.UTF_8),
                run + "/" + RunDirectory.CONFIG)
            .orElseThrow(unreadable)
            .mlflow();
    if (!config.wanted()) {
      return 0;
    }
    MlflowServer server = new MlflowServer(config.uri(), System.getenv(), TIMEOUT);
    MlflowDelivery delivery =
        new MlflowDelivery(server, config, run.path().getName(), run, notices);
    try {
      delivery.deliver();
    } catch (IOException e) {
      throw HadoopFiles.explain("delivering what waits in " + run, e);
    }
    return delivery.waiting();
  }
}
