package dev.firesteel.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.abort;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.jinja.JinjaSnippets;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Against transformers itself, in another process. Run with a Python that has transformers and
 * jinja2:
 *
 * <pre>{@code
 * ./mvnw -pl core,trainer test -Dtest=ChatTemplateAgreementTest \
 *     -Dsurefire.failIfNoSpecifiedTests=false -Dfiresteel.python=python3
 * }</pre>
 */
class ChatTemplateAgreementTest {
  private static final String PYTHON = System.getProperty("firesteel.python", "");
  private static final String PROGRAM = "src/test/resources/chat-templates/chat_templates.py";
  private static final String BUILT_IN = "src/main/resources/dev/firesteel/chat";

  @TempDir private Path folder;

  @Test
  void rendersAndMarksAsTransformersDoes() throws IOException, InterruptedException {
    assumeTrue(
        !PYTHON.isEmpty(),
        "comparing with transformers needs a Python that has transformers and jinja2, as -Dfiresteel.python=python3");
    if (run("-c", "import transformers, jinja2") != 0) {
      abort(PYTHON + " has no transformers or no jinja2: install them");
    }
    Path goldens = folder.resolve("goldens.json");
    assertThat(run(PROGRAM, BUILT_IN, goldens.toString())).isZero();
    JsonNode json = new ObjectMapper().readTree(goldens.toFile());
    assertThat(JinjaSnippets.differences(json)).isEmpty();
    assertThat(ChatGoldens.differences(json)).isEmpty();
    assertThat(json.path("chats").size()).isEqualTo(60);
  }

  private int run(String... arguments) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of(PYTHON));
    command.addAll(List.of(arguments));
    Path log = folder.resolve("log.txt");
    Process process =
        new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
    int exit = process.waitFor();
    if (exit != 0) {
      System.out.println(Files.readString(log, StandardCharsets.UTF_8));
    }
    return exit;
  }
}
