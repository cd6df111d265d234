package dev.firesteel.format.huggingface;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.chat.BoundaryTexts;
import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.safetensors.Safetensors;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The chat template of a tokenizer: the file {@code chat_template.jinja} beside {@code
 * tokenizer.json}, which present versions of transformers prefer, and the field {@code
 * chat_template} of {@code tokenizer_config.json}, which older readers know.
 */
public final class ChatTemplateFiles {
  /** The choice of the tokenizer's own template. */
  public static final String OF_TOKENIZER = "tokenizer";

  static final String FILE = "chat_template.jinja";
  private static final String FIELD = "chat_template";
  private static final String DEFAULT_NAME = "default";

  private ChatTemplateFiles() {}

  /**
   * The template of the tokenizer in a folder: the file, else the field, which is a source or a
   * list of {@code {name, template}}, of which the one named {@code default} is taken, or the only
   * one. Empty if there is none.
   *
   * @throws UserException if it cannot be read
   */
  public static Optional<ChatTemplate> read(FileSystem fs, Path folder) {
    Path file = new Path(folder, FILE);
    Optional<String> source = text(fs, file);
    if (source.isPresent()) {
      return Optional.of(ChatTemplate.of(file.toString(), source.get()));
    }
    Path config = new Path(folder, TokenizerFiles.TOKENIZER_CONFIG);
    JsonNode field = json(fs, config).path(FIELD);
    if (field.isTextual()) {
      return Optional.of(ChatTemplate.of(config.toString(), field.textValue()));
    }
    if (field.isArray()) {
      return Optional.of(ofList(config, field));
    }
    if (field.isMissingNode() || field.isNull()) {
      return Optional.empty();
    }
    throw UserException.usage(
        "chat_template of %s must be a template or a list of named ones, got %s: correct the file"
            .formatted(config, field));
  }

  private static ChatTemplate ofList(Path config, JsonNode list) {
    List<String> names = new ArrayList<>();
    for (JsonNode each : list) {
      String name = each.path("name").asText();
      names.add(name);
      if ((name.equals(DEFAULT_NAME) || list.size() == 1) && each.path("template").isTextual()) {
        return ChatTemplate.of(config + " (" + name + ")", each.path("template").textValue());
      }
    }
    throw UserException.usage(
        "chat_template of %s must have a template named default, got %s: name one of them so, or give the template as a file"
            .formatted(config, names));
  }

  /**
   * The template of a choice: {@code ""} is the tokenizer's own and, where it has none, {@link
   * ChatTemplate#DEFAULT}; {@value #OF_TOKENIZER} is its own; a name of {@link
   * ChatTemplate#BUILT_IN} is that one; everything else is a file.
   *
   * @param conf how to reach the file system of a choice that is a file
   * @throws UserException if there is no such template, or it cannot be read
   */
  public static ChatTemplate choose(
      String choice, FileSystem fs, Path tokenizerFolder, Configuration conf) {
    if (choice.isEmpty() || choice.equals(OF_TOKENIZER)) {
      Optional<ChatTemplate> own = read(fs, tokenizerFolder);
      return own.or(
              () ->
                  choice.isEmpty() ? ChatTemplate.builtIn(ChatTemplate.DEFAULT) : Optional.empty())
          .orElseThrow(
              () ->
                  UserException.usage(
                      "the tokenizer in %s must have a chat template, and has none: choose one of %s, or a file"
                          .formatted(tokenizerFolder, String.join(", ", ChatTemplate.BUILT_IN))));
    }
    return ChatTemplate.builtIn(choice)
        .orElseGet(
            () -> {
              Optional<String> source;
              try {
                Path file = new Path(choice);
                source = text(HadoopFiles.fileSystem(file, conf), file);
              } catch (IOException e) {
                throw HadoopFiles.explain("reading " + choice, e);
              }
              return ChatTemplate.of(
                  choice,
                  source.orElseThrow(
                      () ->
                          UserException.usage(
                              "the chat template must be tokenizer, one of %s, or a file, got %s, which is neither: correct the name"
                                  .formatted(String.join(", ", ChatTemplate.BUILT_IN), choice))));
            });
  }

  /**
   * Writes the template as the file and as the field, which is added to what {@code
   * tokenizer_config.json} has; so are {@code eos_token} and {@code bos_token}, which the template
   * may use, unless they are there.
   */
  public static void write(FileSystem fs, Path folder, ChatTemplate template, BoundaryTexts texts)
      throws IOException {
    write(fs, new Path(folder, FILE), template.source());
    Path config = new Path(folder, TokenizerFiles.TOKENIZER_CONFIG);
    ObjectNode json =
        json(fs, config) instanceof ObjectNode object
            ? object
            : Safetensors.JSON.createObjectNode();
    texts.eos().filter(eos -> !json.has("eos_token")).ifPresent(eos -> json.put("eos_token", eos));
    texts.bos().filter(bos -> !json.has("bos_token")).ifPresent(bos -> json.put("bos_token", bos));
    json.put(FIELD, template.source());
    write(fs, config, json.toPrettyString() + "\n");
  }

  /** Writes the template's file into a checkpoint, and adds its field. */
  static void write(CheckpointWriter writer, ObjectNode tokenizerConfig, ChatTemplate template)
      throws IOException {
    writer.write(FILE, template.source());
    tokenizerConfig.put(FIELD, template.source());
  }

  private static void write(FileSystem fs, Path file, String text) throws IOException {
    try (OutputStream out = fs.create(file, true)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
  }

  private static Optional<String> text(FileSystem fs, Path file) {
    try (InputStream in = fs.open(file)) {
      return Optional.of(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    } catch (FileNotFoundException e) {
      return Optional.empty();
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + file, e);
    }
  }

  private static JsonNode json(FileSystem fs, Path file) {
    try {
      return Safetensors.JSON.readTree(text(fs, file).orElse("{}"));
    } catch (JsonProcessingException e) {
      throw UserException.failure("%s is not valid JSON".formatted(file), e);
    }
  }
}
