package dev.firesteel.model;

import dev.firesteel.backend.AttentionSpec;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.model.Decoder.Block;
import dev.firesteel.model.Decoder.Layers;
import dev.firesteel.nn.CausalSelfAttention;
import dev.firesteel.nn.Embedding;
import dev.firesteel.nn.HeadNorms;
import dev.firesteel.nn.Initializer;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Projections;
import dev.firesteel.nn.RmsNorm;
import dev.firesteel.nn.SwiGluMlp;
import java.util.ArrayList;
import java.util.List;

/**
 * Llama (Touvron et al. 2023) and the architectures of the same layers: rotary positions, RMSNorm
 * before each branch and at the end, multi- or grouped-query attention, SwiGLU, an untied head
 * unless {@code tie_embeddings}. Where they differ (biases, a window, norms of heads) follows from
 * the configuration.
 *
 * <p>Initial weights follow GPT-2's scheme, because the paper specifies none.
 */
final class Llama {
  private Llama() {}

  static LanguageModel declare(
      ModelConfig config, ParameterSet.Builder parameters, Projections projections) {
    Initializer initial = Initializer.normal(config.initStd());
    Initializer residual = Decoder.residual(config);
    AttentionSpec spec = Decoder.attention(config);
    RopeSpec rope =
        new RopeSpec(
            config.heads() + config.kvHeads(),
            config.headWidth(),
            config.ropeTheta(),
            config.ropeLayout(),
            config.ropeScaling().scaling());
    int width = config.width();

    Embedding embedding =
        new Embedding(parameters, "embedding", config.vocabularySize(), width, initial);
    List<Block> blocks = new ArrayList<>();
    for (int i = 0; i < config.layers(); i++) {
      String name = "blocks." + i;
      HeadNorms headNorms =
          config.architecture().headNorms()
              ? new HeadNorms(parameters, name + ".attention", spec, config.normEpsilon())
              : null;
      blocks.add(
          new Block(
              new RmsNorm(parameters, name + ".attention_norm", width, config.normEpsilon()),
              new CausalSelfAttention(
                  parameters,
                  projections,
                  name + ".attention",
                  width,
                  spec,
                  rope,
                  headNorms,
                  config.attentionBias().qkv(),
                  config.attentionBias().output(),
                  config.initStd(),
                  residual),
              new RmsNorm(parameters, name + ".feed_forward_norm", width, config.normEpsilon()),
              new SwiGluMlp(
                  parameters,
                  projections,
                  name + ".feed_forward",
                  width,
                  config.feedForwardWidth(),
                  config.feedForwardBias(),
                  config.initStd(),
                  residual)));
    }
    RmsNorm finalNorm = new RmsNorm(parameters, "final_norm", width, config.normEpsilon());
    Parameter head = Decoder.head(config, parameters, embedding);
    Layers layers = new Layers(embedding, null, blocks, finalNorm, head);
    return new Decoder(config, parameters, projections, layers);
  }
}
