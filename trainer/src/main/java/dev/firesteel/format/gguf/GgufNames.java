package dev.firesteel.format.gguf;

import dev.firesteel.array.Shape;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.format.huggingface.HuggingFaceTensor;
import dev.firesteel.format.huggingface.PublishedNames;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The tensors of a model as llama.cpp names and lays them out, and the Hugging Face tensors that
 * they are: all matrices are {@code [out, in]}, and the query and key heads of {@code llama} have
 * their rows in interleaved order, row {@code 2i + j} of a head being row {@code i + j K/2} of
 * Hugging Face's. Source: {@code gguf-py/gguf/constants.py} and {@code tensor_mapping.py} of
 * ggml-org/llama.cpp.
 */
final class GgufNames {
  /** How a tensor is made from the Hugging Face tensor. */
  enum Layout {
    SAME,
    /** {@code [out, in]} of Conv1D's {@code [in, out]}. */
    TRANSPOSED,
    /** Interleaved rows of heads of rows in rotate-half order. */
    INTERLEAVED
  }

  /**
   * A tensor and where it comes from.
   *
   * @param name llama.cpp's
   * @param published the name in a Hugging Face directory
   * @param shape row-major
   * @param headWidth rows of one head, for {@link Layout#INTERLEAVED}; else 0
   */
  record Entry(String name, String published, Shape shape, Layout layout, int headWidth) {
    /** Writes the elements of the Hugging Face tensor in this tensor's order. */
    void fromPublished(float[] theirs, float[] into) {
      for (int i = 0; i < into.length; i++) {
        into[i] = theirs[source(i)];
      }
    }

    /** The inverse of {@link #fromPublished}. */
    void toPublished(float[] values, float[] into) {
      for (int i = 0; i < into.length; i++) {
        into[source(i)] = values[i];
      }
    }

    /** The index in the Hugging Face tensor of element {@code index} of this one. */
    private int source(int index) {
      return switch (layout) {
        case SAME -> index;
        case TRANSPOSED -> {
          int in = shape.last();
          yield index % in * shape.dim(0) + index / in;
        }
        case INTERLEAVED -> {
          int columns = shape.rank() == 1 ? 1 : shape.last();
          int row = index / columns;
          int inHead = row % headWidth;
          int theirs = inHead / 2 + inHead % 2 * (headWidth / 2);
          yield (row - inHead + theirs) * columns + index % columns;
        }
      };
    }
  }

  static final String EMBEDDING = "token_embd.weight";
  static final String HEAD = "output.weight";

  private static final Pattern BLOCK =
      Pattern.compile("(?:transformer\\.h|model\\.layers)\\.(\\d+)\\.(.+)\\.(weight|bias)");

  private static final Map<String, String> GPT2_BLOCK =
      Map.of(
          "ln_1", "attn_norm",
          "attn.c_attn", "attn_qkv",
          "attn.c_proj", "attn_output",
          "ln_2", "ffn_norm",
          "mlp.c_fc", "ffn_up",
          "mlp.c_proj", "ffn_down");

  private static final Map<String, String> LLAMA_BLOCK =
      Map.ofEntries(
          Map.entry("input_layernorm", "attn_norm"),
          Map.entry("self_attn.q_proj", "attn_q"),
          Map.entry("self_attn.k_proj", "attn_k"),
          Map.entry("self_attn.v_proj", "attn_v"),
          Map.entry("self_attn.o_proj", "attn_output"),
          Map.entry("self_attn.q_norm", "attn_q_norm"),
          Map.entry("self_attn.k_norm", "attn_k_norm"),
          Map.entry("post_attention_layernorm", "ffn_norm"),
          Map.entry("mlp.gate_proj", "ffn_gate"),
          Map.entry("mlp.up_proj", "ffn_up"),
          Map.entry("mlp.down_proj", "ffn_down"));

  private static final Map<String, String> OUTSIDE =
      Map.of(
          "transformer.wte.weight", EMBEDDING,
          "transformer.wpe.weight", "position_embd.weight",
          "transformer.ln_f.weight", "output_norm.weight",
          "transformer.ln_f.bias", "output_norm.bias",
          "model.embed_tokens.weight", EMBEDDING,
          "model.norm.weight", "output_norm.weight",
          "lm_head.weight", HEAD);

  private GgufNames() {}

  /** Whether llama.cpp runs the architecture as {@code llama}, whose heads are interleaved. */
  static boolean isLlama(Architecture architecture) {
    return architecture == Architecture.LLAMA || architecture == Architecture.MISTRAL;
  }

  /**
   * All tensors of a model, in the order of the network. A head that is tied to the embedding is
   * not among them, nor is that of a reward model.
   *
   * @param declared the tensors that the configuration describes
   */
  static List<Entry> entries(ModelConfig config, List<HuggingFaceTensor> declared) {
    List<Entry> entries = new ArrayList<>();
    for (HuggingFaceTensor tensor : declared) {
      if (!tensor.name().equals(PublishedNames.REWARD_HEAD)) {
        entries.add(entry(config, tensor.name(), tensor.shape()));
      }
    }
    return entries;
  }

  private static Entry entry(ModelConfig config, String published, Shape shape) {
    String outside = OUTSIDE.get(published);
    if (outside != null) {
      return new Entry(outside, published, shape, Layout.SAME, 0);
    }
    Matcher block = BLOCK.matcher(published);
    boolean gpt2 = config.architecture() == Architecture.GPT2;
    String base = block.matches() ? (gpt2 ? GPT2_BLOCK : LLAMA_BLOCK).get(block.group(2)) : null;
    if (base == null) {
      throw new IllegalStateException("the tensor " + published + " has no name in GGUF");
    }
    String name = "blk." + block.group(1) + "." + base + "." + block.group(3);
    if (gpt2 && shape.rank() == 2) {
      Shape turned = Shape.of(shape.dim(1), shape.dim(0));
      return new Entry(name, published, turned, Layout.TRANSPOSED, 0);
    }
    if (isLlama(config.architecture()) && (base.equals("attn_q") || base.equals("attn_k"))) {
      return new Entry(name, published, shape, Layout.INTERLEAVED, config.headWidth());
    }
    return new Entry(name, published, shape, Layout.SAME, 0);
  }
}
