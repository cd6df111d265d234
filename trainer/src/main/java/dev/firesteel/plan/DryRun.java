package dev.firesteel.plan;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Workspace;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.collective.Shard;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.StageConfig;
import dev.firesteel.config.TrainingConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.KeyValueCache;
import dev.firesteel.nn.ParameterSet;
import dev.firesteel.nn.Segment;
import dev.firesteel.nn.SegmentRange;
import dev.firesteel.optim.Optimizer;
import dev.firesteel.optim.Optimizers;
import dev.firesteel.optim.StateArray;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/** A run's passes over the model, without numbers, recorded by {@link KernelTrace}. */
final class DryRun {
  /** The run's objects other than arrays: names, metrics, file buffers. */
  private static final long OBJECTS_BYTES = 1 << 20;

  /** Shards are cut at multiples of this, so some are larger than others. */
  private static final long SHARD_SLACK_BYTES = (long) Shard.ALIGNMENT * Float.BYTES;

  private final StageConfig config;
  private final Supplier<LanguageModel> declaration;
  private final Heap heap;
  private final int threads;
  private List<StateArray> state = List.of();
  private long workFloats;

  DryRun(StageConfig config, ModelConfig modelConfig, Heap heap, int threads) {
    this(config, () -> Models.declare(modelConfig), heap, threads);
  }

  /** Of a model that is not declared alone: with adapters, a frozen base, a head. */
  DryRun(StageConfig config, Supplier<LanguageModel> declaration, Heap heap, int threads) {
    this.config = config;
    this.declaration = declaration;
    this.heap = heap;
    this.threads = threads;
  }

  /** The memory of the model and its training, excluding the rest of the process. */
  List<MemoryPart> parts() {
    Workspace workspace = workspace();
    KernelTrace trace = new KernelTrace(heap, workspace);
    ParameterSet parameters = pass(trace);
    long weights = segmentBytes(parameters, parameters.segmentSize());
    long trained = segmentBytes(parameters, parameters.trainedSize());
    int trainers = config.cluster().plannedTrainers();
    int microBatches = config.training().microBatches() / trainers;
    // One for each level of the tree of runs, and one for a run.
    int runs = Integer.lowestOneBit(microBatches);
    int sums = 32 - Integer.numberOfLeadingZeros(runs) + (runs < microBatches ? 1 : 0);

    List<MemoryPart> parts = new ArrayList<>();
    parts.add(new MemoryPart("weights", weights, 0));
    parts.add(
        new MemoryPart(
            sums == 1 ? "gradients" : "gradients, " + sums + " partial sums of micro-batches",
            sums * trained,
            0));
    long shares = 0;
    long copies = weights;
    for (StateArray array : state) {
      long bytes = heap.arrayBytes(array.array().size() * DType.F32.bytes());
      boolean whole = trainers == 1 || array.replicated();
      shares += whole ? bytes : bytes / trainers + SHARD_SLACK_BYTES;
      copies += whole ? bytes : bytes / trainers;
    }
    String name = config.optimizer().kind().state();
    parts.add(
        new MemoryPart(
            trainers == 1 ? name : name + ", one trainer's share of " + trainers, shares, 0));
    if (workFloats > 0) {
      parts.add(
          new MemoryPart(
              "matrices of the optimizer", heap.arrayBytes(workFloats * Float.BYTES), 0));
    }
    if (config.checkpoint().inBackground(trainers)) {
      parts.add(new MemoryPart("copy of weights and moments, for checkpoints", copies, 0));
    }
    long named = 0;
    for (Map.Entry<KernelTrace.Kind, Long> kind : trace.atPeak().entrySet()) {
      parts.add(new MemoryPart(kind.getKey().title(), kind.getValue(), 0));
      named += kind.getValue();
    }
    parts.add(
        new MemoryPart("cached activations of other sizes", trace.poolHeapBytes() - named, 0));
    for (Workspace.Part part : workspace.parts(heap::arrayBytes)) {
      parts.add(new MemoryPart(part.name(), part.heapBytes(), part.nativeBytes()));
    }
    long held = parts.stream().mapToLong(MemoryPart::heapBytes).sum();
    long reserved = workspace.reservedBytes(held);
    if (reserved < held) {
      throw UserException.failure(
          "backend "
              + config.compute().backend()
              + " holds up to "
              + (reserved >> 20)
              + " MiB, and the run needs "
              + (held >> 20)
              + " MiB; reduce training.micro_batch_size or the model, or set compute.recompute");
    }
    if (reserved > held) {
      parts.add(new MemoryPart("rest of the device's arenas", reserved - held, 0));
    }
    parts.add(new MemoryPart("names, metrics, file buffers", OBJECTS_BYTES, 0));
    return parts;
  }

  /** The memory of a segment's arrays. */
  private long segmentBytes(ParameterSet parameters, long size) {
    return parameters.pieces(new SegmentRange(0, size)).stream()
        .mapToLong(array -> heap.arrayBytes(array.size() * DType.F32.bytes()))
        .sum();
  }

  /** The run's backend, as it describes its kernels. */
  private Workspace workspace() {
    return Backends.workspace(
        new BackendOptions(config.compute().backend(), config.compute().precision(), threads));
  }

  /** Elements of the optimizer's state on all trainers together, known after {@link #parts}. */
  long stateElements() {
    return state.stream().mapToLong(array -> array.array().size()).sum();
  }

  private ParameterSet pass(KernelTrace trace) {
    try (LanguageModel model = declaration.get()) {
      model.parameters().allocate(trace, DType.F32);
      trace.weightsOf(model.parameters());
      if (config.sample().maxTokens() > 0) {
        sample(model, trace.pool());
      }
      evaluate(model, trace.pool());
      // Twice, because the first pass's bf16 copies are released in the second.
      Segment gradients = model.parameters().newSegment();
      train(model, gradients, trace.pool());
      markUpdated(model.parameters());
      train(model, gradients, trace.pool());
      trace.optimize(() -> optimize(model.parameters(), gradients));
      return model.parameters();
    }
  }

  /** As an optimizer would, which writes to the trained parameters. */
  private static void markUpdated(ParameterSet parameters) {
    for (SegmentRange array : parameters.pieces(new SegmentRange(0, parameters.trainedSize()))) {
      parameters.weights().range(array.begin(), array.end()).storage().markWritten();
    }
  }

  private void optimize(ParameterSet parameters, Segment gradients) {
    try (Optimizer optimizer = Optimizers.of(config.optimizer(), parameters)) {
      optimizer.step(gradients, config.optimizer().learningRate(), 1);
      state = optimizer.state();
      workFloats = optimizer.workFloats(config.cluster().plannedTrainers());
    }
  }

  private void train(LanguageModel model, Segment gradients, ArrayPool pool) {
    try (Tape tape = Tape.training(model.parameters().backend(), pool)) {
      ForwardPass pass =
          ForwardPass.training(
              tape, model.parameters(), gradients, 0, config.compute().recompute());
      tape.backward(loss(model, pass));
    }
  }

  private void evaluate(LanguageModel model, ArrayPool pool) {
    try (Tape tape = Tape.inference(model.parameters().backend(), pool)) {
      loss(model, ForwardPass.inference(tape, model.parameters()));
    }
  }

  private Tensor loss(LanguageModel model, ForwardPass pass) {
    TrainingConfig training = config.training();
    Shape shape = Shape.of(training.microBatchSize(), training.sequenceLength());
    int[] ids = new int[Math.toIntExact(shape.size())];
    return model.loss(
        pass, pass.tape().constant(ids, shape), pass.tape().constant(ids, shape), 1.0 / ids.length);
  }

  /** One token after a prompt, which has at most one token per byte. */
  private void sample(LanguageModel model, ArrayPool pool) {
    int context = model.config().contextLength();
    int bytes = config.sample().prompt().getBytes(StandardCharsets.UTF_8).length;
    int prompt = Math.max(1, Math.min(bytes, context - 1));
    int capacity = Math.min(context, prompt + config.sample().maxTokens());
    try (KeyValueCache cache = model.newCache(pool, 1, capacity)) {
      for (int tokens : new int[] {prompt, 1}) {
        try (Tape tape = Tape.inference(model.parameters().backend(), pool)) {
          ForwardPass pass = ForwardPass.inference(tape, model.parameters());
          Tensor hidden =
              model.hidden(pass, tape.constant(new int[tokens], Shape.of(1, tokens)), cache);
          Tensor rows = hidden.reshape(tokens, model.config().width());
          model.head(pass, tape.constant(new int[1], Shape.of(1)).embedding(rows));
        }
      }
    }
  }
}
