package dev.firesteel.benchmarks;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.array.ArrayPool;
import dev.firesteel.array.DType;
import dev.firesteel.array.Shape;
import dev.firesteel.backend.Backend;
import dev.firesteel.backend.BackendKind;
import dev.firesteel.backend.BackendOptions;
import dev.firesteel.backend.Precision;
import dev.firesteel.backend.RopeSpec;
import dev.firesteel.backend.choice.Backends;
import dev.firesteel.checkpoint.Attempt;
import dev.firesteel.checkpoint.CheckpointWriter;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.config.ModelConfig.Architecture;
import dev.firesteel.config.SampleConfig;
import dev.firesteel.convert.ModelExport;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.gguf.GgufEncoding;
import dev.firesteel.format.huggingface.ModelDirectory;
import dev.firesteel.format.huggingface.ModelTensors;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.generate.Completion;
import dev.firesteel.generate.GenerationOptions;
import dev.firesteel.generate.Generator;
import dev.firesteel.generate.TokenListener;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.Models;
import dev.firesteel.model.ScoredModel;
import dev.firesteel.nn.ForwardPass;
import dev.firesteel.nn.Parameter;
import dev.firesteel.nn.Projections;
import dev.firesteel.nn.Segment;
import dev.firesteel.tensor.RowLayout;
import dev.firesteel.tensor.Tape;
import dev.firesteel.tokenizer.BpeTokenizer;
import dev.firesteel.tokenizer.DocumentTokens;
import dev.firesteel.tokenizer.Tokenizer;
import dev.firesteel.tokenizer.Tokenizers;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;

/**
 * Writes tiny random models of each architecture as {@code export} does, with what they compute
 * here beside them ({@code expected.json}), so that other programs that load them can be compared:
 * {@code export_agreement.py} (transformers), {@code vllm_agreement.py} and {@code
 * export_agreement.mjs} (llama.cpp).
 *
 * <p>Arguments: a folder, which must not exist, and the width of the models, 32 if it is left out
 * (vLLM has no heads of 8 on a CPU: 128 for it). Tokens are bytes; those that are not printable
 * ASCII have an embedding and a head of 0, so that they are hardly ever generated.
 */
public final class ExportAgreement {
  private static final List<String> PROMPTS =
      List.of(
          "Once upon a time",
          "the end",
          "A",
          "there was",
          "in 1984",
          "two  spaces",
          "x",
          "they'll",
          "night",
          " the way");
  private static final int TOKENS = 64;
  private static final int CONTEXT = 128;

  private final Configuration hadoop = new Configuration(false);
  private final ObjectMapper mapper = new ObjectMapper();
  private static final String TOOL = "<|tool|>";
  private final Tokenizer tokenizer = withSpecialToken();
  private final FileSystem fs;
  private final Backend backend;
  private final Path folder;
  private final int width;

  private ExportAgreement(Backend backend, Path folder, int width) throws IOException {
    this.backend = backend;
    this.folder = folder;
    this.width = width;
    this.fs = HadoopFiles.fileSystem(hadoop(folder), hadoop);
  }

  /** Writes the folder. */
  public static void main(String[] args) throws IOException {
    try (Backend backend =
        Backends.create(new BackendOptions(BackendKind.CPU, Precision.FP32, 2))) {
      int width = args.length > 1 ? Integer.parseInt(args[1]) : 32;
      ExportAgreement agreement = new ExportAgreement(backend, Path.of(args[0]), width);
      for (Map.Entry<String, ModelConfig> each : agreement.models().entrySet()) {
        agreement.write(each.getKey(), each.getValue());
      }
      agreement.writeReward("reward", agreement.config(Architecture.LLAMA, true));
      agreement.writeReward("reward-qwen3", agreement.config(Architecture.QWEN3, true));
    }
  }

  /** Bytes, the end token, and a special token that only other files list. */
  private static Tokenizer withSpecialToken() {
    byte[] json = BpeTokenizer.bytes().toJson().getBytes(StandardCharsets.UTF_8);
    return Tokenizers.load(new ByteArrayInputStream(json), "bytes", List.of(TOOL));
  }

  private Map<String, ModelConfig> models() {
    Map<String, ModelConfig> models = new LinkedHashMap<>();
    models.put("gpt2", config(Architecture.GPT2, true));
    models.put("gpt2-untied", config(Architecture.GPT2, false));
    models.put("llama", config(Architecture.LLAMA, false));
    models.put("llama-tied", config(Architecture.LLAMA, true));
    models.put("mistral", config(Architecture.MISTRAL, false));
    models.put(
        "mistral-window", config(Architecture.MISTRAL, false).toBuilder().window(24).build());
    models.put("qwen2", config(Architecture.QWEN2, true));
    models.put("qwen3", config(Architecture.QWEN3, false));
    return models;
  }

  private ModelConfig config(Architecture architecture, boolean tied) {
    boolean gpt2 = architecture == Architecture.GPT2;
    return new ModelConfig(
        architecture,
        2,
        width,
        4,
        gpt2 ? 0 : 2,
        0,
        64,
        CONTEXT,
        tokenizer.vocabularySize(),
        null,
        null,
        0,
        1e-5,
        gpt2 ? 1e4 : 5e5,
        RopeSpec.Layout.HALF,
        tied,
        0.15);
  }

  private static org.apache.hadoop.fs.Path hadoop(Path path) {
    return new org.apache.hadoop.fs.Path(path.toString());
  }

  private void write(String name, ModelConfig config) throws IOException {
    Path run = folder.resolve("runs").resolve(name);
    Path published = folder.resolve("hf").resolve(name);
    ObjectNode expected = mapper.createObjectNode();
    try (LanguageModel model = Models.create(config, backend, name.hashCode())) {
      silence(model, "embedding.weight");
      if (!config.tieEmbeddings()) {
        silence(model, "head.weight");
      }
      save(model, run);
      expect(model, expected);
    }
    export(run, published).toHuggingFace(FloatType.F32, ModelTensors.MAX_FILE_BYTES);
    mapper.writeValue(published.resolve("expected.json").toFile(), expected);
    for (GgufEncoding type : GgufEncoding.values()) {
      Path file = folder.resolve("gguf").resolve(name + "-" + type + ".gguf");
      try {
        export(run, file).toGguf(type);
        mapper.writeValue(folder.resolve("gguf").resolve(name + ".json").toFile(), expected);
      } catch (UserException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  private void writeReward(String name, ModelConfig config) throws IOException {
    Path run = folder.resolve("runs").resolve(name);
    Path published = folder.resolve("hf").resolve(name);
    ObjectNode expected = mapper.createObjectNode();
    ArrayNode scores = expected.putArray("scores");
    ArrayNode texts = expected.putArray("texts");
    try (ScoredModel model = ScoredModel.reward(config, Projections.DENSE);
        ArrayPool pool = new ArrayPool(backend)) {
      model.parameters().allocate(backend, DType.F32);
      model.parameters().initialize(3);
      save(model.backbone(), run);
      for (String prompt : PROMPTS) {
        int[] ids = tokenizer.encode(prompt);
        float[] values = new float[ids.length];
        try (Tape tape = Tape.inference(backend, pool)) {
          ForwardPass pass = ForwardPass.inference(tape, model.parameters());
          backend.download(
              model
                  .values(
                      pass,
                      tape.constant(ids, Shape.of(1, ids.length)),
                      RowLayout.whole(1, ids.length))
                  .array(),
              values,
              0);
        }
        texts.add(prompt);
        scores.add(values[ids.length - 1]);
      }
    }
    export(run, published).toHuggingFace(FloatType.F32, ModelTensors.MAX_FILE_BYTES);
    mapper.writeValue(published.resolve("expected.json").toFile(), expected);
    try {
      export(run, folder.resolve("gguf").resolve(name + "-F32.gguf")).toGguf(GgufEncoding.F32);
      mapper.writeValue(folder.resolve("gguf").resolve(name + ".json").toFile(), expected);
    } catch (UserException e) {
      System.out.println(e.getMessage());
    }
  }

  private ModelExport export(Path from, Path to) throws IOException {
    Files.createDirectories(to.getParent());
    return new ModelExport(hadoop(from), hadoop(to), "", hadoop, backend, System.out::println);
  }

  private void save(LanguageModel model, Path to) throws IOException {
    ModelDirectory.write(
        new CheckpointWriter(fs, hadoop(to), Attempt.unfenced(), () -> {}),
        model,
        tokenizer,
        new SampleConfig("", 0, TOKENS, 0, 0, 1));
  }

  private void silence(LanguageModel model, String name) {
    Parameter rows = model.parameters().parameter(name);
    Segment weights = model.parameters().weights();
    int width = rows.shape().last();
    for (int id = 0; id < rows.shape().dim(0); id++) {
      if (id < ' ' || id > '~') {
        long start = rows.offset() + (long) id * width;
        weights.memory().upload(new float[width], 0, weights.range(start, start + width));
      }
    }
  }

  /** Logits after each prompt, greedy tokens and texts. */
  private void expect(LanguageModel model, ObjectNode expected) {
    expected.putArray("special").add(Tokenizer.END_OF_TEXT).add(TOOL);
    ArrayNode prompts = expected.putArray("prompts");
    try (ArrayPool pool = new ArrayPool(backend)) {
      List<Completion> completions =
          new Generator(model, tokenizer, DocumentTokens.of(tokenizer), pool)
              .generate(
                  PROMPTS,
                  GenerationOptions.builder().maxTokens(TOKENS).temperature(0).build(),
                  TokenListener.NONE);
      for (int i = 0; i < PROMPTS.size(); i++) {
        ObjectNode prompt = prompts.addObject().put("text", PROMPTS.get(i));
        int[] ids = tokenizer.encode(PROMPTS.get(i));
        prompt.set("ids", mapper.valueToTree(ids));
        prompt.put("completion", completions.get(i).text());
        prompt.set("completion_ids", mapper.valueToTree(completions.get(i).tokens()));
        float[] logits = new float[ids.length * model.config().vocabularySize()];
        try (Tape tape = Tape.inference(backend, pool)) {
          ForwardPass pass = ForwardPass.inference(tape, model.parameters());
          backend.download(
              model.logits(pass, tape.constant(ids, Shape.of(1, ids.length))).array(), logits, 0);
        }
        prompt.set("logits", mapper.valueToTree(logits));
      }
    }
  }
}
