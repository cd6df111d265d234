package dev.firesteel.convert;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** Runs {@link LlamaCppMain}; skips the test where llama.cpp's binary does not run. */
final class LlamaCpp {
  private static final long SECONDS = 90;

  private LlamaCpp() {}

  /**
   * The tokens of prompts and their greedy completions, a line of JSON for each file.
   *
   * @param folder for the files of the exchange
   * @param prompts of one line each
   * @param tokens to generate
   */
  static List<JsonNode> complete(Path folder, List<String> prompts, int tokens, List<Path> files)
      throws IOException, InterruptedException {
    Path results = folder.resolve("results.jsonl");
    Path log = folder.resolve("log.txt");
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(List.of("-Xmx256m", "-cp", System.getProperty("java.class.path")));
    command.addAll(
        List.of(
            LlamaCppMain.class.getName(),
            results.toString(),
            Files.write(folder.resolve("prompts.txt"), prompts).toString(),
            String.valueOf(tokens)));
    files.forEach(file -> command.add(file.toString()));
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    boolean ended = process.waitFor(SECONDS, TimeUnit.SECONDS);
    process.destroyForcibly();
    String said = new String(Files.readAllBytes(log), StandardCharsets.UTF_8);
    said.lines()
        .filter(line -> line.contains("UnsatisfiedLinkError"))
        .findFirst()
        .ifPresent(line -> abort("llama.cpp's binary does not run on this machine: " + line));
    assertThat(ended && Files.exists(results)).as(said).isTrue();
    List<JsonNode> lines = new ArrayList<>();
    for (String line : Files.readAllLines(results)) {
      lines.add(new ObjectMapper().readTree(line));
    }
    assertThat(lines).hasSameSizeAs(files);
    return lines;
  }
}
