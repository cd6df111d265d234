package dev.firesteel.model;

import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.model.Decoder.Block;
import dev.firesteel.model.Decoder.Layers;
import dev.firesteel.nn.CausalSelfAttention;
import dev.firesteel.nn.Embedding;
import dev.firesteel.nn.Initializer;
import dev.firesteel.nn.LayerNorm;
import dev.firesteel.nn.Mlp;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Projections;
import java.util.ArrayList;
import java.util.List;

/**
 * GPT-2 (Radford et al. 2019): learned positions, LayerNorm before each branch and at the end,
 * multi-head attention, GELU, a head tied to the embedding. With {@code bias: false}, linear and
 * norm layers have no bias.
 *
 * <p>Differs from the released models in two ways: there is no dropout on attention probabilities
 * (see {@link CausalSelfAttention}), and positions are initialized with the same standard deviation
 * as all other weights, not with half of it.
 */
final class Gpt2 {
  private Gpt2() {}

  static LanguageModel declare(
      ModelConfig config, ParameterSet.Builder parameters, Projections projections) {
    Initializer initial = Initializer.normal(config.initStd());
    Initializer residual = Decoder.residual(config);
    AttentionSpec spec = Decoder.attention(config);
    int width = config.width();

    Embedding embedding =
        new Embedding(parameters, "embedding", config.vocabularySize(), width, initial);
    Embedding positions =
        new Embedding(parameters, "positions", config.contextLength(), width, initial);
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; i < config.layers(); i++) {
      String name = "blocks." + i;
      blocks.add(
          new Block(
              norm(parameters, name + ".attention_norm", config),
              new CausalSelfAttention(
                  parameters,
                  projections,
                  name + ".attention",
                  width,
                  spec,
                  null,
                  null,
                  config.attentionBias().qkv(),
                  config.attentionBias().output(),
                  config.initStd(),
                  residual),
              norm(parameters, name + ".feed_forward_norm", config),
              new Mlp(
                  parameters,
                  projections,
                  name + ".feed_forward",
                  width,
                  config.feedForwardWidth(),
                  config.feedForwardBias(),
                  config.activation().elementwise(),
                  initial,
                  residual)));
    }
    LayerNorm finalNorm = norm(parameters, "final_norm", config);
    Parameter head = Decoder.head(config, parameters, embedding);
    Layers layers = new Layers(embedding, positions, blocks, finalNorm, head);
    return new Decoder(config, parameters, projections, layers);
  }

  private static LayerNorm norm(ParameterSet.Builder parameters, String name, ModelConfig config) {
    return new LayerNorm(parameters, name, config.width(), config.bias(), config.normEpsilon());
  }
}
