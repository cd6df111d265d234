package dev.firesteel.train;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.checkpoint.AsyncCheckpoints;
import dev.firesteel.checkpoint.Checkpoint;
import dev.firesteel.checkpoint.CheckpointStore;
import dev.firesteel.checkpoint.state.RankNumbers;
import dev.firesteel.checkpoint.state.TrainingCheckpoint;
import dev.firesteel.checkpoint.state.TrainingSnapshot;
import dev.firesteel.checkpoint.state.TrainingState;
import dev.firesteel.collective.Collective;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.RunConfig;
import dev.firesteel.data.Batch;
import dev.firesteel.data.SampleOrder;
import dev.firesteel.data.TrainingBatches;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HostName;
import dev.firesteel.format.huggingface.HuggingFaceNames;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.generate.Generator;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Segment;
import dev.firesteel.optim.AdamW;
import dev.firesteel.optim.GradientAccumulator;
import dev.firesteel.optim.GradientClipping;
import dev.firesteel.optim.GradientExchange;
import dev.firesteel.optim.LearningRateSchedule;
import dev.firesteel.optim.TreeSum;
import dev.firesteel.random.RandomStream;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.run.RunSession;
import dev.firesteel.run.RunWriter;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import dev.firesteel.tokenizer.Tokenizer;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * Next-token pretraining, from the first step or the last checkpoint to the last step. {@link #run}
 * is the whole of it; every rank runs the same loop on its share of each step's slots.
 *
 * <p>The numbers (weights, losses, metrics but for times) are a function of the configuration and
 * the data: not of threads, nor of how often and where the run was stopped and resumed, nor of the
 * number of ranks, if that is a power of two that divides the slots of a step.
 */
public final class Pretraining implements AutoCloseable {
  private static final Duration WARM_UP = Duration.ofSeconds(1);

  /** While kernels are left that the warm-up before the first step did not get to. */
  private static final Duration WARM_UP_AFTER_A_STEP = Duration.ofMillis(10);

  /** How long ranks that wait for rank 0's files let it look before they ask again. */
  private static final Duration BETWEEN_VOTES = Duration.ofMillis(100);

  private final RunConfig config;
  private final TrainingData data;
  private final TrainingContext context;
  private final Collective collective;
  private final boolean first;
  private final TrainingListener listener;

  private final TrainingBatches batches;
  private final Batch batch;
  private final Shape batchShape;
  private final Evaluation evaluation; // null where there is no validation text
  private final LearningRateSchedule schedule;
  private final GradientClipping clipping;

  private final ArrayPool pool;
  private final LanguageModel model;
  private final AdamW optimizer;
  private final GradientAccumulator accumulator;
  private final GradientExchange exchange;
  private final RankMeter meter;
  private final Generator generator;
  private final CheckpointStore checkpoints;
  private final AsyncCheckpoints uploads;
  private final RunWriter files; // used by rank 0 alone
  private final TrainingSnapshot snapshot; // null where training waits for checkpoints
  private final String configSha256;
  private final String dataSha256;
  private final String tokenizerSha256;

  private MetricsLog log;
  private long fromStep;
  private long step;
  private long checkpointStep = -1; // committed
  private long startedStep = -1; // committed, or on its way
  private int skippedInARow;
  private Double bestLoss; // null before the first evaluation
  private Long bestStep;
  private long lossWaitNanos;

  /**
   * Builds the model, and reads the run's last checkpoint if there is one.
   *
   * @throws UserException if data, configuration and checkpoint do not fit together
   */
  public Pretraining(RunConfig config, TrainingData data, TrainingContext context) {
    this.config = config;
    this.data = data;
    this.context = context;
    this.collective = context.collective();
    this.first = collective.rank() == 0;
    this.listener = first ? context.listener() : new TrainingListener() {};
    int sequences = config.training().microBatchSize();
    int length = config.training().sequenceLength();
    requireEvenShares();

    batches =
        new TrainingBatches(
            data.train(),
            SampleOrder.of(config.data().sampling(), config.seed(), data.train().tokens(), length));
    batch = new Batch(sequences, length);
    batchShape = Shape.of(sequences, length);
    evaluation =
        data.validation()
            .map(text -> new Evaluation(text, sequences, length, config.evaluation().batches()))
            .orElse(null);
    schedule =
        LearningRateSchedule.of(config.optimizer(), config.schedule(), config.training().steps());
    clipping = new GradientClipping(config.training().gradientClip());
    configSha256 = ConfigLoader.contentHash(config);
    dataSha256 = data.sha256();
    tokenizerSha256 = data.tokenizer().sha256();

    context.rank().onStart(collective);
    context.rank().onPhase(RankPhase.RENDEZVOUS, 0);
    checkpoints = context.run().checkpoints(listener::onNotice);
    Optional<Checkpoint> last = checkpoints.latest();
    requireSameCheckpoint(last.map(Checkpoint::step).orElse(-1L));
    compareArithmetic();
    last.ifPresent(this::check);

    pool = new ArrayPool(context.backend());
    model = Models.declare(modelConfig(config, data.tokenizer()));
    HuggingFaceNames.tensors(model); // A model that cannot be saved is refused before it trains.
    model.parameters().allocate(context.backend(), DType.F32);
    exchange = new GradientExchange(model.parameters(), collective);
    optimizer = new AdamW(model.parameters(), config.optimizer(), exchange.owned());
    accumulator = new GradientAccumulator(model.parameters(), config.training().slots());
    snapshot =
        config.checkpoint().inBackground(collective.worldSize())
            ? new TrainingSnapshot(model, optimizer, collective.rank())
            : null;
    uploads =
        new AsyncCheckpoints(
            checkpoints,
            collective,
            config.checkpoint().keepLast(),
            config.checkpoint().keepBest(),
            Duration.ofSeconds(config.checkpoint().timeoutSeconds()));
    files = new RunWriter(Duration.ofSeconds(config.checkpoint().timeoutSeconds()));
    meter = new RankMeter(collective.rank(), HostName.get());
    generator = new Generator(model, data.tokenizer(), pool);
    if (last.isPresent()) {
      resume(last.get());
    } else {
      model.parameters().initialize(config.seed());
    }
    if (samples()) {
      // A prompt that does not fit is refused before the first step, not after the last.
      generator.generate(config.sample().prompt(), sampling(0, 1));
    }
  }

  /** Trains to the last step, or until the stop signal. */
  public TrainingOutcome run() {
    try {
      return train();
    } catch (RuntimeException | Error e) {
      // The other ranks may be waiting for this one in a sum.
      collective.abort("rank %d failed at step %d: %s".formatted(collective.rank(), step, e));
      throw e;
    }
  }

  private TrainingOutcome train() {
    int steps = config.training().steps();
    ThreadCounters threads = new ThreadCounters(context.backend().threadsBesideCaller());
    start();
    boolean warm = context.backend().warmUp(WARM_UP, listener::onNotice);
    while (step < steps) {
      collective.enterStep(step);
      uploads.poll().ifPresent(this::committed);
      files.poll();
      context.rank().onPhase(RankPhase.COMPUTE, step);
      if (stopRequested()) {
        checkpointAt(OptionalDouble.empty());
        return end(TrainingOutcome.INTERRUPTED);
      }
      long began = System.nanoTime();
      long transferNanos = collective.transferNanos();
      long waitNanos = waitNanos();
      double cpuNanos = threads.cpuNanos();
      long gcMillis = threads.gcMillis();
      double allocatedBytes = threads.allocatedBytes();
      double learningRate = schedule.at(step);

      double loss = accumulateSlots();
      double norm = exchange.norm();

      boolean skipped = !Double.isFinite(loss) || !Double.isFinite(norm);
      if (!skipped) {
        optimizer.step(exchange.sum(), learningRate, clipping.scale(norm));
        context.rank().onPhase(RankPhase.ALL_GATHER, step);
        exchange.gather();
      }
      step++;
      long nanos = System.nanoTime() - began;
      meter.add(
          nanos,
          collective.transferNanos() - transferNanos,
          waitNanos() - waitNanos,
          threads.cpuNanos() - cpuNanos,
          threads.gcMillis() - gcMillis,
          threads.allocatedBytes() - allocatedBytes);
      countSkips(skipped, loss, norm);
      warm = warm || context.backend().warmUp(WARM_UP_AFTER_A_STEP, listener::onNotice);

      EvaluationResult result = due(config.evaluation().every()) ? evaluate() : null;
      if (due(config.logging().every()) || result != null || skipped) {
        RankStep measured = meter.report(step);
        log(loss, learningRate, norm, skipped, result, measured);
        context.rank().onMeasured(measured);
      }
      if (samples() && due(config.sample().every())) {
        sample();
      }
      if (due(config.checkpoint().every())) {
        checkpointAt(result == null ? OptionalDouble.empty() : OptionalDouble.of(result.loss()));
      }
    }
    return end(TrainingOutcome.COMPLETED);
  }

  /** The model as it is now; it ends with {@link #close}. */
  public LanguageModel model() {
    return model;
  }

  /** Steps done. */
  public long step() {
    return step;
  }

  /**
   * Sums gradients and losses of all slots of this rank, and sends the gradients as they are done;
   * returns the loss of the global batch.
   */
  private double accumulateSlots() {
    int slots = config.training().slots();
    int share = slots / collective.worldSize();
    long firstSample = step * config.training().globalBatchSize();
    // Every position has a target, so the step's tokens are known before its slots are read.
    double scale = 1.0 / config.training().tokensPerStep();
    TreeSum<Double> losses = new TreeSum<>(Double::sum, slots);
    int end = (collective.rank() + 1) * share;
    for (int slot = collective.rank() * share; slot < end; slot++) {
      batches.read(firstSample + (long) slot * batch.sequences(), batch);
      Segment gradients = accumulator.next();
      try (Tape tape = Tape.training(context.backend(), pool)) {
        ForwardPass pass =
            ForwardPass.training(
                tape,
                model.parameters(),
                gradients,
                ForwardPass.dropoutKey(config.seed(), step, slot),
                config.compute().recompute());
        Tensor loss =
            model.loss(
                pass,
                tape.constant(batch.inputs(), batchShape),
                tape.constant(batch.targets(), batchShape),
                scale);
        losses.add(loss.item());
        if (slot + 1 < end) {
          tape.backward(loss);
          accumulator.add(gradients);
        } else {
          context.rank().onPhase(RankPhase.REDUCE_SCATTER, step);
          exchange.begin(accumulator, gradients);
          tape.backward(loss, exchange::complete);
        }
      }
    }
    double[] loss = {losses.total()};
    long began = System.nanoTime();
    collective.allReduce(loss);
    lossWaitNanos += System.nanoTime() - began;
    return loss[0];
  }

  /** Time that this rank has waited for others in its steps. */
  private long waitNanos() {
    return exchange.waitNanos() + lossWaitNanos;
  }

  private void countSkips(boolean skipped, double loss, double norm) {
    if (!skipped) {
      skippedInARow = 0;
      return;
    }
    skippedInARow++;
    listener.onSkip(step, loss, norm);
    if (skippedInARow > config.training().skipNonFiniteLimit()) {
      throw UserException.failure(
          "loss and gradient must be finite, got loss %s and gradient norm %s at step %d, after %s: lower optimizer.learning_rate or raise schedule.warmup_steps%s"
              .formatted(
                  loss,
                  norm,
                  step,
                  skippedInARow == 1
                      ? "1 skipped step"
                      : skippedInARow + " consecutive skipped steps",
                  checkpointStep < 0 ? "" : "; the last checkpoint is of step " + checkpointStep));
    }
  }

  private EvaluationResult evaluate() {
    if (evaluation == null) {
      return null;
    }
    context.rank().onPhase(RankPhase.EVALUATION, step);
    EvaluationResult result = evaluation.run(model, pool, collective);
    if (bestLoss == null || result.loss() < bestLoss) {
      bestLoss = result.loss();
      bestStep = step;
    }
    listener.onEvaluation(step, result);
    return result;
  }

  private void log(
      double loss,
      double learningRate,
      double norm,
      boolean skipped,
      EvaluationResult result,
      RankStep measured) {
    report(
        new StepMetrics(
            step,
            step * config.training().tokensPerStep(),
            loss,
            learningRate,
            norm,
            1000 * config.training().tokensPerStep() / measured.stepMillis(),
            measured.stepMillis(),
            measured.allocatedBytes(),
            measured.gcMillis(),
            skipped,
            result));
  }

  private void report(StepMetrics metrics) {
    if (first) {
      log.onStep(metrics);
      listener.onStep(metrics);
    }
  }

  private void sample() {
    if (first) {
      String prompt = config.sample().prompt();
      String text =
          prompt + generator.generate(prompt, sampling(step, config.sample().maxTokens())).text();
      log.onSample(step, text);
      listener.onSample(step, text);
    }
  }

  private GenerationOptions sampling(long atStep, int tokens) {
    return GenerationOptions.builder()
        .maxTokens(tokens)
        .temperature(config.sample().temperature())
        .topK(config.sample().topK())
        .topP(config.sample().topP())
        .seed(RandomStream.key(config.seed(), "sample", atStep))
        .build();
  }

  private void checkpointAt(OptionalDouble validationLoss) {
    if (step == startedStep) {
      return;
    }
    if (first) {
      log.sync();
    }
    awaitFiles();
    TrainingState state =
        new TrainingState(
            step,
            optimizer.updates(),
            step * config.training().tokensPerStep(),
            step * config.training().globalBatchSize(),
            config.seed(),
            skippedInARow,
            bestLoss,
            bestStep,
            configSha256,
            dataSha256,
            tokenizerSha256);
    context.rank().onPhase(RankPhase.CHECKPOINT, step);
    if (snapshot != null) {
      // The one on its way is written from the same memory.
      uploads.finish().ifPresent(this::committed);
      snapshot.take();
    }
    uploads.start(step, validationLoss, content(state));
    startedStep = step;
    if (snapshot == null) {
      uploads.finish().ifPresent(this::committed);
    }
  }

  /**
   * Returns when rank 0's files are written. All ranks wait, and ask each other now and then: a
   * call of the collective has a deadline, which may be shorter than that of the file system.
   */
  private void awaitFiles() {
    double[] written = {0};
    while (written[0] == 0) {
      written[0] = first && files.isIdle(BETWEEN_VOTES) ? 1 : 0;
      collective.allReduce(written);
    }
  }

  /** This rank's files, written on a thread of their own. */
  private CheckpointStore.Content content(TrainingState state) {
    RankNumbers numbers = snapshot == null ? RankNumbers.of(model, optimizer) : snapshot.copies();
    return writer -> {
      TrainingCheckpoint.write(
          writer,
          collective.rank(),
          collective.worldSize(),
          model,
          data.tokenizer(),
          numbers,
          state,
          config);
      context.rank().onFilesWritten(state.step());
    };
  }

  private void committed(AsyncCheckpoints.Committed checkpoint) {
    checkpointStep = checkpoint.step();
    listener.onCheckpoint(checkpoint.step(), checkpoint.directory().toString());
  }

  /** A file system that shows ranks different checkpoints would let them train different models. */
  private void requireSameCheckpoint(long mine) {
    byte[][] all = collective.allGather(ByteBuffer.allocate(Long.BYTES).putLong(mine).array());
    for (int rank = 0; rank < all.length; rank++) {
      long theirs = ByteBuffer.wrap(all[rank]).getLong();
      if (theirs != mine) {
        throw UserException.failure(
            "all executors must see the same checkpoints in %s, got the last of step %d here and of step %d on rank %d: give a runs_folder that all of them share"
                .formatted(checkpoints.directory(), mine, theirs, rank));
      }
    }
  }

  /** On mixed machines a result depends on which rank computed what: sound, but not repeatable. */
  private void compareArithmetic() {
    String mine = context.backend().arithmetic();
    byte[][] all = collective.allGather(mine.getBytes(StandardCharsets.UTF_8));
    int others = 0;
    int last = 0;
    for (int rank = 1; rank < all.length; rank++) {
      if (!Arrays.equals(all[rank], all[0])) {
        others++;
        last = rank;
      }
    }
    if (others > 0) {
      listener.onNotice(
          "Rank 0 computes by %s, %d of %d ranks do not (rank %d by %s): results will not repeat to the bit where ranks are placed otherwise"
              .formatted(
                  new String(all[0], StandardCharsets.UTF_8),
                  others,
                  all.length,
                  last,
                  new String(all[last], StandardCharsets.UTF_8)));
    }
  }

  private void check(Checkpoint checkpoint) {
    checkpoint.verify();
    ResumeCheck.check(
        checkpoint, TrainingCheckpoint.state(checkpoint), config, dataSha256, tokenizerSha256);
  }

  private void resume(Checkpoint checkpoint) {
    TrainingState state = TrainingCheckpoint.state(checkpoint);
    TrainingCheckpoint.read(checkpoint, model, optimizer, state);
    step = state.step();
    fromStep = step;
    checkpointStep = step;
    startedStep = step;
    skippedInARow = state.skippedInARow();
    bestLoss = state.bestValidationLoss();
    bestStep = state.bestStep();
  }

  private void start() {
    if (first) {
      RunDirectory run = context.run();
      RunSession session =
          RunSession.now(
              fromStep,
              context.backend().description(),
              collective.worldSize(),
              config.seed(),
              configSha256,
              dataSha256,
              tokenizerSha256);
      files.submit("writing " + run + "/" + RunDirectory.CONFIG, () -> run.writeConfig(config));
      files.submit("writing " + run + "/" + RunDirectory.RUN, () -> run.addSession(session));
      log = MetricsLog.open(files, run, checkpointStep);
    }
    awaitFiles();
    listener.onStart(
        new TrainingPlan(
            config.name(),
            context.run().toString(),
            context.backend().description(),
            collective.worldSize(),
            model.parameters().count(),
            fromStep,
            config.training().steps(),
            config.training().tokensPerStep(),
            config.training().slots(),
            data.train().tokens(),
            evaluation == null ? 0 : evaluation.targets()));
    if (checkpointStep < 0 && config.evaluation().every() > 0 && evaluation != null) {
      report(StepMetrics.beforeTraining(evaluate()));
    }
  }

  private TrainingOutcome end(TrainingOutcome outcome) {
    uploads.finish().ifPresent(this::committed);
    if (first) {
      log.sync();
      files.finish();
    }
    listener.onEnd(outcome, step);
    return outcome;
  }

  /** Whether any rank was asked to stop: all of them find the same answer at the same step. */
  private boolean stopRequested() {
    double[] votes = {context.stop().requested() ? 1 : 0};
    collective.allReduce(votes);
    return votes[0] > 0;
  }

  /** Each {@code every} steps, and at the end; 0: only at the end. */
  private boolean due(int every) {
    return step == config.training().steps() || (every > 0 && step % every == 0);
  }

  private boolean samples() {
    return config.sample().maxTokens() > 0;
  }

  private void requireEvenShares() {
    int slots = config.training().slots();
    if (slots % collective.worldSize() != 0) {
      throw UserException.usage(
          "training.global_batch_size / training.micro_batch_size must be a multiple of the number of executors (%d), got %d slots: change one of them"
              .formatted(collective.worldSize(), slots));
    }
  }

  private static ModelConfig modelConfig(RunConfig config, Tokenizer tokenizer) {
    int size = config.model().vocabularySize();
    if (size == 0) {
      return config.model().withVocabularySize(tokenizer.vocabularySize());
    }
    if (size < tokenizer.vocabularySize()) {
      throw UserException.usage(
          "model.vocabulary_size must be at least the tokenizer's (%d), got %d: raise it, or set it to 0"
              .formatted(tokenizer.vocabularySize(), size));
    }
    return config.model();
  }

  /** Gives all memory back and closes the run's files. */
  @Override
  @SuppressWarnings("try") // They are closed, from the last to the first.
  public void close() {
    try (pool;
        model;
        optimizer;
        accumulator;
        TrainingSnapshot copies = snapshot;
        files) {
      uploads.close();
    }
  }
}
