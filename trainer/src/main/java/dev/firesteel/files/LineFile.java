package dev.firesteel.files;

import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;

/** Local files of lines that grow: what a person typed or judged, which nothing can make again. */
public final class LineFile {
  private static final byte LINE_END = '\n';

  private LineFile() {}

  /**
   * Appends lines, all or none, and returns when they are on the disk. Threads and processes that
   * append to one file wait for each other. What was in it stays; a last line without its end,
   * which another program left, is ended first.
   *
   * @param lines without line ends
   * @throws UserException if the file cannot be written
   */
  public static synchronized void append(Path file, List<String> lines) {
    requireNoFolder(file);
    try (FileChannel channel =
        FileChannel.open(
            file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      // Released when the channel is closed.
      channel.lock();
      append(channel, lines);
    } catch (NoSuchFileException e) {
      throw UserException.failure(
          "%s must be in a folder that exists, got none: make the folder, or choose another"
              .formatted(file),
          e);
    } catch (IOException e) {
      throw HadoopFiles.explain("appending to " + file, e);
    }
  }

  private static void append(FileChannel channel, List<String> lines) throws IOException {
    long length = channel.size();
    StringBuilder text = new StringBuilder();
    if (length > 0 && lastByte(channel, length) != LINE_END) {
      text.append('\n');
    }
    lines.forEach(line -> text.append(line).append('\n'));
    try {
      ByteBuffer bytes = ByteBuffer.wrap(text.toString().getBytes(StandardCharsets.UTF_8));
      for (long at = length; bytes.hasRemaining(); ) {
        at += channel.write(bytes, at);
      }
      channel.force(true);
    } catch (IOException e) {
      channel.truncate(length);
      throw e;
    }
  }

  private static void requireNoFolder(Path file) {
    if (Files.isDirectory(file)) {
      throw UserException.usage(
          "%s must be a file of lines, got a folder: name a file in it".formatted(file));
    }
  }

  private static byte lastByte(FileChannel channel, long length) throws IOException {
    ByteBuffer last = ByteBuffer.allocate(1);
    channel.read(last, length - 1);
    return last.get(0);
  }

  /**
   * The lines of a file; none if it does not exist.
   *
   * @throws UserException if it cannot be read
   */
  public static List<String> read(Path file) {
    requireNoFolder(file);
    try {
      return Files.readAllLines(file, StandardCharsets.UTF_8);
    } catch (NoSuchFileException e) {
      return List.of();
    } catch (CharacterCodingException e) {
      throw UserException.failure(
          "%s must be text in UTF-8, and is not: choose another file".formatted(file), e);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading " + file, e);
    }
  }
}
