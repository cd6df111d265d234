package dev.firesteel.files;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LineFileTest {
  @TempDir private Path folder;

  @Test
  void keepsWhatIsThere() throws IOException {
    Path file = folder.resolve("x.jsonl");
    assertThat(LineFile.read(file)).isEmpty();
    LineFile.append(file, List.of("one", "zwei ü"));
    LineFile.append(file, List.of());
    LineFile.append(file, List.of("three"));
    assertThat(Files.readString(file)).isEqualTo("one\nzwei ü\nthree\n");
    assertThat(LineFile.read(file)).containsExactly("one", "zwei ü", "three");
  }

  @Test
  void endsALineThatWasCutOff() throws IOException {
    Path file = Files.writeString(folder.resolve("x.jsonl"), "one\ntw");
    LineFile.append(file, List.of("three"));
    assertThat(Files.readString(file)).isEqualTo("one\ntw\nthree\n");
  }

  @Test
  void threadsDoNotMixTheirLines() throws Exception {
    Path file = folder.resolve("x.jsonl");
    ExecutorService threads = Executors.newFixedThreadPool(4);
    List<Future<?>> done = new ArrayList<>();
    for (int i = 0; i < 4; i++) {
      String line = String.valueOf(i).repeat(500);
      done.add(
          threads.submit(
              () -> {
                for (int each = 0; each < 10; each++) {
                  LineFile.append(file, List.of(line));
                }
              }));
    }
    for (Future<?> each : done) {
      each.get();
    }
    threads.shutdown();
    assertThat(LineFile.read(file)).hasSize(40).allMatch(line -> line.matches("(\\d)\\1{499}"));
  }

  @Test
  void saysWhatIsWrong() throws IOException {
    assertThatThrownBy(() -> LineFile.append(folder, List.of("x")))
        .isInstanceOf(UserException.class)
        .hasMessage(folder + " must be a file of lines, got a folder: name a file in it");
    Path latin = Files.write(folder.resolve("latin.jsonl"), new byte[] {'a', (byte) 0xe4, '\n'});
    assertThatThrownBy(() -> LineFile.read(latin))
        .hasMessage(latin + " must be text in UTF-8, and is not: choose another file");
  }
}
