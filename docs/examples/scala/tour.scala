// Run in a spark-shell that has the job jar: docs/jvm.md. Reads a model that was trained before, and
// scores the texts of a DataFrame on the executors: each partition opens the model once.
import dev.firesteel.array.ArrayPool
import dev.firesteel.backend.choice.Backends
import dev.firesteel.config.{ConfigLoader, InferenceConfig}
import dev.firesteel.generate.{GenerationOptions, Generator}
import dev.firesteel.run.SavedModel
import org.apache.hadoop.conf.Configuration
import org.apache.hadoop.fs.Path
import spark.implicits._

val model = sys.env.getOrElse("FIRESTEEL_MODEL", "runs/tour")

def complete(prompts: Iterator[String]): Iterator[(String, String)] = {
  val compute = ConfigLoader.load(classOf[InferenceConfig], java.util.List.of[String]()).compute()
  val backend = Backends.create(compute.options(1, compute.device()))
  val saved = SavedModel.open(new Path(model), new Configuration(), backend)
  val pool = new ArrayPool(backend)
  try {
    val generator = new Generator(saved.model(), saved.tokenizer(), saved.documents(), pool)
    val options = GenerationOptions.builder().maxTokens(20).build()
    prompts.map(prompt => (prompt, generator.generate(prompt, options).text())).toList.iterator
  } finally {
    pool.close()
    saved.close()
    backend.close()
  }
}

val completed = Seq("import ", "class ").toDS().repartition(2).mapPartitions(complete).toDF("prompt", "completion")
completed.show(false)
