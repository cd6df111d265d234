package dev.firesteel.stage;

import dev.firesteel.array.ArrayPool;
import dev.firesteel.collective.Collective;
import dev.firesteel.data.DocumentRows;
import dev.firesteel.error.UserException;
import dev.firesteel.example.TrainedTokens;
import dev.firesteel.files.HadoopFiles;
import dev.firesteel.loss.TokenGroups;
import dev.firesteel.model.LanguageModel;
import dev.firesteel.model.LogProbs;
import dev.firesteel.run.RunDirectory;
import dev.firesteel.train.StartingModel;
import dev.firesteel.train.TrainingContext;
import java.nio.ByteBuffer;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;

/**
 * Log-probabilities that the reference model gave to answers, computed once before the first update
 * and kept in the run directory: then no second model is in memory during training.
 *
 * <p>The file holds the CRC-32C of the reference's weights (8 bytes) and a double for each
 * document.
 */
final class ReferenceLogProbs {
  static final String FILE = "reference_logprobs.bin";

  private final byte[] content;

  private ReferenceLogProbs(byte[] content) {
    this.content = content;
  }

  /**
   * Computes the sums of the trained tokens' log-probabilities, each rank a share of the documents,
   * and writes the file.
   *
   * @param model the reference
   * @param rows documents of a forward pass
   */
  static ReferenceLogProbs compute(
      LanguageModel model,
      List<TrainedTokens> documents,
      ArrayPool pool,
      int rows,
      TrainingContext context) {
    Collective collective = context.collective();
    double[] sums = new double[documents.size()];
    int part = 0;
    for (int first = 0; first < sums.length; first += rows) {
      if (part++ % collective.worldSize() == collective.rank()) {
        int end = Math.min(sums.length, first + rows);
        double[] some = sums(model, documents.subList(first, end), pool);
        System.arraycopy(some, 0, sums, first, some.length);
      }
    }
    collective.allReduce(sums);
    ByteBuffer bytes = ByteBuffer.allocate((1 + sums.length) * Double.BYTES);
    bytes.putLong(StartingModel.checksum(model.parameters().weights()));
    bytes.asDoubleBuffer().put(sums);
    ReferenceLogProbs computed = new ReferenceLogProbs(bytes.array());
    if (collective.rank() == 0) {
      context.run().replace(FILE, computed.content);
    }
    return computed;
  }

  /** The sums of the trained tokens' log-probabilities of some documents. */
  static double[] sums(LanguageModel model, List<TrainedTokens> documents, ArrayPool pool) {
    DocumentRows rows = DocumentRows.of(documents);
    double[] logProbs =
        LogProbs.of(model, 1)
            .compute(pool, rows.ids(), rows.targets(), rows.layout(), rows.count())
            .logProbs();
    return TokenGroups.rows(rows.targets(), rows.layout().tokens()).sums(logProbs);
  }

  /**
   * Reads the file of a run.
   *
   * @param sha256 of the file, from the checkpoint
   * @return empty if it is missing or another one
   */
  static Optional<ReferenceLogProbs> read(RunDirectory run, String sha256) {
    return run.read(FILE).map(ReferenceLogProbs::new).filter(file -> file.sha256().equals(sha256));
  }

  /** Requires that these are the log-probabilities of a checkpoint. */
  void require(String sha256) {
    if (!sha256().equals(sha256)) {
      throw UserException.failure(
          "the reference model's log-probabilities must have the SHA-256 %s of the checkpoint, got %s computed again: restore %s in the run directory, or train under another name"
              .formatted(sha256, sha256(), FILE));
    }
  }

  /** SHA-256 of the file, in hexadecimal. */
  String sha256() {
    return HexFormat.of().formatHex(HadoopFiles.sha256().digest(content));
  }

  /** The sum of a document. */
  double sum(int document) {
    return ByteBuffer.wrap(content).getDouble((1 + document) * Double.BYTES);
  }
}
