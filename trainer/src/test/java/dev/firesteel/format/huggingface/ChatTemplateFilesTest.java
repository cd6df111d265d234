package dev.firesteel.format.huggingface;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.chat.BoundaryTexts;
import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.checkpoint.FailingFileSystem;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.apache.hadoop.fs.FileSystem;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ChatTemplateFilesTest {
  @TempDir private Path folder;
  private FileSystem fs;

  @BeforeEach
  void openFiles() throws IOException {
    fs = FailingFileSystem.local();
  }

  private org.apache.hadoop.fs.Path hadoop(String name) {
    return new org.apache.hadoop.fs.Path(folder.resolve(name).toString());
  }

  private Optional<String> source() {
    return ChatTemplateFiles.read(fs, hadoop("")).map(ChatTemplate::source);
  }

  private ChatTemplate choose(String choice) {
    return ChatTemplateFiles.choose(choice, fs, hadoop(""), fs.getConf());
  }

  private void config(String json) throws IOException {
    Files.writeString(folder.resolve("tokenizer_config.json"), json.replace('\'', '"'));
  }

  @Test
  void readsTheFileBeforeTheField() throws IOException {
    assertThat(source()).isEmpty();
    config("{'chat_template':'field'}");
    assertThat(source()).contains("field");
    Files.writeString(folder.resolve("chat_template.jinja"), "file");
    assertThat(source()).contains("file");
  }

  @Test
  void readsAListOfNamedTemplates() throws IOException {
    config("{'chat_template':[{'name':'rag','template':'r'},{'name':'default','template':'d'}]}");
    assertThat(source()).contains("d");
    config("{'chat_template':[{'name':'only','template':'o'}]}");
    assertThat(source()).contains("o");
    config("{'chat_template':[{'name':'a','template':'a'},{'name':'b','template':'b'}]}");
    assertThatThrownBy(this::source)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must have a template named default, got [a, b]");
    config("{'chat_template':1}");
    assertThatThrownBy(this::source)
        .isInstanceOf(UserException.class)
        .hasMessageContaining("must be a template or a list of named ones, got 1");
    config("{");
    assertThatThrownBy(this::source).hasMessageContaining("is not valid JSON");
  }

  @Test
  void writesTheFileAndTheField() throws IOException {
    config("{'eos_token':'</s>','other':1}");
    ChatTemplate template = ChatTemplate.builtIn("vicuna").orElseThrow();
    ChatTemplateFiles.write(
        fs, hadoop(""), template, new BoundaryTexts(Optional.of("<s>"), Optional.of("<end>")));
    assertThat(source()).contains(template.source());
    Files.delete(folder.resolve("chat_template.jinja"));
    assertThat(source()).contains(template.source());
    JsonNode config = new ObjectMapper().readTree(folder.resolve("tokenizer_config.json").toFile());
    assertThat(config.path("eos_token").asText()).isEqualTo("</s>");
    assertThat(config.path("bos_token").asText()).isEqualTo("<s>");
    assertThat(config.path("other").asInt()).isEqualTo(1);
  }

  @Test
  void choosesATemplate() throws IOException {
    assertThat(choose("").name()).isEqualTo("chatml");
    assertThat(choose("zephyr").name()).isEqualTo("zephyr");
    assertThatThrownBy(() -> choose("tokenizer"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining(
            "must have a chat template, and has none: choose one of chatml, alpaca");
    assertThatThrownBy(() -> choose("chatlm"))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("got chatlm, which is neither");
    config("{'chat_template':'own'}");
    assertThat(choose("").source()).isEqualTo("own");
    assertThat(choose("tokenizer").source()).isEqualTo("own");
    Path file = folder.resolve("mine.jinja");
    Files.writeString(file, "mine");
    assertThat(choose(file.toString()).source()).isEqualTo("mine");
    Files.writeString(file, "{{");
    assertThatThrownBy(() -> choose(file.toString()))
        .isInstanceOf(UserException.class)
        .hasMessageContaining("mine.jinja cannot be read at line 1: {{ has no }}");
  }
}
