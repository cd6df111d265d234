import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.config.ConfigLoader;
import dev.firesteel.config.PretrainConfig;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.generate.Generator;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.run.SavedModel;
import dev.firesteel.spark.driver.TrainingJob;
import dev.firesteel.spark.prepare.PrepareJob;
import dev.firesteel.spark.session.SparkSessions;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tensor.Tensor;
import dev.firesteel.train.ProgressLine;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** Trains a small model on this file, completes a text with it, and embeds one. */
class Tour {
  public static void main(String[] arguments) {
    PretrainConfig config =
        ConfigLoader.load(
            PretrainConfig.class,
            List.of(
                "name=tour",
                "data.source=src/main/java/Tour.java",
                "data.document_unit=line",
                "data.validation_fraction=0.15",
                "tokenizer.kind=char",
                "model.layers=2",
                "model.width=32",
                "model.heads=2",
                "model.context_length=64",
                "training.steps=60"));
    try (SparkSessions.OpenSession spark = SparkSessions.open("tour", Map.of())) {
      PrepareJob.run(spark.session(), config, false, System.out::println);
      new TrainingJob(spark.session(), config).run(new ProgressLine(System.out, false));
    }
    try (Backend backend = Backends.create(config.compute().options(2, config.compute().device()));
        SavedModel saved = SavedModel.open(new Path("runs/tour"), new Configuration(), backend);
        ArrayPool pool = new ArrayPool(backend)) {
      Generator generator =
          new Generator(saved.model(), saved.tokenizer(), saved.documents(), pool);
      GenerationOptions options =
          GenerationOptions.builder().temperature(0.8).maxTokens(40).build();
      System.out.println("Completed: import " + generator.generate("import ", options).text());
      float[] embedding = embed(saved, pool, "import java.util.List;");
      System.out.println("Embedded: " + Arrays.toString(Arrays.copyOf(embedding, 4)) + "...");
    }
  }

  /** The mean over the tokens of the model's last hidden states. */
  private static float[] embed(SavedModel saved, ArrayPool pool, String text) {
    int[] ids = saved.tokenizer().encode(text);
    int width = saved.model().config().width();
    float[] states = new float[ids.length * width];
    try (Tape tape = Tape.inference(saved.model().parameters().backend(), pool)) {
      ForwardPass pass = ForwardPass.inference(tape, saved.model().parameters());
      Tensor hidden = saved.model().hidden(pass, tape.constant(ids, Shape.of(1, ids.length)));
      tape.backend().download(hidden.array(), states, 0);
    }
    float[] mean = new float[width];
    for (int i = 0; i < states.length; i++) {
      mean[i % width] += states[i] / ids.length;
    }
    return mean;
  }
}
