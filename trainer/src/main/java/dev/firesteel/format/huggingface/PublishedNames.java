package dev.firesteel.format.huggingface;

import dev.firesteel.array.Shape;
import dev.firesteel.config.ModelConfig;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What published model directories contain besides the tensors of {@link HuggingFaceNames}, and how
 * they name those. If {@code transformers} saved the model without its head ({@code GPT2Model},
 * {@code LlamaModel}), names lack the prefix {@code transformer.} or {@code model.}. Its older
 * versions also saved buffers: constants that a model computes itself.
 */
public final class PublishedNames {
  /** The output head; some directories hold it although it is tied to the embedding. */
  public static final String HEAD = "lm_head.weight";

  /** The head of a sequence classifier, such as a reward model. */
  public static final String REWARD_HEAD = "score.weight";

  private static final Pattern GPT2_BUFFERS =
      Pattern.compile("h\\.(\\d+)\\.attn\\.(bias|masked_bias)");
  private static final Pattern LLAMA_BUFFERS =
      Pattern.compile("(?:layers\\.(\\d+)\\.self_attn\\.)?rotary_emb\\.inv_freq");

  private final ModelConfig config;
  private final String prefix;
  private final boolean bare;

  /**
   * The names used in a directory.
   *
   * @param names of all tensors in it
   */
  public PublishedNames(ModelConfig config, Set<String> names) {
    this.config = config;
    this.prefix =
        switch (config.architecture().family()) {
          case GPT2 -> "transformer.";
          case LLAMA -> "model.";
        };
    this.bare = names.stream().noneMatch(name -> name.startsWith(prefix));
  }

  /** How the directory names a tensor of {@link HuggingFaceNames}. */
  public String stored(String name) {
    return bare && name.startsWith(prefix) ? name.substring(prefix.length()) : name;
  }

  /**
   * Whether a tensor of the directory is a buffer that the model computes itself: GPT-2's causal
   * mask {@code attn.bias} [1, 1, S, S] and the scalar {@code attn.masked_bias}, Llama's rotary
   * frequencies {@code inv_freq} [K / 2].
   *
   * @return its name with {@code *} for the layer; empty for any other tensor
   */
  public Optional<String> buffer(String name, Shape shape) {
    if (!bare && !name.startsWith(prefix)) {
      return Optional.empty();
    }
    String base = bare ? name : name.substring(prefix.length());
    Matcher matcher =
        switch (config.architecture().family()) {
          case GPT2 -> GPT2_BUFFERS.matcher(base);
          case LLAMA -> LLAMA_BUFFERS.matcher(base);
        };
    if (!matcher.matches() || !hasBufferShape(base, shape)) {
      return Optional.empty();
    }
    String layer = matcher.group(1);
    if (layer == null) {
      return Optional.of(name);
    }
    if (layer.length() > 9 || Integer.parseInt(layer) >= config.layers()) {
      return Optional.empty();
    }
    return Optional.of(stored(prefix) + base.replaceFirst("\\d+", "*"));
  }

  private boolean hasBufferShape(String name, Shape shape) {
    if (name.endsWith(".attn.bias")) {
      return shape.rank() == 4
          && shape.dim(0) == 1
          && shape.dim(1) == 1
          && shape.dim(2) == shape.dim(3);
    } else if (name.endsWith(".masked_bias")) {
      return shape.rank() == 0;
    }
    return shape.equals(Shape.of(config.headWidth() / 2));
  }
}
