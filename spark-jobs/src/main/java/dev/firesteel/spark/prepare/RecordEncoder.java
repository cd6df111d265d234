package dev.firesteel.spark.prepare;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.exc.MismatchedInputException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.firesteel.chat.ChatTemplate;
import dev.firesteel.chat.ChatTokens;
import dev.firesteel.config.ExampleStageConfig;
import dev.firesteel.data.ExampleLine;
import dev.firesteel.data.RecordJson;
import dev.firesteel.example.EncodedRecord;
import dev.firesteel.example.Example;
import dev.firesteel.example.ExampleEncoder;
import dev.firesteel.example.ExampleKind;
import dev.firesteel.example.ExampleRules;
import dev.firesteel.example.ExampleType;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.ChatTemplateFiles;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.Tokenizers;
import java.nio.ByteBuffer;
import java.nio.CharBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.function.Function;

/** Turns records into examples, on executors. */
final class RecordEncoder implements Function<ExampleRecords.Line, PreparedRecord> {
  private static final long serialVersionUID = 1L;

  private static final ObjectMapper JSON =
      JsonMapper.builder(RecordJson.factory().build())
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private static final int HASH_BITS = 48;
  private static final int SHOWN = 80;

  private final String tokenizerJson;
  private final int end;
  private final String templateName;
  private final String templateSource;
  private final ExampleKind kind;
  private final ExampleType type;
  private final ArrayList<String> columns;
  private final boolean templateStrings;
  private final ExampleRules.TrainOn trainOn;
  private final int maxLength;
  private final ExampleRules.Truncation truncation;
  private final double validationFraction;
  private transient ExampleEncoder encoder;

  private RecordEncoder(
      ExampleStageConfig config, Tokenizer tokenizer, OptionalInt end, ChatTemplate template) {
    tokenizerJson = tokenizer.toJson();
    this.end = end.orElse(-1);
    templateName = template.name();
    templateSource = template.source();
    kind = config.kind();
    type = config.data().type();
    columns = new ArrayList<>(config.data().columns());
    templateStrings = !config.data().template().isEmpty();
    trainOn = config.data().trainOn();
    maxLength = config.preparation().maxLength();
    truncation = config.data().truncation();
    validationFraction = config.data().validationFraction();
    encoder(); // Finds mistakes here rather than in a task.
  }

  /**
   * An encoder for a stage's records.
   *
   * @param fs file system of the model
   * @param model directory with the tokenizer
   */
  static RecordEncoder of(
      ExampleStageConfig config, Tokenizer tokenizer, FileSystem fs, Path model) {
    ChatTemplate template =
        ChatTemplateFiles.choose(config.data().template(), fs, model, fs.getConf());
    return new RecordEncoder(config, tokenizer, tokenizer.endOfText(), template);
  }

  String templateSource() {
    return templateSource;
  }

  private ExampleEncoder encoder() {
    if (encoder == null) {
      Tokenizer loaded = Tokenizers.load(tokenizerJson, "the tokenizer of this job");
      Tokenizer tokenizer = end < 0 ? loaded : loaded.endingWith(end);
      encoder =
          new ExampleEncoder(
              new ExampleRules(
                  kind, type, columns, templateStrings, trainOn, maxLength, truncation),
              ChatTokens.of(ChatTemplate.of(templateName, templateSource), tokenizer));
    }
    return encoder;
  }

  @Override
  public PreparedRecord call(ExampleRecords.Line line) {
    return encode(line.json).at(line.file, line.block);
  }

  private PreparedRecord encode(byte[] bytes) {
    String key = ExampleRecords.key(bytes);
    String text;
    try {
      CharBuffer decoded = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes));
      text = decoded.toString();
    } catch (CharacterCodingException e) {
      return PreparedRecord.rejected(key, true, "broken JSON", "it is not valid UTF-8");
    }
    if (text.isBlank()) {
      return PreparedRecord.rejected(key, false, "blank line", "it has no text");
    }
    JsonNode json;
    try {
      json = JSON.readTree(text);
    } catch (MismatchedInputException e) { // FAIL_ON_TRAILING_TOKENS
      return PreparedRecord.rejected(
          key, true, "broken JSON", "a line must end with its object" + shown(text));
    } catch (JsonProcessingException e) {
      return PreparedRecord.rejected(key, true, "broken JSON", JsonArray.mistake(e) + shown(text));
    }
    if (!json.isObject()) {
      return PreparedRecord.rejected(
          key, true, "broken JSON", "a record must be an object" + shown(text));
    }
    EncodedRecord encoded = encoder().encode(json);
    if (encoded instanceof EncodedRecord.Rejected rejected) {
      return PreparedRecord.rejected(
          key, rejected.reason().isBad(), rejected.reason().label(), rejected.detail());
    }
    EncodedRecord.Accepted accepted = (EncodedRecord.Accepted) encoded;
    return PreparedRecord.kept(
        key,
        ExampleLine.write(accepted.example()),
        accepted.cut() > 0,
        isValidation(accepted.example()),
        templateStrings || isConversation(json));
  }

  private static String shown(String text) {
    return ", got " + (text.length() <= SHOWN ? text : text.substring(0, SHOWN) + "...");
  }

  /** Whether a record is written with the template even if strings are not. */
  private boolean isConversation(JsonNode json) {
    for (String field : List.of("messages", "conversations", "instruction")) {
      if (json.has(named(field))) {
        return true;
      }
    }
    for (String field : List.of("prompt", "completion", "chosen", "answers")) {
      JsonNode value = json.path(named(field));
      if (value.isArray() && !value.path(0).isTextual()) {
        return true;
      }
    }
    return false;
  }

  private String named(String field) {
    return columns.stream()
        .filter(column -> column.substring(0, column.indexOf('=')).strip().equals(field))
        .map(column -> column.substring(column.indexOf('=') + 1).strip())
        .findFirst()
        .orElse(field);
  }

  /** By the prompt's hash: the same prompt with other answers is in the same split. */
  private boolean isValidation(Example example) {
    TrainedTokens first = example.documents().get(0);
    int length = first.firstTrained() <= 1 ? first.length() : first.firstTrained();
    ByteBuffer prompt = ByteBuffer.allocate(length * Integer.BYTES);
    for (int i = 0; i < length; i++) {
      prompt.putInt(first.token(i));
    }
    long hash = ByteBuffer.wrap(HadoopFiles.sha256().digest(prompt.array())).getLong();
    return (hash >>> (Long.SIZE - HASH_BITS)) < validationFraction * (1L << HASH_BITS);
  }
}
