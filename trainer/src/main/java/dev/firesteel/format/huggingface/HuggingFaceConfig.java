package dev.firesteel.format.huggingface;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Activation;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.error.UserException;

/**
 * The {@code config.json} of a Hugging Face model directory: written for transformers 4 and 5, and
 * read.
 *
 * <p>Two keys are our own, which transformers keeps and ignores: {@code bias} of a bias-free GPT-2
 * (whose biases are written as zeros) and {@code dropout} of a Llama. The RoPE layout has no key:
 * checkpoints are in rotate-half order ({@link HuggingFaceNames}). {@code attn_pdrop} is written as
 * 0 and not read, since attention probabilities have no dropout here.
 */
public final class HuggingFaceConfig {
  private HuggingFaceConfig() {}

  /** All keys except token ids ({@code bos_token_id}, ...), which come from the tokenizer. */
  public static ObjectNode write(ModelConfig config) {
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    switch (config.architecture()) {
      case GPT2 -> writeGpt2(config, json);
      case LLAMA -> writeLlama(config, json);
    }
    json.put("initializer_range", config.initStd());
    json.put("tie_word_embeddings", config.tieEmbeddings());
    json.put("use_cache", true);
    json.put("torch_dtype", "float32"); // transformers 4
    json.put("dtype", "float32"); // transformers 5
    return json;
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

  private static void writeLlama(ModelConfig config, ObjectNode json) {
    json.putArray("architectures").add("LlamaForCausalLM");
    json.put("model_type", "llama");
    json.put("vocab_size", config.vocabularySize());
    json.put("max_position_embeddings", config.contextLength());
    json.put("hidden_size", config.width());
    json.put("intermediate_size", config.feedForwardWidth());
    json.put("num_hidden_layers", config.layers());
    json.put("num_attention_heads", config.heads());
    json.put("num_key_value_heads", config.kvHeads());
    json.put("head_dim", config.headWidth());
    json.put("hidden_act", "silu");
    json.put("rms_norm_eps", config.normEpsilon());
    json.put("rope_theta", config.ropeTheta()); // transformers 4
    json.putObject("rope_parameters") // transformers 5
        .put("rope_type", "default")
        .put("rope_theta", config.ropeTheta());
    json.put("attention_bias", false);
    json.put("mlp_bias", false);
    json.put("attention_dropout", 0.0);
    json.put("dropout", config.dropout());
  }

  /**
   * The configuration described by a {@code config.json}; absent keys have transformers' defaults.
   *
   * @throws UserException when it describes something that our models do not support
   */
  public static ModelConfig read(JsonNode json) {
    String type = json.path("model_type").asText();
    return switch (type) {
      case "gpt2" -> readGpt2(json);
      case "llama" -> readLlama(json);
      default ->
          throw UserException.usage(
              "config.json: model_type must be gpt2 or llama, got \""
                  + type
                  + "\": no other architecture can be loaded");
    };
  }

  private static ModelConfig readGpt2(JsonNode json) {
    require(json, "scale_attn_weights", true, true);
    require(json, "scale_attn_by_inverse_layer_idx", false, false);
    require(json, "add_cross_attention", false, false);
    double dropout = json.path("resid_pdrop").asDouble(0.1);
    double embeddingDropout = json.path("embd_pdrop").asDouble(0.1);
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
        json.path("n_inner").asInt(0),
        required(json, "n_positions"),
        required(json, "vocab_size"),
        json.path("bias").asBoolean(true),
        gelu(json.path("activation_function").asText("gelu_new")),
        dropout,
        json.path("layer_norm_epsilon").asDouble(1e-5),
        1e4,
        RopeSpec.Layout.HALF,
        json.path("tie_word_embeddings").asBoolean(true),
        json.path("initializer_range").asDouble(0.02));
  }

  private static ModelConfig readLlama(JsonNode json) {
    require(json, "attention_bias", false, false);
    require(json, "mlp_bias", false, false);
    String activation = json.path("hidden_act").asText("silu");
    if (!activation.equals("silu")) {
      throw UserException.usage(
          "config.json: hidden_act must be silu, got \"" + activation + "\": it cannot be loaded");
    }
    JsonNode scaling = json.path("rope_scaling");
    JsonNode rope = scaling.isObject() ? scaling : json.path("rope_parameters");
    String ropeType = rope.path("rope_type").asText(rope.path("type").asText("default"));
    if (!ropeType.equals("default")) {
      throw UserException.usage(
          "config.json: rope_type must be default, got \""
              + ropeType
              + "\": scaled rotary positions cannot be loaded");
    }
    double theta = json.path("rope_parameters").path("rope_theta").asDouble(1e4);
    return new ModelConfig(
        Architecture.LLAMA,
        required(json, "num_hidden_layers"),
        required(json, "hidden_size"),
        required(json, "num_attention_heads"),
        json.path("num_key_value_heads").asInt(0),
        json.path("head_dim").asInt(0),
        required(json, "intermediate_size"),
        required(json, "max_position_embeddings"),
        required(json, "vocab_size"),
        false,
        Activation.SWIGLU,
        json.path("dropout").asDouble(0),
        json.path("rms_norm_eps").asDouble(1e-6),
        json.path("rope_theta").asDouble(theta),
        RopeSpec.Layout.HALF,
        json.path("tie_word_embeddings").asBoolean(false),
        json.path("initializer_range").asDouble(0.02));
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

  private static int required(JsonNode json, String key) {
    JsonNode value = json.path(key);
    if (!value.canConvertToInt()) {
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
    if (json.path(key).asBoolean(byDefault) != wanted) {
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
