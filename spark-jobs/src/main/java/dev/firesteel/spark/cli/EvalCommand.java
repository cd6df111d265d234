package dev.firesteel.spark.cli;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.backend.Backend;
import dev.firesteel.collective.SingleProcess;
import dev.firesteel.data.TokenDataset;
import dev.firesteel.error.UserException;
import dev.firesteel.run.SavedModel;
import dev.firesteel.train.Evaluation;
import dev.firesteel.train.EvaluationResult;
import dev.firesteel.train.TrainingData;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code eval}: measures how well a model predicts text. */
@Command(
    name = "eval",
    description =
        "Loss (nats per token), perplexity and bits per byte of a model on prepared data's"
            + " validation text.",
    footer = {
      "",
      "Examples:",
      "  ./firesteel eval runs/quickstart --data data/java-sources-2b9d8974",
      "  ./firesteel eval runs/quickstart compute.precision=bf16 --data data/java-sources-2b9d8974"
    })
public final class EvalCommand implements Callable<Integer> {
  @Spec private CommandSpec spec;
  @Mixin private ModelArguments model;

  @Option(
      names = "--data",
      paramLabel = "FOLDER",
      required = true,
      description = "Prepared data, made with the model's tokenizer.")
  private String data;

  @Option(
      names = "--batches",
      paramLabel = "N",
      defaultValue = "0",
      description = "Maximum number of batches; 0, the default: the whole text.")
  private int batches;

  @Option(
      names = "--batch-size",
      paramLabel = "N",
      defaultValue = "8",
      description = "Sequences per batch; ${DEFAULT-VALUE} by default.")
  private int batchSize;

  @Override
  public Integer call() {
    if (batches < 0 || batchSize < 1) {
      throw UserException.usage(
          "--batches must be at least 0 and --batch-size at least 1, got %d and %d"
              .formatted(batches, batchSize));
    }
    Configuration hadoop = new Configuration();
    TrainingData prepared = TrainingData.open(new Path(data), hadoop);
    return model.with(hadoop, (saved, backend) -> evaluate(saved, backend, prepared));
  }

  private int evaluate(SavedModel saved, Backend backend, TrainingData prepared) {
    if (!saved.tokenizer().sha256().equals(prepared.tokenizer().sha256())) {
      throw UserException.usage(
          "the data in %s must be made with the tokenizer of %s, got another one: prepare it with tokenizer.file=%s"
              .formatted(data, saved.directory(), new Path(saved.directory(), "tokenizer.json")));
    }
    Optional<TokenDataset> text = prepared.validation();
    Evaluation evaluation =
        new Evaluation(
            text.orElseThrow(
                () ->
                    UserException.usage(
                        "%s must hold validation text, got none: prepare it with data.validation_fraction above 0"
                            .formatted(data))),
            batchSize,
            saved.model().config().contextLength(),
            batches);
    try (ArrayPool pool = new ArrayPool(backend);
        SingleProcess alone = new SingleProcess()) {
      EvaluationResult result = evaluation.run(saved.model(), pool, alone);
      spec.commandLine()
          .getOut()
          .printf(
              Locale.ROOT,
              "loss %.4f nats per token · perplexity %.2f · %.4f bits per byte · %,d tokens%n",
              result.loss(),
              result.perplexity(),
              result.bitsPerByte(),
              result.tokens());
    }
    return 0;
  }
}
