package dev.firesteel.format.huggingface;

import dev.firesteel.array.Shape;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.format.huggingface.HuggingFaceTensor.Layout;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The tensors of a model as the classes {@code GPT2LMHeadModel}, {@code LlamaForCausalLM} and those
 * that follow the latter in Hugging Face's transformers name and lay them out. Each element of each
 * parameter that they have appears once; a tied head is not written again. {@link #others} are
 * parameters that they do not have: heads and adapters.
 */
public final class HuggingFaceNames {
  private final ModelConfig config;
  private final ParameterSet parameters;
  private final List<HuggingFaceTensor> tensors = new ArrayList<>();

  private HuggingFaceNames(ModelConfig config, ParameterSet parameters) {
    this.config = config;
    this.parameters = parameters;
  }

  /** All tensors, in the order of the network. */
  public static List<HuggingFaceTensor> tensors(LanguageModel model) {
    return tensors(model.config(), model.parameters());
  }

  /**
   * As above, of a model's declaration.
   *
   * @throws IllegalStateException that names the first parameter of which the tensors hold some
   *     rows but not all
   */
  static List<HuggingFaceTensor> tensors(ModelConfig config, ParameterSet parameters) {
    HuggingFaceNames names = new HuggingFaceNames(config, parameters);
    switch (config.architecture().family()) {
      case GPT2 -> names.gpt2();
      case LLAMA -> names.llama();
    }
    names.requireEveryRowOnce();
    return List.copyOf(names.tensors);
  }

  /**
   * The parameters of which no tensor holds a part, in the order of their offsets; none of a model
   * that was declared alone.
   */
  public static List<Parameter> others(LanguageModel model) {
    Set<Parameter> held =
        tensors(model).stream().map(HuggingFaceTensor::parameter).collect(Collectors.toSet());
    return model.parameters().parameters().stream()
        .filter(parameter -> !held.contains(parameter))
        .toList();
  }

  /** The tensors of a packed parameter follow each other, from its first row to its last. */
  private void requireEveryRowOnce() {
    int[] held = new int[parameters.parameters().size()];
    for (HuggingFaceTensor tensor : tensors) {
      if (tensor.layout() != Layout.ZERO) {
        int index = tensor.parameter().index();
        if (tensor.firstRow() != held[index]) {
          throw notHeld(tensor.parameter(), held[index], tensor.firstRow());
        }
        held[index] += tensor.rows();
      }
    }
    for (Parameter parameter : parameters.parameters()) {
      int rows = parameter.shape().dim(0);
      if (held[parameter.index()] != 0 && held[parameter.index()] != rows) {
        throw notHeld(parameter, held[parameter.index()], rows);
      }
    }
  }

  private static IllegalStateException notHeld(Parameter parameter, int from, int to) {
    return new IllegalStateException(
        "parameter %s cannot be saved: no tensor of a Hugging Face checkpoint holds rows %d to %d of %d; name it in HuggingFaceNames"
            .formatted(parameter.name(), from, to, parameter.shape().dim(0)));
  }

  private void gpt2() {
    whole("transformer.wte.weight", "embedding.weight");
    whole("transformer.wpe.weight", "positions.weight");
    for (int i = 0; i < config.layers(); i++) {
      String theirs = "transformer.h." + i + ".";
      String ours = "blocks." + i + ".";
      layerNorm(theirs + "ln_1", ours + "attention_norm");
      conv1d(theirs + "attn.c_attn", ours + "attention.qkv");
      conv1d(theirs + "attn.c_proj", ours + "attention.output");
      layerNorm(theirs + "ln_2", ours + "feed_forward_norm");
      conv1d(theirs + "mlp.c_fc", ours + "feed_forward.up");
      conv1d(theirs + "mlp.c_proj", ours + "feed_forward.down");
    }
    layerNorm("transformer.ln_f", "final_norm");
    untiedHead();
  }

  private void llama() {
    int queries = config.heads() * config.headWidth();
    int keys = config.kvHeads() * config.headWidth();
    int inner = config.feedForwardWidth();
    Layout turned =
        config.ropeLayout() == RopeSpec.Layout.INTERLEAVED
            ? Layout.HALF_OF_INTERLEAVED
            : Layout.ROWS;
    whole("model.embed_tokens.weight", "embedding.weight");
    for (int i = 0; i < config.layers(); i++) {
      String theirs = "model.layers." + i + ".";
      String ours = "blocks." + i + ".";
      String qkv = ours + "attention.qkv";
      String gateUp = ours + "feed_forward.gate_up";
      boolean attentionBias = config.attentionBias().qkv();
      boolean outputBias = config.attentionBias().output();
      boolean feedForwardBias = config.feedForwardBias();
      whole(theirs + "input_layernorm.weight", ours + "attention_norm.gain");
      linear(theirs + "self_attn.q_proj", qkv, 0, queries, turned, attentionBias);
      linear(theirs + "self_attn.k_proj", qkv, queries, keys, turned, attentionBias);
      linear(theirs + "self_attn.v_proj", qkv, queries + keys, keys, Layout.ROWS, attentionBias);
      if (config.architecture().headNorms()) {
        rows(
            theirs + "self_attn.q_norm.weight",
            ours + "attention.query_norm.gain",
            0,
            config.headWidth(),
            turned);
        rows(
            theirs + "self_attn.k_norm.weight",
            ours + "attention.key_norm.gain",
            0,
            config.headWidth(),
            turned);
      }
      linear(theirs + "self_attn.o_proj", ours + "attention.output", outputBias);
      whole(theirs + "post_attention_layernorm.weight", ours + "feed_forward_norm.gain");
      linear(theirs + "mlp.gate_proj", gateUp, 0, inner, Layout.ROWS, feedForwardBias);
      linear(theirs + "mlp.up_proj", gateUp, inner, inner, Layout.ROWS, feedForwardBias);
      linear(theirs + "mlp.down_proj", ours + "feed_forward.down", feedForwardBias);
    }
    whole("model.norm.weight", "final_norm.gain");
    untiedHead();
  }

  private void untiedHead() {
    String score = ScoredModel.REWARD_HEAD + ".weight";
    if (parameters.contains(score)) {
      whole(score, score);
    } else if (!config.tieEmbeddings()) {
      whole("lm_head.weight", "head.weight");
    }
  }

  private void whole(String theirs, String ours) {
    Parameter parameter = parameters.parameter(ours);
    tensors.add(new HuggingFaceTensor(theirs, parameter.shape(), Layout.ROWS, parameter, 0, 0));
  }

  private void linear(String theirs, String ours, boolean bias) {
    whole(theirs + ".weight", ours + ".weight");
    if (bias) {
      whole(theirs + ".bias", ours + ".bias");
    }
  }

  private void linear(
      String theirs, String ours, int first, int count, Layout layout, boolean bias) {
    rows(theirs + ".weight", ours + ".weight", first, count, layout);
    if (bias) {
      rows(theirs + ".bias", ours + ".bias", first, count, layout);
    }
  }

  private void rows(String theirs, String ours, int first, int count, Layout layout) {
    Parameter parameter = parameters.parameter(ours);
    int headWidth = layout == Layout.HALF_OF_INTERLEAVED ? config.headWidth() : 0;
    Shape shape = parameter.shape().withDim(0, count);
    tensors.add(new HuggingFaceTensor(theirs, shape, layout, parameter, first, headWidth));
  }

  private void layerNorm(String theirs, String ours) {
    whole(theirs + ".weight", ours + ".gain");
    bias(theirs + ".bias", ours + ".bias", config.width());
  }

  private void conv1d(String theirs, String ours) {
    Parameter weight = parameters.parameter(ours + ".weight");
    int out = weight.shape().dim(0);
    Shape shape = Shape.of(weight.shape().dim(1), out);
    tensors.add(new HuggingFaceTensor(theirs + ".weight", shape, Layout.TRANSPOSED, weight, 0, 0));
    bias(theirs + ".bias", ours + ".bias", out);
  }

  private void bias(String theirs, String ours, int size) {
    if (config.bias()) {
      whole(theirs, ours);
    } else {
      tensors.add(new HuggingFaceTensor(theirs, Shape.of(size), Layout.ZERO, null, 0, 0));
    }
  }
}
