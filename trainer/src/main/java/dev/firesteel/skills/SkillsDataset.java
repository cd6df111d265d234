package dev.firesteel.skills;

import com.fasterxml.jackson.databind.ObjectMapper;
import dev.firesteel.random.RandomStream;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.FileTime;
import java.util.function.Consumer;

/**
 * The text that teaches the {@linkplain Skill skills}, as JSON lines with a field {@code text}: a
 * problem with its answer each, none of them of the test. The same bytes on every machine.
 */
public final class SkillsDataset {
  /** Part of the file's name: increase it when the same seed gives other bytes. */
  private static final int VERSION = 1;

  private static final int PROBLEMS = 400_000;
  private static final long SEED = 1;
  private static final ObjectMapper JSON = new ObjectMapper();

  private SkillsDataset() {}

  /**
   * The file in a cache, made first if necessary; it appears whole.
   *
   * @param progress receives a line if it has to be made
   */
  public static Path cached(Path cache, Consumer<String> progress) throws IOException {
    Path file = cache.resolve("text-v" + VERSION + ".jsonl");
    if (!Files.isRegularFile(file)) {
      progress.accept("Writing problems (once; kept in " + cache + ")");
      Files.createDirectories(cache);
      Path temporary = Files.createTempFile(cache, "_", ".jsonl");
      try {
        write(temporary, PROBLEMS);
        temporary.toFile().setReadable(true, false);
        // The same records get the same time, so that data prepared from them is found again.
        Files.setLastModifiedTime(temporary, FileTime.fromMillis(0));
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
      } finally {
        Files.deleteIfExists(temporary);
      }
    }
    return file;
  }

  /** Writes so many problems. */
  static void write(Path file, int problems) throws IOException {
    Skill[] skills = Skill.values();
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(file))) {
      for (long i = 0; i < problems; i++) {
        Skill skill = skills[RandomStream.of(SEED, "skills/kind", i).nextInt(skills.length)];
        Skill.Problem problem = skill.problem(SEED, false, i);
        String line =
            JSON.createObjectNode().put("text", problem.prompt() + problem.answer()).toString();
        out.write(line.getBytes(StandardCharsets.UTF_8));
        out.write('\n');
      }
    }
  }
}
