package dev.firesteel.tokenizer;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.util.DefaultIndenter;
import com.fasterxml.jackson.core.util.DefaultPrettyPrinter;
import com.fasterxml.jackson.core.util.Separators;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.error.UserException;
import java.io.IOException;
import java.io.InputStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** What all kinds of {@code tokenizer.json} have in common: validated reading, and writing. */
final class TokenizerJson {
  private static final JsonMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  private static final String ADDED = "added_tokens";

  private final JsonNode root;
  private final String source;

  private TokenizerJson(JsonNode root, String source) {
    this.root = root;
    this.source = source;
  }

  static TokenizerJson parse(String json, String source) {
    try {
      return check(MAPPER.readTree(json), source);
    } catch (JsonProcessingException e) {
      throw notJson(source, e);
    }
  }

  static TokenizerJson parse(InputStream json, String source) {
    try {
      return check(MAPPER.readTree(json), source);
    } catch (JsonProcessingException e) {
      throw notJson(source, e);
    } catch (IOException e) {
      throw UserException.failure("Cannot read tokenizer " + source + ": " + e.getMessage(), e);
    }
  }

  private static TokenizerJson check(JsonNode root, String source) {
    TokenizerJson json = new TokenizerJson(root, source);
    if (!root.isObject() || !root.path("model").isObject()) {
      throw json.unsupported(
          "a Hugging Face tokenizer.json must be one JSON object with a \"model\", and this is not");
    }
    return json;
  }

  private static UserException notJson(String source, JsonProcessingException e) {
    JsonLocation at = e.getLocation();
    String where = at == null ? "" : " at line " + at.getLineNr() + ", column " + at.getColumnNr();
    // Jackson's message may continue with its own source description on further lines.
    String problem = e.getOriginalMessage().lines().findFirst().orElse("unreadable");
    return UserException.failure(
        "Cannot load tokenizer %s: it is damaged JSON%s (%s); download or create it again"
            .formatted(source, where, problem),
        e);
  }

  /** A valid file that needs a feature Firesteel does not support. */
  UserException unsupported(String sentence) {
    return UserException.usage("Cannot load tokenizer " + source + ": " + sentence);
  }

  /** An inconsistent file. */
  UserException damaged(String sentence) {
    return UserException.failure("Cannot load tokenizer " + source + ": " + sentence);
  }

  JsonNode root() {
    return root;
  }

  JsonNode model() {
    return root.path("model");
  }

  /** The same file in which these tokens are special, the absent ones with the next ids. */
  TokenizerJson withSpecialTokens(Collection<String> contents) {
    if (contents.isEmpty()) {
      return this;
    }
    ObjectNode changed = MAPPER.createObjectNode();
    changed.setAll((ObjectNode) root); // Shares the vocabulary, which may be large.
    changed.set(ADDED, root.hasNonNull(ADDED) ? root.get(ADDED).deepCopy() : changed.arrayNode());
    if (!(changed.get(ADDED) instanceof ArrayNode added)) {
      throw damaged("added_tokens must be a list, got " + describe(changed.get(ADDED)));
    }
    JsonNode vocabulary = model().path("vocab");
    Map<String, JsonNode> known = new HashMap<>();
    added.forEach(token -> known.put(token.path("content").asText(), token));
    int next = vocabulary.size();
    for (String content : known.keySet()) {
      next += vocabulary.has(content) ? 0 : 1;
    }
    for (String content : new LinkedHashSet<>(contents)) {
      if (known.get(content) instanceof ObjectNode token) {
        token.put("special", true);
        continue;
      }
      ObjectNode token = added.addObject();
      if (vocabulary.has(content)) {
        token.set("id", vocabulary.get(content));
      } else {
        token.put("id", next++);
      }
      token.put("content", content).put("normalized", false).put("special", true);
    }
    return new TokenizerJson(changed, source);
  }

  /** Rejects {@code node} unless it is absent, null or one of the harmless values. */
  void requireAbsent(JsonNode parent, String key, Object... harmless) {
    JsonNode node = parent.path(key);
    if (node.isMissingNode() || node.isNull()) {
      return;
    }
    for (Object value : harmless) {
      if (MAPPER.valueToTree(value).equals(node)) {
        return;
      }
    }
    throw unsupported("%s %s is not supported".formatted(key, describe(node)));
  }

  /** Rejects a component's settings that are not among {@code keys}: none is ignored. */
  void requireKeys(String component, JsonNode node, String... keys) {
    for (Map.Entry<String, JsonNode> entry : node.properties()) {
      if (!entry.getKey().equals("type") && !List.of(keys).contains(entry.getKey())) {
        throw unsupported(
            "%s %s with the setting %s is not supported"
                .formatted(component, describe(node), entry.getKey()));
      }
    }
  }

  /** A setting of a component that must be true or false. */
  boolean flag(String component, JsonNode node, String key) {
    return setting(component, node, key, node.path(key).isBoolean(), "true or false")
        .booleanValue();
  }

  /** A setting of a component that must be a string. */
  String text(String component, JsonNode node, String key) {
    return setting(component, node, key, node.path(key).isTextual(), "a string").textValue();
  }

  /** A setting of a component that must be a list. */
  JsonNode list(String component, JsonNode node, String key) {
    return setting(component, node, key, node.path(key).isArray(), "a list");
  }

  private JsonNode setting(
      String component, JsonNode node, String key, boolean valid, String required) {
    if (!valid) {
      throw damaged(
          "%s of %s %s must be %s, got %s"
              .formatted(key, component, describe(node), required, describe(node.path(key))));
    }
    return node.path(key);
  }

  /** The type of a component for a message, or its beginning if it has no type. */
  static String describe(JsonNode node) {
    if (node.hasNonNull("type")) {
      return node.get("type").asText();
    }
    String text = node.isMissingNode() ? "(absent)" : node.toString();
    return text.length() <= 60 ? text : text.substring(0, 60) + "...";
  }

  /** The added tokens in the order of their ids. */
  List<AddedToken> addedTokens() {
    List<AddedToken> tokens = new ArrayList<>();
    Set<String> contents = new HashSet<>();
    for (JsonNode node : root.path(ADDED)) {
      String content = node.path("content").asText();
      if (!node.path("content").isTextual() || content.isEmpty()) {
        throw damaged("an added token needs a \"content\", got " + describe(node));
      }
      if (!contents.add(content)) {
        throw damaged("the added token '%s' occurs twice".formatted(content));
      }
      if (content.codePoints().anyMatch(c -> c >= 0xD800 && c <= 0xDFFF)) {
        throw damaged("the added token '%s' has an unpaired surrogate".formatted(content));
      }
      if (node.path("single_word").asBoolean()) {
        throw unsupported(
            "single_word of the added token '%s' is not supported".formatted(content));
      }
      tokens.add(
          new AddedToken(
              id(node.path("id"), content),
              content,
              node.path("normalized").asBoolean(),
              node.path("lstrip").asBoolean(),
              node.path("rstrip").asBoolean(),
              node.path("special").asBoolean()));
    }
    tokens.sort(Comparator.comparingInt(AddedToken::id));
    return tokens;
  }

  /** All tokens, of the model and added ones; indexed by id. */
  String[] vocabulary(List<AddedToken> addedTokens) {
    JsonNode vocabulary = model().path("vocab");
    if (!vocabulary.isObject()) {
      throw damaged("model.vocab must map tokens to ids, got " + describe(vocabulary));
    }
    int size = vocabulary.size();
    for (AddedToken added : addedTokens) {
      JsonNode same = vocabulary.path(added.content());
      if (same.isMissingNode()) {
        size++;
      } else if (id(same, added.content()) != added.id()) {
        throw damaged(
            "the added token '%s' has id %d, but the vocabulary gives it %d"
                .formatted(added.content(), added.id(), same.intValue()));
      }
    }
    String[] tokens = new String[size];
    for (Map.Entry<String, JsonNode> entry : vocabulary.properties()) {
      put(tokens, id(entry.getValue(), entry.getKey()), entry.getKey());
    }
    for (AddedToken added : addedTokens) {
      if (!added.content().equals(tokens[checkedId(tokens, added.id(), added.content())])) {
        put(tokens, added.id(), added.content());
      }
    }
    return tokens;
  }

  /** The tokens of the model with their ids, in the order of the ids. */
  Map<String, Integer> modelVocabulary() {
    JsonNode vocabulary = model().path("vocab");
    Map<String, Integer> ids = new LinkedHashMap<>();
    vocabulary.properties().stream()
        .sorted(Comparator.comparingInt(entry -> entry.getValue().intValue()))
        .forEach(entry -> ids.put(entry.getKey(), id(entry.getValue(), entry.getKey())));
    return ids;
  }

  private void put(String[] tokens, int id, String token) {
    checkedId(tokens, id, token);
    if (tokens[id] != null) {
      throw damaged("the tokens '%s' and '%s' share the id %d".formatted(tokens[id], token, id));
    }
    tokens[id] = token;
  }

  /** With as many tokens as ids and no duplicate id, any gap shows as an id beyond the last. */
  private int checkedId(String[] tokens, int id, String token) {
    if (id >= tokens.length) {
      throw damaged(
          "the ids of its %d tokens must run from 0 to %d without gaps, but '%s' has %d"
              .formatted(tokens.length, tokens.length - 1, token, id));
    }
    return id;
  }

  private int id(JsonNode node, String token) {
    if (!node.isIntegralNumber() || !node.canConvertToInt() || node.intValue() < 0) {
      throw damaged(
          "the id of '%s' must be an integer from 0, got %s".formatted(token, describe(node)));
    }
    return node.intValue();
  }

  /** Writes the parts of a file's {@code "model"} object or of one of its components. */
  interface Body {
    void write(JsonGenerator json) throws IOException;
  }

  /** A component as a file had it; null if it was absent or null. */
  static Body verbatim(JsonNode node) {
    if (node.isMissingNode() || node.isNull()) {
      return null;
    }
    return json -> {
      for (Map.Entry<String, JsonNode> entry : node.properties()) {
        json.writeFieldName(entry.getKey());
        MAPPER.writeTree(json, entry.getValue());
      }
    };
  }

  /**
   * The whole file; {@code "type"} leads each component.
   *
   * @param normalizer null if there is none, as with the other components
   */
  static String write(
      List<AddedToken> addedTokens,
      Body normalizer,
      Body preTokenizer,
      Body postProcessor,
      Body decoder,
      Body model) {
    StringWriter text = new StringWriter();
    // Formatted like Hugging Face's own pretty-printed files. Fixed line ends: the SHA-256 of a
    // tokenizer must not depend on the operating system.
    DefaultIndenter indenter = new DefaultIndenter("  ", "\n");
    DefaultPrettyPrinter printer =
        new DefaultPrettyPrinter()
            .withObjectIndenter(indenter)
            .withArrayIndenter(indenter)
            .withSeparators(
                Separators.createDefaultInstance()
                    .withObjectFieldValueSpacing(Separators.Spacing.AFTER)
                    .withObjectEmptySeparator("")
                    .withArrayEmptySeparator(""));
    try (JsonGenerator json = MAPPER.getFactory().createGenerator(text)) {
      json.setPrettyPrinter(printer);
      json.writeStartObject();
      json.writeStringField("version", "1.0");
      json.writeNullField("truncation");
      json.writeNullField("padding");
      json.writeArrayFieldStart(ADDED);
      for (AddedToken token : addedTokens) {
        json.writeStartObject();
        json.writeNumberField("id", token.id());
        json.writeStringField("content", token.content());
        json.writeBooleanField("single_word", false);
        json.writeBooleanField("lstrip", token.lstrip());
        json.writeBooleanField("rstrip", token.rstrip());
        json.writeBooleanField("normalized", token.normalized());
        json.writeBooleanField("special", token.special());
        json.writeEndObject();
      }
      json.writeEndArray();
      component(json, "normalizer", normalizer);
      component(json, "pre_tokenizer", preTokenizer);
      component(json, "post_processor", postProcessor);
      component(json, "decoder", decoder);
      component(json, "model", model);
      json.writeEndObject();
    } catch (IOException e) {
      throw new UncheckedIOException("writing to memory", e);
    }
    return text.append('\n').toString();
  }

  private static void component(JsonGenerator json, String name, Body body) throws IOException {
    if (body == null) {
      json.writeNullField(name);
      return;
    }
    json.writeObjectFieldStart(name);
    body.write(json);
    json.writeEndObject();
  }

  static void writeVocabulary(JsonGenerator json, Map<String, Integer> ids) throws IOException {
    json.writeObjectFieldStart("vocab");
    for (Map.Entry<String, Integer> entry : ids.entrySet()) {
      json.writeNumberField(entry.getKey(), entry.getValue());
    }
    json.writeEndObject();
  }

  static void writeVocabulary(JsonGenerator json, String[] tokens) throws IOException {
    json.writeObjectFieldStart("vocab");
    for (int id = 0; id < tokens.length; id++) {
      json.writeNumberField(tokens[id], id);
    }
    json.writeEndObject();
  }
}
