package dev.firesteel.config;

import dev.firesteel.backend.RopeSpec;
import dev.firesteel.config.ModelConfig.Activation;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.config.ModelConfig.AttentionBias;

/**
 * Collects the values of a {@link ModelConfig} by name. Values that are 0 or null are derived as in
 * a configuration file.
 */
public final class ModelConfigBuilder {
  private String from;
  private Architecture architecture;
  private int layers;
  private int width;
  private int heads;
  private int kvHeads;
  private int headWidth;
  private int feedForwardWidth;
  private int contextLength;
  private int vocabularySize;
  private Boolean bias;
  private AttentionBias attentionBias;
  private Boolean feedForwardBias;
  private Activation activation;
  private int window;
  private double dropout;
  private double normEpsilon;
  private double ropeTheta;
  private RopeSpec.Layout ropeLayout;
  private RopeScalingConfig ropeScaling;
  private Boolean tieEmbeddings;
  private double initStd;

  ModelConfigBuilder(ModelConfig config) {
    from = config.from();
    architecture = config.architecture();
    layers = config.layers();
    width = config.width();
    heads = config.heads();
    kvHeads = config.kvHeads();
    headWidth = config.headWidth();
    feedForwardWidth = config.feedForwardWidth();
    contextLength = config.contextLength();
    vocabularySize = config.vocabularySize();
    bias = config.bias();
    attentionBias = config.attentionBias();
    feedForwardBias = config.feedForwardBias();
    activation = config.activation();
    window = config.window();
    dropout = config.dropout();
    normEpsilon = config.normEpsilon();
    ropeTheta = config.ropeTheta();
    ropeLayout = config.ropeLayout();
    ropeScaling = config.ropeScaling();
    tieEmbeddings = config.tieEmbeddings();
    initStd = config.initStd();
  }

  /** Sets {@code model.architecture}. */
  public ModelConfigBuilder architecture(Architecture value) {
    architecture = value;
    return this;
  }

  /** Sets {@code model.layers}. */
  public ModelConfigBuilder layers(int value) {
    layers = value;
    return this;
  }

  /** Sets {@code model.width}. */
  public ModelConfigBuilder width(int value) {
    width = value;
    return this;
  }

  /** Sets {@code model.heads}. */
  public ModelConfigBuilder heads(int value) {
    heads = value;
    return this;
  }

  /** Sets {@code model.kv_heads}. */
  public ModelConfigBuilder kvHeads(int value) {
    kvHeads = value;
    return this;
  }

  /** Sets {@code model.head_width}. */
  public ModelConfigBuilder headWidth(int value) {
    headWidth = value;
    return this;
  }

  /** Sets {@code model.feed_forward_width}. */
  public ModelConfigBuilder feedForwardWidth(int value) {
    feedForwardWidth = value;
    return this;
  }

  /** Sets {@code model.context_length}. */
  public ModelConfigBuilder contextLength(int value) {
    contextLength = value;
    return this;
  }

  /** Sets {@code model.vocabulary_size}. */
  public ModelConfigBuilder vocabularySize(int value) {
    vocabularySize = value;
    return this;
  }

  /** Sets {@code model.bias}. */
  public ModelConfigBuilder bias(Boolean value) {
    bias = value;
    return this;
  }

  /** Sets {@code model.attention_bias}. */
  public ModelConfigBuilder attentionBias(AttentionBias value) {
    attentionBias = value;
    return this;
  }

  /** Sets {@code model.feed_forward_bias}. */
  public ModelConfigBuilder feedForwardBias(Boolean value) {
    feedForwardBias = value;
    return this;
  }

  /** Sets {@code model.activation}. */
  public ModelConfigBuilder activation(Activation value) {
    activation = value;
    return this;
  }

  /** Sets {@code model.window}. */
  public ModelConfigBuilder window(int value) {
    window = value;
    return this;
  }

  /** Sets {@code model.dropout}. */
  public ModelConfigBuilder dropout(double value) {
    dropout = value;
    return this;
  }

  /** Sets {@code model.norm_epsilon}. */
  public ModelConfigBuilder normEpsilon(double value) {
    normEpsilon = value;
    return this;
  }

  /** Sets {@code model.rope_theta}. */
  public ModelConfigBuilder ropeTheta(double value) {
    ropeTheta = value;
    return this;
  }

  /** Sets {@code model.rope_layout}. */
  public ModelConfigBuilder ropeLayout(RopeSpec.Layout value) {
    ropeLayout = value;
    return this;
  }

  /** Sets {@code model.rope_scaling}. */
  public ModelConfigBuilder ropeScaling(RopeScalingConfig value) {
    ropeScaling = value;
    return this;
  }

  /** Sets {@code model.tie_embeddings}. */
  public ModelConfigBuilder tieEmbeddings(Boolean value) {
    tieEmbeddings = value;
    return this;
  }

  /** Sets {@code model.init_std}. */
  public ModelConfigBuilder initStd(double value) {
    initStd = value;
    return this;
  }

  /**
   * The configuration.
   *
   * @throws dev.firesteel.error.UserException naming the first key whose value is not allowed
   */
  public ModelConfig build() {
    return new ModelConfig(
        from,
        architecture,
        layers,
        width,
        heads,
        kvHeads,
        headWidth,
        feedForwardWidth,
        contextLength,
        vocabularySize,
        bias,
        attentionBias,
        feedForwardBias,
        activation,
        window,
        dropout,
        normEpsilon,
        ropeTheta,
        ropeLayout,
        ropeScaling,
        tieEmbeddings,
        initStd);
  }
}
