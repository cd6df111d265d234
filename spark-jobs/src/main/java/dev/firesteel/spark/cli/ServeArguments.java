package dev.firesteel.spark.cli;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.Backend;
import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.error.UserException;
import dev.firesteel.generate.GenerationEngine;
import dev.firesteel.run.SavedModel;
import dev.firesteel.serve.Library;
import dev.firesteel.serve.ModelServer;
import dev.firesteel.serve.Route;
import dev.firesteel.serve.ServeOptions;
import dev.firesteel.serve.ServedModel;
import dev.firesteel.serve.ServedModels;
import dev.firesteel.spark.process.Interruption;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.function.Function;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** The arguments of every command that serves models over HTTP, and the serving. */
final class ServeArguments {
  private static final String COMPUTE = "compute.";
  private static final String KEY_VARIABLE = "FIRESTEEL_API_KEY";

  @Parameters(
      index = "0..*",
      arity = "1..*",
      paramLabel = "[NAME=]MODEL",
      description =
          "Run directories (their last checkpoints), checkpoints, or Hugging Face model"
              + " directories, by the last part of their paths or by NAME; and what computes:"
              + " compute.KEY=VALUE, the keys of the section compute in docs/configuration.md.")
  private List<String> arguments = new ArrayList<>();

  @Mixin private TemplateArguments templates;

  @Option(
      names = "--host",
      paramLabel = "ADDRESS",
      defaultValue = "127.0.0.1",
      description =
          "Address to listen on; ${DEFAULT-VALUE}, this machine only, by default; 0.0.0.0 for all.")
  private String host;

  @Option(
      names = "--port",
      paramLabel = "N",
      defaultValue = "8080",
      description = "Port to listen on; 0 for any that is free; ${DEFAULT-VALUE} by default.")
  private int port;

  @Option(
      names = "--api-key",
      paramLabel = "KEY",
      description =
          "What requests must carry as \"Authorization: Bearer KEY\"; also from the variable "
              + KEY_VARIABLE
              + ", which other users of the machine cannot see. None by default.")
  private String apiKey;

  @Option(
      names = "--cors",
      paramLabel = "ORIGIN",
      description =
          "Web origin whose scripts may use the server, as in https://example.org; * for all."
              + " None by default.")
  private String cors;

  @Option(
      names = "--documents",
      paramLabel = "FOLDER",
      description =
          "Draw chat answers from the text files of this folder, with citations; the first model"
              + " embeds them. None by default.")
  private String documents;

  @Option(
      names = "--context",
      paramLabel = "N",
      defaultValue = "0",
      description =
          "Most tokens of a prompt and its answer, which need memory for each sequence;"
              + " 0, the default: the model's.")
  private int context;

  @Option(
      names = "--max-batch",
      paramLabel = "N",
      defaultValue = "16",
      description = "Answers of a model computed together, at most; ${DEFAULT-VALUE} by default.")
  private int maxBatch;

  @Option(
      names = "--max-queue",
      paramLabel = "N",
      defaultValue = "64",
      description =
          "Answers that may wait, at most; more are refused (429); ${DEFAULT-VALUE} by default.")
  private int maxQueue;

  @Option(
      names = "--max-body",
      paramLabel = "BYTES",
      defaultValue = "1048576",
      description = "Largest body of a request; ${DEFAULT-VALUE} by default.")
  private int maxBody;

  @Option(
      names = "--max-connections",
      paramLabel = "N",
      defaultValue = "2048",
      description = "Connections at a time; more have to wait; ${DEFAULT-VALUE} by default.")
  private int maxConnections;

  @Option(
      names = "--request-timeout",
      paramLabel = "SECONDS",
      defaultValue = "600",
      description = "Longest time for an answer; ${DEFAULT-VALUE} by default.")
  private int requestTimeout;

  @Option(
      names = "--body-timeout",
      paramLabel = "SECONDS",
      defaultValue = "20",
      description = "Longest time for a request to arrive; ${DEFAULT-VALUE} by default.")
  private int bodyTimeout;

  @Option(
      names = "--idle-timeout",
      paramLabel = "SECONDS",
      defaultValue = "60",
      description = "How long a connection may be silent; ${DEFAULT-VALUE} by default.")
  private int idleTimeout;

  @Option(
      names = "--grace",
      paramLabel = "SECONDS",
      defaultValue = "10",
      description =
          "How long answers in progress may take after Ctrl-C or SIGTERM; ${DEFAULT-VALUE} by"
              + " default.")
  private int grace;

  /**
   * Serves the models until a signal ends it.
   *
   * @param spec of the command, for its output
   * @param page the path to open in a browser
   * @param more routes of the models beside those of the protocol
   * @return the exit code
   */
  int serve(CommandSpec spec, String page, Function<ServedModels, List<Route>> more) {
    ServeOptions options = options();
    Map<String, String> paths = new LinkedHashMap<>();
    List<String> overrides = new ArrayList<>();
    for (String argument : arguments) {
      if (argument.startsWith(COMPUTE)) {
        overrides.add(argument);
      } else {
        add(argument, paths);
      }
    }
    if (paths.isEmpty()) {
      throw UserException.usage("serve needs a model, got none: name a run directory");
    }
    try (Backend backend = ModelArguments.backend(overrides);
        ArrayPool pool = new ArrayPool(backend);
        SavedModels saved = new SavedModels();
        GenerationEngine engine = new GenerationEngine(options.maxBatch(), options.maxQueue())) {
      return serve(spec, saved.open(paths, backend), engine, pool, options, page, more);
    }
  }

  private ServeOptions options() {
    String key = apiKey == null ? System.getenv(KEY_VARIABLE) : apiKey;
    return new ServeOptions(
        host,
        port,
        Optional.ofNullable(key),
        Optional.ofNullable(cors),
        maxBatch,
        maxQueue,
        Duration.ofSeconds(requestTimeout),
        maxBody,
        maxConnections,
        Duration.ofSeconds(bodyTimeout),
        Duration.ofSeconds(idleTimeout),
        Duration.ofSeconds(grace));
  }

  private static void add(String argument, Map<String, String> paths) {
    int equals = argument.indexOf('=');
    String path = argument.substring(equals + 1);
    String name = equals > 0 ? argument.substring(0, equals) : new Path(path).getName();
    if (!name.matches("[\\p{Alnum}._-]{1,100}")) {
      throw UserException.usage(
          "the name of a model must consist of letters, digits, dots, hyphens and underscores, got \"%s\": name it, as in mymodel=%s"
              .formatted(name, path));
    }
    if (paths.putIfAbsent(name, path) != null) {
      throw UserException.usage(
          "models must have different names, got %s twice: name one otherwise, as in other=%s"
              .formatted(name, path));
    }
  }

  private int serve(
      CommandSpec spec,
      Map<String, SavedModel> saved,
      GenerationEngine engine,
      ArrayPool pool,
      ServeOptions options,
      String page,
      Function<ServedModels, List<Route>> more) {
    Map<String, Optional<ChatTemplate>> chosen = templates.of(saved, new Configuration());
    List<ServedModel> served = new ArrayList<>();
    saved.forEach((name, model) -> served.add(load(name, model, chosen.get(name), engine, pool)));
    Optional<Library> library = library(spec, served.get(0), engine);
    try {
      ServedModels models = new ServedModels(engine, served, library);
      listen(spec, served, models, engine, options, page, more.apply(models));
    } finally {
      library.ifPresent(Library::close);
    }
    return 0;
  }

  private static void listen(
      CommandSpec spec,
      List<ServedModel> served,
      ServedModels models,
      GenerationEngine engine,
      ServeOptions options,
      String page,
      List<Route> more) {
    CountDownLatch stop = new CountDownLatch(1);
    try (ModelServer server = new ModelServer(models, options, more)) {
      server.start();
      Interruption.graceful(
          stop::countDown,
          () -> {
            report(spec, served, server, page);
            await(stop);
            server.drain();
            return 0;
          });
      // Before the connections are closed: those who still wait get an error.
      engine.close();
    }
  }

  private Optional<Library> library(
      CommandSpec spec, ServedModel embedder, GenerationEngine engine) {
    if (documents == null) {
      return Optional.empty();
    }
    java.nio.file.Path folder = java.nio.file.Path.of(documents);
    Library library = Library.of(folder, embedder, engine);
    spec.commandLine()
        .getOut()
        .println(
            "%s: %,d passages, embedded by %s; %,d files are not text"
                .formatted(documents, library.size(), embedder.id(), library.skipped().size()));
    return Optional.of(library);
  }

  private static void report(
      CommandSpec spec, List<ServedModel> served, ModelServer server, String page) {
    PrintWriter out = spec.commandLine().getOut();
    for (ServedModel model : served) {
      out.println(
          "Serving %s: context %,d, %s"
              .formatted(
                  model.id(),
                  model.context(),
                  model.chat().isPresent() ? "chat" : "completions only (no chat template)"));
    }
    out.println("Listening on %s (Ctrl-C ends it)".formatted(server.url()));
    out.println("In a browser: %s%s".formatted(server.url(), page));
    if (server.openToAll()) {
      spec.commandLine()
          .getErr()
          .println(
              "firesteel: warning: everyone who reaches this address may use the server; set "
                  + KEY_VARIABLE);
    }
  }

  private static void await(CountDownLatch stop) {
    try {
      stop.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private ServedModel load(
      String name,
      SavedModel saved,
      Optional<ChatTemplate> template,
      GenerationEngine engine,
      ArrayPool pool) {
    int most = saved.model().config().contextLength();
    int length = context == 0 ? most : Math.min(context, most);
    engine.add(name, saved.model(), saved.tokenizer(), pool, length);
    return ServedModel.of(
        name,
        saved.tokenizer(),
        saved.documents(),
        template,
        length,
        saved.model().config().width(),
        System.currentTimeMillis() / 1000);
  }

  /** Open models, closed together. */
  private static final class SavedModels implements AutoCloseable {
    private final Map<String, SavedModel> open = new LinkedHashMap<>();

    Map<String, SavedModel> open(Map<String, String> paths, Backend backend) {
      Configuration hadoop = new Configuration();
      paths.forEach(
          (name, path) -> open.put(name, SavedModel.open(new Path(path), hadoop, backend)));
      return open;
    }

    @Override
    public void close() {
      open.values().forEach(SavedModel::close);
    }
  }
}
