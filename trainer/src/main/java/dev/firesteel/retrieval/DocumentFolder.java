package dev.firesteel.retrieval;

import dev.firesteel.error.UserException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/**
 * The documents in a folder of this machine and its folders: all files that are text in UTF-8.
 *
 * @param documents in the order of their names
 * @param skipped names of files that are something else, or are too large
 */
public record DocumentFolder(List<TextDocument> documents, List<String> skipped) {
  private static final long MOST_BYTES = 16L << 20;

  /** A document: its path within the folder, with {@code /}, and its text. */
  public record TextDocument(String source, String text) {}

  /** Copies the lists. */
  public DocumentFolder {
    documents = List.copyOf(documents);
    skipped = List.copyOf(skipped);
  }

  /**
   * Reads a folder; files and folders whose names begin with a dot are left out.
   *
   * @throws UserException if it is none, cannot be read, or holds no text
   */
  public static DocumentFolder read(Path folder) {
    if (!Files.isDirectory(folder)) {
      throw UserException.usage(
          "--documents must be a folder of text files, got %s, which is none: name one"
              .formatted(folder));
    }
    List<TextDocument> documents = new ArrayList<>();
    List<String> skipped = new ArrayList<>();
    try (Stream<Path> files = Files.walk(folder)) {
      for (Path file : files.filter(each -> isDocument(folder, each)).sorted().toList()) {
        String source = folder.relativize(file).toString().replace('\\', '/');
        String text = Files.size(file) > MOST_BYTES ? null : text(Files.readAllBytes(file));
        if (text == null) {
          skipped.add(source);
        } else {
          documents.add(new TextDocument(source, text));
        }
      }
    } catch (IOException e) {
      throw UserException.failure(
          "reading the documents in %s failed: %s; check the folder"
              .formatted(folder, e.getMessage()),
          e);
    }
    if (documents.stream().allMatch(each -> each.text().isBlank())) {
      throw UserException.usage(
          "--documents must be a folder with text in UTF-8, got %s without any: put text files there"
              .formatted(folder));
    }
    return new DocumentFolder(documents, skipped);
  }

  private static boolean isDocument(Path folder, Path file) {
    for (Path name : folder.relativize(file)) {
      if (name.toString().startsWith(".")) {
        return false;
      }
    }
    return Files.isRegularFile(file);
  }

  /** Text; null if it is none. */
  private static String text(byte[] bytes) {
    try {
      String text = StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(bytes)).toString();
      return text.indexOf('\0') < 0 ? text : null;
    } catch (CharacterCodingException e) {
      return null;
    }
  }
}
