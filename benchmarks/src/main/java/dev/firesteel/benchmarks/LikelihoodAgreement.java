package dev.firesteel.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.convert.ModelExport;
import dev.firesteel.format.gguf.GgufEncoding;
import dev.firesteel.format.huggingface.ModelTensors;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.run.SavedModel;
import dev.firesteel.tales.Tales;
import dev.firesteel.tensor.Tape;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.hadoop.conf.Configuration;

/**
 * Questions with our log-likelihoods of their answers, for {@code lm_eval_agreement.py} to compare
 * with those of EleutherAI's lm-eval: which of four sentences comes next in a tale, and beginnings
 * of tales, of which {@code perplexity_llama.mjs} measures the perplexity, too. Arguments: a run
 * and a folder, in which the model is written as a Hugging Face directory and in all encodings of
 * GGUF.
 */
public final class LikelihoodAgreement {
  private static final int QUESTIONS = 200;
  private static final int TEXTS = 50;
  private static final int CHOICES = 4;
  private static final int SENTENCES = 3; // before the one that is asked for

  private final SavedModel saved;
  private final Backend backend;
  private final ObjectMapper mapper = new ObjectMapper();

  private LikelihoodAgreement(SavedModel saved, Backend backend) {
    this.saved = saved;
    this.backend = backend;
  }

  /** Writes the folder. */
  public static void main(String[] args) throws IOException {
    Configuration hadoop = new Configuration(false);
    org.apache.hadoop.fs.Path run = new org.apache.hadoop.fs.Path(args[0]);
    Path folder = Files.createDirectories(Path.of(args[1]));
    try (Backend backend = Backends.create(new BackendOptions(BackendKind.CPU, Precision.FP32, 2));
        SavedModel saved = SavedModel.open(run, hadoop, backend)) {
      export(run, folder.resolve("hf"), backend)
          .toHuggingFace(FloatType.F32, ModelTensors.MAX_FILE_BYTES);
      for (GgufEncoding encoding : GgufEncoding.values()) {
        export(run, folder.resolve(encoding + ".gguf"), backend).toGguf(encoding);
      }
      LikelihoodAgreement agreement = new LikelihoodAgreement(saved, backend);
      agreement.writeQuestions(folder.resolve("questions.jsonl"));
      agreement.writeTexts(folder.resolve("texts.jsonl"));
    }
  }

  private static ModelExport export(org.apache.hadoop.fs.Path run, Path to, Backend backend) {
    return new ModelExport(
        run,
        new org.apache.hadoop.fs.Path(to.toString()),
        "",
        new Configuration(false),
        backend,
        System.out::println);
  }

  private void writeQuestions(Path file) throws IOException {
    Tales tales = new Tales(20261129, "lm-eval");
    StringBuilder lines = new StringBuilder();
    int right = 0;
    for (int i = 0; i < QUESTIONS; i++) {
      List<String> sentences = sentences(tales, i);
      ObjectNode question = mapper.createObjectNode();
      String context = String.join(" ", sentences.subList(0, SENTENCES));
      question.put("context", context);
      ArrayNode choices = question.putArray("choices");
      ArrayNode logLikelihoods = question.putArray("log_likelihoods");
      int gold = i % CHOICES;
      int best = 0;
      for (int choice = 0; choice < CHOICES; choice++) {
        String sentence =
            choice == gold
                ? sentences.get(SENTENCES)
                : sentences(tales, QUESTIONS + CHOICES * i + choice).get(choice % SENTENCES);
        choices.add(sentence);
        logLikelihoods.add(logLikelihood(context, " " + sentence));
        best =
            logLikelihoods.get(choice).asDouble() > logLikelihoods.get(best).asDouble()
                ? choice
                : best;
      }
      question.put("gold", gold);
      right += best == gold ? 1 : 0;
      lines.append(mapper.writeValueAsString(question)).append('\n');
    }
    Files.writeString(file, lines);
    System.out.printf(Locale.ROOT, "%d of %d questions right%n", right, QUESTIONS);
  }

  private void writeTexts(Path file) throws IOException {
    Tales tales = new Tales(20261129, "lm-eval-texts");
    StringBuilder lines = new StringBuilder();
    double sum = 0;
    long bytes = 0;
    for (int i = 0; i < TEXTS; i++) {
      String text = String.join(" ", sentences(tales, i).subList(0, SENTENCES));
      double logLikelihood = logLikelihood("", text);
      ObjectNode line = mapper.createObjectNode().put("text", text);
      line.put("log_likelihood", logLikelihood);
      lines.append(mapper.writeValueAsString(line)).append('\n');
      sum += logLikelihood;
      bytes += text.getBytes(StandardCharsets.UTF_8).length;
    }
    Files.writeString(file, lines);
    System.out.printf(Locale.ROOT, "%.6f bits per byte%n", -sum / Math.log(2) / bytes);
  }

  /** At least one more than are shown before a question. */
  private static List<String> sentences(Tales tales, long index) {
    List<String> sentences = new ArrayList<>();
    for (String sentence : tales.tale(index).text().split("(?<=[.!?\"])\\s+", -1)) {
      sentences.add(sentence);
    }
    if (sentences.size() <= SENTENCES) {
      throw new IllegalStateException("a tale has more sentences than " + sentences);
    }
    return sentences;
  }

  /** {@code sum of log p(token | all before)} over the tokens of a text after a context. */
  private double logLikelihood(String context, String text) {
    int[] whole = saved.tokenizer().encode(context + text);
    int before = saved.tokenizer().encode(context).length;
    int[] ids = whole;
    if (before == 0) { // what begins a document
      ids = new int[whole.length + 1];
      ids[0] = saved.documents().start().orElseThrow();
      System.arraycopy(whole, 0, ids, 1, whole.length);
      before = 1;
    }
    int rows = saved.model().config().vocabularySize();
    float[] logits = new float[ids.length * rows];
    try (ArrayPool pool = new ArrayPool(backend);
        Tape tape = Tape.inference(backend, pool)) {
      ForwardPass pass = ForwardPass.inference(tape, saved.model().parameters());
      backend.download(
          saved.model().logits(pass, tape.constant(ids, Shape.of(1, ids.length))).array(),
          logits,
          0);
    }
    double sum = 0;
    for (int at = before; at < ids.length; at++) {
      int row = (at - 1) * rows;
      double total = 0;
      for (int id = 0; id < rows; id++) {
        total += Math.exp(logits[row + id]);
      }
      sum += logits[row + ids[at]] - Math.log(total);
    }
    return sum;
  }
}
