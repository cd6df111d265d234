package dev.firesteel.format.huggingface;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Activation;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.config.ModelConfig.AttentionBias;
import dev.firesteel.config.ModelConfigBuilder;
import dev.firesteel.error.UserException;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.tokenizer.Tokenizer;
import java.util.List;
import java.util.OptionalInt;
import java.util.stream.Collectors;

/**
 * The {@code config.json} of a Hugging Face model directory: written for transformers 4 and 5, and
 * read as either writes it.
 *
 * <p>Two keys are our own, which transformers keeps and ignores: {@code bias} of a bias-free GPT-2
 * (whose biases are written as zeros) and {@code dropout} of the others. The RoPE layout has no
 * key: checkpoints are in rotate-half order ({@link HuggingFaceNames}). {@code attn_pdrop} is
 * written as 0 and not read, since attention probabilities have no dropout here.
 */
public final class HuggingFaceConfig {
  /**
   * How an architecture of Llama's layers is published.
   *
   * @param className of the model with its head
   * @param kvHeads where the file gives none; 0: as many as heads
   * @param headWidth where the file gives none; 0: width / heads
   */
  private record Form(
      Architecture architecture, String type, String className, int kvHeads, int headWidth) {}

  /** Defaults of transformers' configuration classes. */
  private static final List<Form> FORMS =
      List.of(
          new Form(Architecture.LLAMA, "llama", "LlamaForCausalLM", 0, 0),
          new Form(Architecture.MISTRAL, "mistral", "MistralForCausalLM", 8, 0),
          new Form(Architecture.QWEN2, "qwen2", "Qwen2ForCausalLM", 32, 0),
          new Form(Architecture.QWEN3, "qwen3", "Qwen3ForCausalLM", 32, 128));

  private static final String KV_HEADS = "num_key_value_heads";
  private static final String CLASSIFIER = "ForSequenceClassification";

  /** Usual names of a padding token. */
  private static final List<String> PADDING =
      List.of("<|pad|>", "<pad>", "[PAD]", "<|finetune_right_pad_id|>");

  private static final int MISTRAL_WINDOW = 4096;
  private static final int QWEN_WINDOW = 4096;
  private static final int QWEN_FULL_LAYERS = 28;
  private static final String SLIDING = "sliding_attention";

  private HuggingFaceConfig() {}

  /**
   * All keys except token ids ({@code bos_token_id}, ...), which come from the tokenizer.
   *
   * @param dtype element type of the weights
   */
  public static ObjectNode write(ModelConfig config, FloatType dtype) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    switch (config.architecture().family()) {
      case GPT2 -> writeGpt2(config, json);
      case LLAMA -> writeLlama(config, form(config.architecture()), json);
    }
    json.put("initializer_range", config.initStd());
    json.put("tie_word_embeddings", config.tieEmbeddings());
    json.put("use_cache", true);
    json.put("torch_dtype", torchName(dtype)); // transformers 4
    json.put("dtype", torchName(dtype)); // transformers 5
    return json;
  }

  /**
   * Turns the configuration of a language model into that of a sequence classifier with one label,
   * a reward model. Its score is taken at the last token that is not padding, so that the end
   * token, at which our scores are, must not be the padding token.
   */
  static void makeClassifier(ObjectNode json, Tokenizer tokenizer) {
    String name = json.path("architectures").path(0).asText();
    json.putArray("architectures").add(name.replaceFirst("(LMHeadModel|ForCausalLM)$", CLASSIFIER));
    json.put("num_labels", 1);
    json.putObject("id2label").put("0", "LABEL_0");
    json.putObject("label2id").put("LABEL_0", 0);
    json.put("problem_type", "regression");
    json.remove("pad_token_id");
    padding(tokenizer).ifPresent(id -> json.put("pad_token_id", id));
  }

  /** A token that is for padding alone; empty if the tokenizer has none. */
  static OptionalInt padding(Tokenizer tokenizer) {
    for (String pad : PADDING) {
      OptionalInt id = tokenizer.id(pad);
      if (id.isPresent() && tokenizer.isSpecial(id.getAsInt())) {
        return id;
      }
    }
    return OptionalInt.empty();
  }

  /** Whether a {@code config.json} is that of a sequence classifier. */
  static boolean isClassifier(JsonNode json) {
    return json.path("architectures").path(0).asText().endsWith(CLASSIFIER);
  }

  private static String torchName(FloatType dtype) {
    return switch (dtype) {
      case F32 -> "float32";
      case BF16 -> "bfloat16";
      case F16 -> "float16";
    };
  }

  private static Form form(Architecture architecture) {
    return FORMS.stream()
        .filter(form -> form.architecture() == architecture)
        .findFirst()
        .orElseThrow(() -> new IllegalStateException(architecture + " has no published form"));
  }

  private static void writeGpt2(ModelConfig config, ObjectNode json) {
    json.putArray("architectures").add("GPT2LMHeadModel");
    json.put("model_type", "gpt2");
    json.put("vocab_size", config.vocabularySize());
    json.put("n_positions", config.contextLength());
    json.put("n_ctx", config.contextLength()); // read by llama.cpp's converter
    json.put("n_embd", config.width());
    json.put("n_layer", config.layers());
    json.put("n_head", config.heads());
    json.put("n_inner", config.feedForwardWidth());
    json.put("activation_function", geluName(config.activation()));
    json.put("layer_norm_epsilon", config.normEpsilon());
    json.put("resid_pdrop", config.dropout());
    json.put("embd_pdrop", config.dropout());
    json.put("attn_pdrop", 0.0);
    json.put("bias", config.bias());
  }

  private static void writeLlama(ModelConfig config, Form form, ObjectNode json) {
    json.putArray("architectures").add(form.className());
    json.put("model_type", form.type());
    json.put("vocab_size", config.vocabularySize());
    json.put("max_position_embeddings", config.contextLength());
    json.put("hidden_size", config.width());
    json.put("intermediate_size", config.feedForwardWidth());
    json.put("num_hidden_layers", config.layers());
    json.put("num_attention_heads", config.heads());
    json.put(KV_HEADS, config.kvHeads());
    json.put("head_dim", config.headWidth());
    json.put("hidden_act", "silu");
    json.put("rms_norm_eps", config.normEpsilon());
    HuggingFaceRope.write(config, json);
    json.put("attention_dropout", 0.0);
    json.put("dropout", config.dropout());
    switch (config.architecture()) {
      case LLAMA ->
          json.put("attention_bias", config.attentionBias().qkv())
              .put("mlp_bias", config.feedForwardBias());
      case MISTRAL -> putWindow(config, json);
      case QWEN2 -> writeQwenWindow(config, json);
      case QWEN3 -> {
        json.put("attention_bias", config.attentionBias().qkv());
        writeQwenWindow(config, json);
      }
      case GPT2 -> throw new IllegalArgumentException("gpt2 has other layers");
    }
  }

  private static void writeQwenWindow(ModelConfig config, ObjectNode json) {
    boolean slides = config.window() > 0;
    json.put("use_sliding_window", slides);
    putWindow(config, json);
    json.put("max_window_layers", slides ? 0 : config.layers());
    ArrayNode kinds = json.putArray("layer_types");
    for (int i = 0; i < config.layers(); i++) {
      kinds.add(slides ? SLIDING : "full_attention");
    }
  }

  private static void putWindow(ModelConfig config, ObjectNode json) {
    json.put("sliding_window", config.window() > 0 ? config.window() : null);
  }

  /**
   * The configuration described by a {@code config.json}; absent keys have transformers' defaults.
   *
   * @throws UserException when it describes something that our models do not support
   */
  public static ModelConfig read(JsonNode json) {
    String type = json.path("model_type").asText();
    if (type.equals("gpt2")) {
      return readGpt2(json);
    }
    return FORMS.stream()
        .filter(form -> form.type().equals(type))
        .findFirst()
        .map(form -> readLlama(json, form))
        .orElseThrow(
            () ->
                UserException.usage(
                    "config.json: model_type must be gpt2, %s, got \"%s\": no other architecture can be loaded"
                        .formatted(
                            FORMS.stream().map(Form::type).collect(Collectors.joining(", ")),
                            type)));
  }

  private static ModelConfig readGpt2(JsonNode json) {
    require(json, "scale_attn_weights", true, true);
    require(json, "scale_attn_by_inverse_layer_idx", false, false);
    require(json, "add_cross_attention", false, false);
    double dropout = number(json, "resid_pdrop", 0.1);
    double embeddingDropout = number(json, "embd_pdrop", 0.1);
    if (dropout != embeddingDropout) {
      throw UserException.usage(
          "config.json: resid_pdrop and embd_pdrop must be equal, got "
              + dropout
              + " and "
              + embeddingDropout
              + ": set both to the dropout to train with");
    }
    return new ModelConfig(
        Architecture.GPT2,
        required(json, "n_layer"),
        required(json, "n_embd"),
        required(json, "n_head"),
        0,
        0,
        integer(json, "n_inner", 0),
        required(json, "n_positions"),
        required(json, "vocab_size"),
        flag(json, "bias", true),
        gelu(json.path("activation_function").asText("gelu_new")),
        dropout,
        number(json, "layer_norm_epsilon", 1e-5),
        1e4,
        RopeSpec.Layout.HALF,
        flag(json, "tie_word_embeddings", true),
        number(json, "initializer_range", 0.02));
  }

  private static ModelConfig readLlama(JsonNode json, Form form) {
    String activation = json.path("hidden_act").asText("silu");
    if (!activation.equals("silu")) {
      throw UserException.usage(
          "config.json: hidden_act must be silu, got \"" + activation + "\": it cannot be loaded");
    }
    int heads = required(json, "num_attention_heads");
    JsonNode kvHeads = json.path(KV_HEADS);
    ModelConfig plain =
        new ModelConfig(
            form.architecture(),
            required(json, "num_hidden_layers"),
            required(json, "hidden_size"),
            heads,
            kvHeads.isMissingNode() ? form.kvHeads() : integer(json, KV_HEADS, 0),
            integer(json, "head_dim", form.headWidth()),
            required(json, "intermediate_size"),
            required(json, "max_position_embeddings"),
            required(json, "vocab_size"),
            false,
            Activation.SWIGLU,
            number(json, "dropout", 0),
            number(json, "rms_norm_eps", 1e-6),
            HuggingFaceRope.theta(json),
            RopeSpec.Layout.HALF,
            flag(json, "tie_word_embeddings", false),
            number(json, "initializer_range", 0.02));
    ModelConfigBuilder model =
        plain.toBuilder().ropeScaling(HuggingFaceRope.scaling(json, plain.contextLength()));
    boolean attentionBias = flag(json, "attention_bias", false);
    AttentionBias all = attentionBias ? AttentionBias.ALL : AttentionBias.NONE;
    switch (form.architecture()) {
      case LLAMA -> model.attentionBias(all).feedForwardBias(flag(json, "mlp_bias", false));
      case MISTRAL -> model.window(window(json, MISTRAL_WINDOW));
      case QWEN2 -> model.window(qwenWindow(json, plain.layers()));
      case QWEN3 -> model.attentionBias(all).window(qwenWindow(json, plain.layers()));
      case GPT2 -> throw new IllegalArgumentException("gpt2 has other layers");
    }
    return model.build();
  }

  /** An absent key has a default, a null says that there is no window. */
  private static int window(JsonNode json, int byDefault) {
    JsonNode window = json.path("sliding_window");
    return window.isMissingNode() ? byDefault : integer(json, "sliding_window", 0);
  }

  /** The window if all layers have it, 0 if none has. */
  private static int qwenWindow(JsonNode json, int layers) {
    int window = window(json, QWEN_WINDOW);
    if (!flag(json, "use_sliding_window", false) || window == 0) {
      return 0;
    }
    int sliding = 0;
    JsonNode kinds = json.path("layer_types");
    if (kinds.isArray()) {
      // Of the list, not of the layers, which a damaged file may give as billions.
      for (int i = 0; i < Math.min(layers, kinds.size()); i++) {
        sliding += kinds.path(i).asText().equals(SLIDING) ? 1 : 0;
      }
    } else {
      int full = Math.max(0, integer(json, "max_window_layers", QWEN_FULL_LAYERS));
      sliding = Math.max(0, layers - full);
    }
    if (sliding > 0 && sliding < layers) {
      throw UserException.usage(
          "config.json: all layers or none must have the sliding window, got %d of %d (layer_types, max_window_layers): it cannot be loaded"
              .formatted(sliding, layers));
    }
    return sliding == 0 ? 0 : window;
  }

  private static String geluName(Activation activation) {
    return switch (activation) {
      case GELU_TANH -> "gelu_new";
      case GELU_ERF -> "gelu";
      case SWIGLU -> throw new IllegalArgumentException("gpt2 has no SwiGLU");
    };
  }

  private static Activation gelu(String name) {
    return switch (name) {
      case "gelu_new", "gelu_pytorch_tanh" -> Activation.GELU_TANH;
      case "gelu" -> Activation.GELU_ERF;
      default ->
          throw UserException.usage(
              "config.json: activation_function must be gelu_new or gelu, got \""
                  + name
                  + "\": it cannot be loaded");
    };
  }

  /** An integer; an absent key or a null has a default, and no other value stands for it. */
  static int integer(JsonNode json, String key, int byDefault) {
    JsonNode value = json.path(key);
    boolean integer = value.isIntegralNumber() && value.canConvertToInt();
    return given(value, key, integer, "an integer") ? value.intValue() : byDefault;
  }

  /** A number, as {@link #integer}. */
  static double number(JsonNode json, String key, double byDefault) {
    JsonNode value = json.path(key);
    return given(value, key, value.isNumber(), "a number") ? value.doubleValue() : byDefault;
  }

  /** True or false, as {@link #integer}. */
  static boolean flag(JsonNode json, String key, boolean byDefault) {
    JsonNode value = json.path(key);
    return given(value, key, value.isBoolean(), "true or false") ? value.booleanValue() : byDefault;
  }

  private static boolean given(JsonNode value, String key, boolean valid, String required) {
    if (value.isMissingNode() || value.isNull()) {
      return false;
    }
    if (!valid) {
      throw UserException.usage(
          "config.json: %s must be %s, got %s: correct the file".formatted(key, required, value));
    }
    return true;
  }

  private static int required(JsonNode json, String key) {
    JsonNode value = json.path(key);
    if (!value.isIntegralNumber() || !value.canConvertToInt()) {
      throw UserException.usage(
          "config.json: "
              + key
              + " must be an integer, got "
              + (value.isMissingNode() ? "no such key" : value)
              + ": the file is incomplete");
    }
    return value.asInt();
  }

  private static void require(JsonNode json, String key, boolean wanted, boolean byDefault) {
    if (flag(json, key, byDefault) != wanted) {
      throw UserException.usage(
          "config.json: "
              + key
              + " must be "
              + wanted
              + ", got "
              + !wanted
              + ": it cannot be loaded");
    }
  }
}
