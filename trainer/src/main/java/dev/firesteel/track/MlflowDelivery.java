package dev.firesteel.track;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.config.MlflowConfig;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.run.RunDirectory;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;
import java.util.function.Consumer;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The way of one run's requests to its MLflow server. The MLflow run is made, or found again by
 * {@value #RECORD} in the run directory, at the first delivery. What cannot be delivered waits in
 * {@value #QUEUE}, and is tried again after a pause that doubles up to a minute.
 *
 * <p>Values of a metric are delivered in the order of their steps, and only those after the last
 * one that the server has: a request whose answer was lost, and a run that repeats steps because it
 * resumes, give no point twice.
 */
final class MlflowDelivery {
  static final String RECORD = "mlflow/run.json";
  static final String QUEUE = "mlflow/queue";

  /** Kinds of requests that are not calls of MLflow's API. */
  private static final String ARTIFACT = "artifact";

  private static final String REGISTER = "register";
  private static final String LOG_BATCH = "runs/log-batch";
  private static final String PROXIED = "mlflow-artifacts";
  private static final Duration LONGEST_PAUSE = Duration.ofMinutes(1);

  private final MlflowServer server;
  private final MlflowConfig config;
  private final String name;
  private final RunDirectory run;
  private final Consumer<String> notices;
  private final RequestQueue queue;
  private final Map<String, Long> lastSteps = new HashMap<>(); // on the server
  private String runId = ""; // empty before the first delivery
  private String artifactUri = "";
  private boolean connected;
  private int failures; // in a row
  private long retryNanos;

  /**
   * @param name of the MLflow run
   * @param notices receives messages
   */
  MlflowDelivery(
      MlflowServer server,
      MlflowConfig config,
      String name,
      RunDirectory run,
      Consumer<String> notices) {
    this.server = server;
    this.config = config;
    this.name = name;
    this.run = run;
    this.notices = notices;
    this.queue = new RequestQueue(run, QUEUE);
  }

  /** Whether there is no trace of this run yet, neither on a server nor waiting. */
  boolean isNew() {
    return queue.size() == 0 && run.read(RECORD).isEmpty();
  }

  /** Queues a call of MLflow's API about the run; its id is added when it is known. */
  void call(String call, ObjectNode body) {
    queue.add(request(call).set("body", body));
  }

  /** Queues a batch of metrics, parameters or tags. */
  void batch(String kind, ArrayNode elements) {
    call(LOG_BATCH, MlflowServer.JSON.createObjectNode().set(kind, elements));
  }

  /**
   * Queues the upload of a file.
   *
   * @param file where it is when it is delivered
   * @param path of the artifact
   */
  void artifact(Path file, String path) {
    queue.add(request(ARTIFACT).put("file", file.toString()).put("path", path));
  }

  /** Queues the upload of a text. */
  void artifact(String text, String path) {
    queue.add(request(ARTIFACT).put("text", text).put("path", path));
  }

  /** Queues the registration of an uploaded model as the next version of a registered model. */
  void register(String model, String path) {
    queue.add(request(REGISTER).put("model", model).put("path", path));
  }

  private static ObjectNode request(String call) {
    return MlflowServer.JSON.createObjectNode().put("call", call);
  }

  /** Whether the server is to be tried now: it is not within a pause. */
  boolean isDue() {
    return failures == 0 || System.nanoTime() - retryNanos >= 0;
  }

  /**
   * Delivers what waits, as far as the server takes it; saves the rest in the run directory.
   *
   * @return whether nothing is left
   */
  boolean deliver() throws IOException {
    try {
      for (Optional<ObjectNode> next = queue.first(); next.isPresent(); next = queue.first()) {
        connect();
        try {
          send(next.get());
        } catch (MlflowServer.Refused e) {
          if (!e.isFinal()) {
            throw e;
          }
          notices.accept(
              "MLflow at %s refused %s of the run, which is dropped: %s"
                  .formatted(server, next.get().path("call").asText(), e.getMessage()));
        }
        queue.removeFirst();
      }
      if (failures > 0) {
        notices.accept("MLflow at %s answers again; all is delivered".formatted(server));
      }
      failures = 0;
      return true;
    } catch (IOException e) {
      failed(e);
      return false;
    }
  }

  private void failed(IOException failure) throws IOException {
    connected = false; // Asks again what the server has: an answer may have been lost.
    failures++;
    Duration pause = Duration.ofSeconds(1L << Math.min(failures, 10));
    retryNanos =
        System.nanoTime() + (pause.compareTo(LONGEST_PAUSE) < 0 ? pause : LONGEST_PAUSE).toNanos();
    queue.save();
    if (failures == 1) {
      notices.accept(
          "MLflow at %s cannot be reached (%s): what it is to show waits in %s/%s"
              .formatted(server, failure.getMessage(), run, QUEUE));
    }
  }

  /** Moves what waits to files. */
  void save() throws IOException {
    queue.save();
  }

  /** The number of requests that wait. */
  int waiting() {
    return queue.size();
  }

  /** The number of requests that were lost, because too many waited. */
  long dropped() {
    return queue.dropped();
  }

  /** Finds or makes the MLflow run, and asks which steps it has. */
  private void connect() throws IOException {
    if (connected) {
      return;
    }
    if (runId.isEmpty()) {
      runId = recordedId();
    }
    if (runId.isEmpty()) {
      create();
    } else {
      know(server.get("runs/get", "run_id", runId).path("run"));
    }
    connected = true;
  }

  private String recordedId() throws IOException {
    Optional<byte[]> record = run.read(RECORD);
    return record.isPresent()
        ? MlflowServer.JSON.readTree(record.get()).path("run_id").asText("")
        : "";
  }

  private void create() throws IOException {
    ObjectNode body = MlflowServer.JSON.createObjectNode();
    body.put("experiment_id", experiment()).put("run_name", name);
    body.put("start_time", System.currentTimeMillis());
    JsonNode made = server.post("runs/create", body).path("run");
    know(made);
    runId = made.at("/info/run_id").asText();
    ObjectNode record = MlflowServer.JSON.createObjectNode();
    record.put("uri", config.uri()).put("experiment", config.experiment()).put("run_id", runId);
    run.replace(RECORD, MlflowServer.JSON.writeValueAsBytes(record));
  }

  private void know(JsonNode remote) {
    artifactUri = remote.at("/info/artifact_uri").asText("");
    knowSteps(remote.at("/data/metrics"));
  }

  private void knowSteps(JsonNode metrics) {
    for (JsonNode metric : metrics) {
      lastSteps.merge(metric.path("key").asText(), metric.path("step").asLong(), Math::max);
    }
  }

  private String experiment() throws IOException {
    try {
      return server
          .get("experiments/get-by-name", "experiment_name", config.experiment())
          .at("/experiment/experiment_id")
          .asText();
    } catch (MlflowServer.Refused e) {
      if (!e.code().equals("RESOURCE_DOES_NOT_EXIST")) {
        throw e;
      }
      return server
          .post(
              "experiments/create",
              MlflowServer.JSON.createObjectNode().put("name", config.experiment()))
          .path("experiment_id")
          .asText();
    }
  }

  private void send(ObjectNode request) throws IOException {
    String call = request.path("call").asText();
    if (call.equals(ARTIFACT)) {
      upload(request);
    } else if (call.equals(REGISTER)) {
      registerModel(request.path("model").asText(), request.path("path").asText());
    } else {
      ObjectNode body = request.withObject("/body").deepCopy().put("run_id", runId);
      if (body.path("metrics") instanceof ArrayNode metrics) {
        ArrayNode unknown = unknown(metrics);
        if (unknown.isEmpty()) {
          return;
        }
        body.set("metrics", unknown);
      }
      server.post(call, body);
      knowSteps(body.path("metrics"));
    }
  }

  /** Those that the server does not have. */
  private ArrayNode unknown(ArrayNode metrics) {
    ArrayNode unknown = MlflowServer.JSON.createArrayNode();
    for (JsonNode metric : metrics) {
      Long last = lastSteps.get(metric.path("key").asText());
      if (last == null || metric.path("step").asLong() > last) {
        unknown.add(metric);
      }
    }
    return unknown;
  }

  private void upload(JsonNode request) throws IOException {
    String path = request.path("path").asText();
    Path target = new Path(artifactUri + "/" + path);
    String scheme = target.toUri().getScheme();
    if (request.has("text")) {
      byte[] text = request.path("text").asText().getBytes(StandardCharsets.UTF_8);
      put(scheme, target, text.length, () -> new ByteArrayInputStream(text));
      return;
    }
    Path file = new Path(request.path("file").asText());
    FileSystem fs = HadoopFiles.fileSystem(file, run.configuration());
    if (!fs.exists(file)) {
      notices.accept("MLflow gets no %s, which is gone from %s".formatted(path, file));
      return;
    }
    put(scheme, target, fs.getFileStatus(file).getLen(), () -> fs.open(file));
  }

  private void put(String scheme, Path target, long length, MlflowServer.Content content)
      throws IOException {
    if (PROXIED.equals(scheme)) {
      server.upload(target.toUri().getPath().substring(1), length, content);
      return;
    }
    if (scheme == null || scheme.equals("file")) {
      notices.accept(
          "MLflow keeps its artifacts in a local folder of the server (%s), and gets no %s: start the server with --serve-artifacts"
              .formatted(artifactUri, target.getName()));
      return;
    }
    Path reachable = new Path(target.toString().replaceFirst("^s3:", "s3a:"));
    try (InputStream in = content.open();
        OutputStream out =
            HadoopFiles.fileSystem(reachable, run.configuration()).create(reachable, true)) {
      HadoopFiles.copy(in, out);
    }
  }

  private void registerModel(String model, String path) throws IOException {
    try {
      server.post(
          "registered-models/create", MlflowServer.JSON.createObjectNode().put("name", model));
    } catch (MlflowServer.Refused e) {
      if (!e.code().equals("RESOURCE_ALREADY_EXISTS")) {
        throw e;
      }
    }
    server.post(
        "model-versions/create",
        MlflowServer.JSON
            .createObjectNode()
            .put("name", model)
            .put("source", artifactUri + "/" + path)
            .put("run_id", runId));
  }
}
