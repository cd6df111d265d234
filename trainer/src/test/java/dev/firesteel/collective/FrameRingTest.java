package dev.firesteel.collective;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FrameRingTest {
  private static final byte[] NONCE = nonce(7);

  @TempDir private Path folder;
  private Path file;

  private static byte[] nonce(int value) {
    byte[] nonce = new byte[FrameRing.NONCE_BYTES];
    Arrays.fill(nonce, (byte) value);
    return nonce;
  }

  @BeforeEach
  void makeFile() throws IOException {
    file = Files.createFile(folder.resolve("ring"));
  }

  @Test
  void framesComeInTheOrderInWhichTheyWerePublished() throws Exception {
    FrameRing writer = FrameRing.create(file, NONCE);
    FrameRing reader = FrameRing.open(file, NONCE);
    for (int frame = 0; frame < 3 * FrameRing.SLOTS; frame++) {
      assertThat(reader.next()).isNull();
      for (int at : new int[] {0, Frame.MAX_BYTES - Integer.BYTES}) {
        writer.free().putInt(at, frame);
      }
      assertThat(writer.publish()).isTrue();

      ByteBuffer come = reader.next();
      assertThat(come.capacity()).isEqualTo(Frame.MAX_BYTES);
      assertThat(come.getInt(0)).isEqualTo(frame);
      assertThat(come.getInt(Frame.MAX_BYTES - Integer.BYTES)).isEqualTo(frame);
      reader.release();
    }
  }

  @Test
  void theWriterAlwaysHasASlotThatTheReaderHasNot() throws Exception {
    FrameRing writer = FrameRing.create(file, NONCE);
    FrameRing reader = FrameRing.open(file, NONCE);
    for (int frame = 0; frame < FrameRing.SLOTS - 1; frame++) {
      writer.free().putInt(0, frame);
      assertThat(writer.publish()).isTrue();
    }
    writer.free().putInt(0, 99);
    assertThat(writer.publish()).as("all that the reader may have").isFalse();

    for (int frame = 0; frame < FrameRing.SLOTS - 1; frame++) {
      assertThat(reader.next().getInt(0)).isEqualTo(frame);
      reader.release();
    }
    assertThat(reader.next()).isNull();
    assertThat(writer.publish()).isTrue();
    assertThat(reader.next().getInt(0)).isEqualTo(99);
  }

  @Test
  void outlivesItsFile() throws Exception {
    FrameRing writer = FrameRing.create(file, NONCE);
    FrameRing reader = FrameRing.open(file, NONCE);
    Files.delete(file);

    writer.free().putInt(0, 5);
    writer.publish();

    assertThat(reader.next().getInt(0)).isEqualTo(5);
  }

  @Test
  void aFileOfAnotherProcessIsRefused() throws Exception {
    FrameRing.create(file, NONCE);

    assertThatThrownBy(() -> FrameRing.open(file, nonce(8)))
        .isInstanceOf(IOException.class)
        .hasMessage(file + " was not created by the process that announced it");
  }

  @Test
  void aFileOfAnotherSizeIsRefused() throws Exception {
    Files.write(file, NONCE);

    assertThatThrownBy(() -> FrameRing.open(file, NONCE))
        .isInstanceOf(IOException.class)
        .hasMessage("%s must have %d bytes, got 16", file, FrameRing.FILE_BYTES);
  }

  @Test
  void noFileIsRefused() {
    assertThatThrownBy(() -> FrameRing.open(folder.resolve("none"), NONCE))
        .isInstanceOf(NoSuchFileException.class);
  }

  @Test
  void aWrongCounterIsFound() throws Exception {
    FrameRing writer = FrameRing.create(file, NONCE);
    FrameRing reader = FrameRing.open(file, NONCE);
    reader.release();

    assertThatThrownBy(writer::publish)
        .isInstanceOf(IOException.class)
        .hasMessage("a counter in shared memory is corrupt: -1 of 3 frames would be in transit");
    assertThatThrownBy(reader::next).isInstanceOf(IOException.class);
  }
}
