package dev.firesteel.serve;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * One tab of a headless Chromium, steered by the DevTools protocol
 * (https://chromedevtools.github.io/devtools-protocol/). What the page itself reports as wrong is
 * kept: exceptions, and violations of its content security policy.
 */
final class Chromium implements AutoCloseable {
  private static final Duration LIMIT = Duration.ofSeconds(30);
  private static final String LISTENING = "DevTools listening on ";
  private static final ObjectMapper JSON = new ObjectMapper();
  private static final Map<String, Integer> KEYS =
      Map.of(
          "Enter",
          13,
          "Escape",
          27,
          "End",
          35,
          "Home",
          36,
          "ArrowLeft",
          37,
          "ArrowRight",
          39,
          "Tab",
          9);

  private final Process process;
  private final Path profile;
  private final WebSocket socket;
  private final AtomicInteger calls = new AtomicInteger();
  private final Map<Integer, CompletableFuture<JsonNode>> waiting = new ConcurrentHashMap<>();
  private final List<String> problems = Collections.synchronizedList(new ArrayList<>());
  private String session;

  private Chromium(Process process, Path profile, URI address) {
    this.process = process;
    this.profile = profile;
    socket =
        HttpClient.newHttpClient()
            .newWebSocketBuilder()
            .buildAsync(address, new Messages())
            .orTimeout(LIMIT.toSeconds(), TimeUnit.SECONDS)
            .join();
  }

  /** The program, if this machine has it. */
  static Optional<Path> program() {
    return Stream.of(System.getenv("PATH").split(File.pathSeparator))
        .flatMap(
            folder ->
                Stream.of("chromium", "chromium-browser", "google-chrome")
                    .map(name -> Path.of(folder, name)))
        .filter(Files::isExecutable)
        .findFirst();
  }

  /** Starts a browser with an empty profile. */
  static Chromium start(Path program) throws IOException {
    Path profile = Files.createTempDirectory("firesteel-chromium");
    Process process =
        new ProcessBuilder(
                program.toString(),
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                "--remote-debugging-port=0",
                "--user-data-dir=" + profile,
                "about:blank")
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .start();
    // One that does not start in time is ended, and with it the lines that it writes.
    CompletableFuture<Process> started = new CompletableFuture<>();
    started
        .orTimeout(LIMIT.toSeconds(), TimeUnit.SECONDS)
        .exceptionally(late -> process.destroyForcibly());
    BufferedReader errors = process.errorReader(StandardCharsets.UTF_8);
    StringBuilder said = new StringBuilder();
    for (String line = errors.readLine(); line != null; line = errors.readLine()) {
      said.append(line).append('\n');
      if (line.startsWith(LISTENING)) {
        started.complete(process);
        Thread rest = new Thread(() -> errors.lines().forEach(ignored -> {}), "chromium-errors");
        rest.setDaemon(true);
        rest.start();
        Chromium browser =
            new Chromium(process, profile, URI.create(line.substring(LISTENING.length())));
        browser.openTab();
        return browser;
      }
    }
    throw new IOException("Chromium ended: " + said);
  }

  private void openTab() {
    String target =
        call("Target.createTarget", parameters().put("url", "about:blank"))
            .path("targetId")
            .asText();
    session =
        call("Target.attachToTarget", parameters().put("targetId", target).put("flatten", true))
            .path("sessionId")
            .asText();
    call("Page.enable", parameters());
    call("Runtime.enable", parameters());
    call("Log.enable", parameters());
    resize(1280, 900);
  }

  private static ObjectNode parameters() {
    return JsonNodeFactory.instance.objectNode();
  }

  private final class Messages implements WebSocket.Listener {
    private final StringBuilder partial = new StringBuilder();

    @Override
    public CompletionStage<?> onText(WebSocket from, CharSequence data, boolean last) {
      partial.append(data);
      if (last) {
        String whole = partial.toString();
        partial.setLength(0);
        try {
          receive(JSON.readTree(whole));
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
      from.request(1);
      return null;
    }
  }

  private void receive(JsonNode message) {
    if (message.has("id")) {
      waiting.remove(message.path("id").asInt()).complete(message);
    } else if (message.path("method").asText().equals("Runtime.exceptionThrown")) {
      problems.add(message.at("/params/exceptionDetails").toString());
    } else if (message.path("method").asText().equals("Log.entryAdded")
        && message.at("/params/entry/source").asText().equals("security")) {
      problems.add(message.at("/params/entry/text").asText());
    }
  }

  private JsonNode call(String method, ObjectNode parameters) {
    int id = calls.incrementAndGet();
    ObjectNode message = parameters();
    message.put("id", id).put("method", method).set("params", parameters);
    if (session != null) {
      message.put("sessionId", session);
    }
    CompletableFuture<JsonNode> answer = new CompletableFuture<>();
    waiting.put(id, answer);
    socket.sendText(message.toString(), true).join();
    JsonNode got = answer.orTimeout(LIMIT.toSeconds(), TimeUnit.SECONDS).join();
    if (got.has("error")) {
      throw new IllegalStateException(method + ": " + got.path("error"));
    }
    return got.path("result");
  }

  /** What the page has reported as wrong. */
  List<String> problems() {
    return List.copyOf(problems);
  }

  void open(String address) {
    // The document before may still answer for a moment.
    value("window.isLeft = true");
    call("Page.navigate", parameters().put("url", address));
    await("!window.isLeft && document.readyState === 'complete'");
  }

  /** The value of an expression; that of a promise when it is there. */
  JsonNode value(String expression) {
    JsonNode result =
        call(
            "Runtime.evaluate",
            parameters()
                .put("expression", expression)
                .put("returnByValue", true)
                .put("awaitPromise", true));
    if (result.has("exceptionDetails")) {
      throw new IllegalStateException(expression + ": " + result.path("exceptionDetails"));
    }
    return result.at("/result/value");
  }

  String text(String selector) {
    return value("document.querySelector(%s).innerText".formatted(quoted(selector))).asText();
  }

  private static String quoted(String text) {
    return JsonNodeFactory.instance.textNode(text).toString();
  }

  /** Waits until a condition holds. */
  void await(String condition) {
    Instant limit = Instant.now().plus(LIMIT);
    while (!value("Boolean(" + condition + ")").asBoolean()) {
      if (Instant.now().isAfter(limit)) {
        throw new IllegalStateException(
            "never true: %s; the page shows: %s; problems: %s"
                .formatted(condition, text("body"), problems));
      }
      pause();
    }
  }

  private static void pause() {
    try {
      Thread.sleep(20);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }

  void click(String selector) {
    value(
        "document.querySelector(%1$s).focus(); document.querySelector(%1$s).click()"
            .formatted(quoted(selector)));
  }

  /** Types a text where the focus is. */
  void type(String text) {
    call("Input.insertText", parameters().put("text", text));
  }

  /** Presses a key where the focus is: a letter, or one by its name. */
  void press(String key) {
    for (String kind : List.of("keyDown", "keyUp")) {
      ObjectNode event = parameters().put("type", kind).put("key", key);
      event.put("windowsVirtualKeyCode", KEYS.getOrDefault(key, (int) key.charAt(0)));
      if (key.length() == 1) {
        event.put("text", key);
      } else if (key.equals("Enter")) {
        event.put("text", "\r");
      }
      call("Input.dispatchKeyEvent", event);
    }
  }

  /** Moves the pointer onto an element. */
  void hover(String selector) {
    JsonNode at =
        value(
            "(r => ({x: r.left + r.width / 2, y: r.top + r.height / 2}))(document.querySelector(%s).getClientRects()[0])"
                .formatted(quoted(selector)));
    call(
        "Input.dispatchMouseEvent",
        parameters()
            .put("type", "mouseMoved")
            .put("x", at.path("x").asDouble())
            .put("y", at.path("y").asDouble()));
  }

  void resize(int width, int height) {
    call(
        "Emulation.setDeviceMetricsOverride",
        parameters()
            .put("width", width)
            .put("height", height)
            .put("deviceScaleFactor", 1)
            .put("mobile", false));
  }

  /** Whether the system is set to dark colours. */
  void prefersDark(boolean dark) {
    ObjectNode parameters = parameters();
    parameters
        .putArray("features")
        .addObject()
        .put("name", "prefers-color-scheme")
        .put("value", dark ? "dark" : "light");
    call("Emulation.setEmulatedMedia", parameters);
  }

  /** A picture of what is seen, if {@code -Dfiresteel.screenshots=FOLDER} says where to put it. */
  void picture(String name) throws IOException {
    String folder = System.getProperty("firesteel.screenshots");
    if (folder != null) {
      String data =
          call("Page.captureScreenshot", parameters().put("format", "png")).path("data").asText();
      Files.write(Path.of(folder, name + ".png"), Base64.getDecoder().decode(data));
    }
  }

  @Override
  public void close() throws IOException {
    socket.abort();
    process.destroy();
    try {
      if (!process.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)) {
        process.destroyForcibly();
      }
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
    try (Stream<Path> files = Files.walk(profile)) {
      // Its children may still be writing: what cannot be deleted stays in the temporary folder.
      files.sorted(java.util.Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
    } catch (UncheckedIOException e) {
      // A file that vanished meanwhile.
    }
  }
}
