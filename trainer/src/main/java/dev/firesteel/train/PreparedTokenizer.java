package dev.firesteel.train;

import dev.firesteel.data.DatasetManifest;
import dev.firesteel.error.UserException;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.format.huggingface.TokenizerFiles;
import dev.firesteel.tokenizer.Tokenizer;
import java.io.IOException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** The tokenizer in a folder of prepared data. */
final class PreparedTokenizer {
  private PreparedTokenizer() {}

  /**
   * Reads it, and compares it with the manifest.
   *
   * @param of what it encoded, for the message
   * @param remedy if it is another one
   */
  static Tokenizer read(
      Path folder,
      DatasetManifest.TokenizerInfo info,
      String of,
      String remedy,
      Configuration hadoop) {
    Path file = new Path(folder, info.file());
    Tokenizer tokenizer;
    try {
      tokenizer = TokenizerFiles.read(HadoopFiles.fileSystem(folder, hadoop), file);
    } catch (IOException e) {
      throw HadoopFiles.explain("reading the tokenizer " + file, e);
    }
    if (!tokenizer.sha256().equals(info.sha256())) {
      throw UserException.failure(
          "the tokenizer %s must be that of the %s in the same folder (SHA-256 %s), got %s: %s"
              .formatted(file, of, info.sha256(), tokenizer.sha256(), remedy));
    }
    return tokenizer;
  }
}
