package dev.firesteel.tales;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.firesteel.random.RandomStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Comparator;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.LongFunction;
import java.util.stream.Stream;

/**
 * The files of tales, as JSON lines: the same bytes for the same {@link TalesConfig}, on every
 * machine.
 *
 * <p>Instructions, preferences, prompts and prompts of the test are made of different requests:
 * each request belongs to one of these files by its hash.
 */
public final class TalesDataset {
  /** Part of the cache's key: increase it when the same configuration gives other bytes. */
  private static final int VERSION = 3;

  /** Answers of which a preference compares the best and the worst. */
  private static final int CANDIDATES = 4;

  private static final int KEY_DIGITS = 12;

  /** Requests are divided into so many parts of equal size. */
  private static final int PARTS = 10;

  /** More than a file's records: the indices of further answers of a pair. */
  private static final long STRIDE = 1L << 32;

  private static final ObjectMapper JSON = new ObjectMapper();

  /** A file, and the parts of the requests that are its own: {@code first} to {@code last - 1}. */
  private enum Part {
    STORIES("stories", 0, PARTS),
    INSTRUCTIONS("instructions", 0, 3),
    PREFERENCES("preferences", 3, 6),
    PROMPTS("prompts", 6, 9),
    PROMPTS_TEST("prompts-test", 9, PARTS);

    private final String title;
    private final int first;
    private final int last;

    Part(String title, int first, int last) {
      this.title = title;
      this.first = first;
      this.last = last;
    }

    private boolean has(TaleRequest request) {
      long hash = RandomStream.key(0, "tales/request " + request.fields());
      long part = Math.floorMod(hash, (long) PARTS);
      return first <= part && part < last;
    }
  }

  private final TalesConfig config;

  private TalesDataset(TalesConfig config) {
    this.config = config;
  }

  /** The names of the files without {@code .jsonl}. */
  public static List<String> names() {
    return Stream.of(Part.values()).map(part -> part.title).toList();
  }

  /**
   * The folder of the files in a cache, made first if necessary. Its name is a hash of the
   * configuration, and it appears with all its files at once, so processes that make it at the same
   * time do no harm.
   *
   * @param progress receives a line if the files have to be made
   */
  public static Path cached(TalesConfig config, Path cache, Consumer<String> progress)
      throws IOException {
    Path folder = cache.resolve(key(config));
    if (Files.isDirectory(folder)) {
      return folder;
    }
    progress.accept("Writing tales (once; kept in " + folder + ")");
    Files.createDirectories(cache);
    Path temporary = Files.createTempDirectory(cache, "_");
    // A folder within, since a temporary one is readable by its owner alone.
    Path made = temporary.resolve("made");
    try {
      write(config, Files.createDirectory(made));
      Files.move(made, folder, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException e) {
      if (!Files.isDirectory(folder)) {
        throw e;
      }
    } finally {
      delete(temporary);
    }
    return folder;
  }

  private static void delete(Path folder) throws IOException {
    List<Path> paths;
    try (Stream<Path> all = Files.walk(folder)) {
      paths = all.sorted(Comparator.reverseOrder()).toList();
    }
    for (Path path : paths) {
      Files.delete(path);
    }
  }

  private static String key(TalesConfig config) throws IOException {
    byte[] settings = JSON.writeValueAsBytes(config);
    try {
      MessageDigest digest = MessageDigest.getInstance("SHA-256");
      digest.update(settings);
      digest.update((byte) VERSION);
      return HexFormat.of().formatHex(digest.digest()).substring(0, KEY_DIGITS);
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("every JDK has SHA-256", e);
    }
  }

  /**
   * Writes the files into an existing folder: {@code stories.jsonl} ({@code text}), {@code
   * instructions.jsonl} ({@code prompt}, {@code completion}), {@code preferences.jsonl} ({@code
   * prompt}, {@code chosen}, {@code rejected}, {@code gold_chosen}, {@code gold_rejected}), {@code
   * prompts.jsonl} and {@code prompts-test.jsonl} ({@code prompt}). All but the stories also have
   * the {@linkplain TaleRequest#fields fields of the request}.
   */
  public static void write(TalesConfig config, Path folder) throws IOException {
    TalesDataset dataset = new TalesDataset(config);
    write(folder, Part.STORIES, config.stories(), dataset::story);
    write(folder, Part.INSTRUCTIONS, config.instructions(), dataset::instruction);
    write(folder, Part.PREFERENCES, config.preferences(), dataset::preference);
    write(folder, Part.PROMPTS, config.prompts(), index -> dataset.prompt(Part.PROMPTS, index));
    write(
        folder,
        Part.PROMPTS_TEST,
        config.promptsTest(),
        index -> dataset.prompt(Part.PROMPTS_TEST, index));
  }

  private static void write(Path folder, Part part, int count, LongFunction<ObjectNode> record)
      throws IOException {
    Path file = folder.resolve(part.title + ".jsonl");
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
      for (long index = 0; index < count; index++) {
        out.write(JSON.writeValueAsString(record.apply(index)).getBytes(StandardCharsets.UTF_8));
        out.write('\n');
      }
    }
    // The same records get the same time, so that data prepared from them is found again.
    Files.setLastModifiedTime(file, FileTime.fromMillis(0));
  }

  private Tales tales(Part part) {
    return new Tales(config.seed(), part.title);
  }

  private ObjectNode story(long index) {
    Tales tales = tales(Part.STORIES);
    Set<Flaw> flaws = tales.flaws(index, config.storyFlaws(), 0);
    return JSON.createObjectNode().put("text", tales.tale(index, flaws).text());
  }

  private ObjectNode instruction(long index) {
    Tale tale = answer(tales(Part.INSTRUCTIONS), request(Part.INSTRUCTIONS, index), index);
    return JSON.createObjectNode()
        .put("prompt", tale.prompt())
        .put("completion", tale.text())
        .setAll(tale.request().fields());
  }

  private ObjectNode prompt(Part part, long index) {
    Tale tale = tales(part).answer(request(part, index), index, Set.of());
    return JSON.createObjectNode().put("prompt", tale.prompt()).setAll(tale.request().fields());
  }

  /** The best and the worst of some answers; the label is that of gold, of cheer, or wrong. */
  private ObjectNode preference(long index) {
    Tales tales = tales(Part.PREFERENCES);
    TaleRequest request = request(Part.PREFERENCES, index);
    Tale chosen = answer(tales, request, index);
    Tale rejected = chosen;
    for (int count = 1; count < CANDIDATES || gold(chosen) == gold(rejected); count++) {
      Tale other = answer(tales, request, index + count * STRIDE);
      chosen = gold(other) > gold(chosen) ? other : chosen;
      rejected = gold(other) < gold(rejected) ? other : rejected;
    }
    RandomStream randomness = RandomStream.of(config.seed(), "tales/labels", index);
    boolean biased = randomness.nextDouble() < config.bias();
    boolean noisy = randomness.nextDouble() < config.labelNoise();
    int cheer = Integer.compare(cheerfulWords(chosen), cheerfulWords(rejected));
    boolean right = (biased && cheer != 0) ? cheer > 0 : gold(chosen) > gold(rejected);
    if (right == noisy) {
      Tale other = chosen;
      chosen = rejected;
      rejected = other;
    }
    return JSON.createObjectNode()
        .put("prompt", tales.answer(request, index, Set.of()).prompt())
        .put("chosen", chosen.text())
        .put("rejected", rejected.text())
        .put("gold_chosen", rounded(gold(chosen)))
        .put("gold_rejected", rounded(gold(rejected)))
        .setAll(request.fields());
  }

  private TaleRequest request(Part part, long index) {
    return tales(part).request(index, part::has);
  }

  private Tale answer(Tales tales, TaleRequest request, long index) {
    return tales.answer(
        request, index, tales.flaws(index, config.answerFlaws(), config.answerMisses()));
  }

  private static double gold(Tale tale) {
    return TaleScore.of(tale.request(), tale.text()).total();
  }

  private static double rounded(double score) {
    return Math.round(score * 1e4) / 1e4;
  }

  /** Number of words that a preference may be biased to. */
  public static int cheerfulWords(String text) {
    return (int) Stream.of(text.split("[ .,]+")).filter(Words.CHEERFUL::contains).count();
  }

  private static int cheerfulWords(Tale tale) {
    return cheerfulWords(tale.text());
  }
}
