package dev.firesteel.convert;

import dev.firesteel.array.Shape;
import dev.firesteel.config.ModelConfig;
import dev.firesteel.error.UserException;
import dev.firesteel.format.huggingface.PublishedModel;
import dev.firesteel.format.safetensors.Safetensors;
import dev.firesteel.format.safetensors.TensorSource;
import java.util.ArrayList;
import java.util.List;

/**
 * A matrix with one row for each token that gets another number of rows: the first rows are those
 * of the matrix, each further one is their mean, so that a new token begins with an average
 * probability (Hewitt 2021, "Initializing new word embeddings for pretrained language models").
 */
final class ResizedVocabulary implements TensorSource {
  private final TensorSource matrix;
  private final int rows;
  private float[] mean; // once a new row is read

  private ResizedVocabulary(TensorSource matrix, int rows) {
    this.matrix = matrix;
    this.rows = rows;
  }

  /**
   * A model with another number of rows in its embedding and its head.
   *
   * @throws UserException if there are fewer rows than tokens
   */
  static PublishedModel of(PublishedModel model, int rows) {
    int tokens = model.tokenizer().vocabularySize();
    if (rows < tokens) {
      throw UserException.usage(
          "--vocabulary-size must be at least the number of tokens, %d, got %d: give more, or leave it out"
              .formatted(tokens, rows));
    }
    ModelConfig config = model.config().withVocabularySize(rows);
    List<TensorSource> tensors = new ArrayList<>();
    for (TensorSource tensor : model.tensors()) {
      boolean perToken = PublishedModel.isPerToken(tensor.name());
      tensors.add(perToken ? new ResizedVocabulary(tensor, rows) : tensor);
    }
    return model.with(config, tensors);
  }

  @Override
  public String name() {
    return matrix.name();
  }

  @Override
  public Shape shape() {
    return matrix.shape().withDim(0, rows);
  }

  @Override
  public void read(long from, float[] into, int count) {
    long size = matrix.shape().size();
    int stored = (int) Math.max(0, Math.min(count, size - from));
    if (stored > 0) {
      matrix.read(from, into, stored);
    }
    int columns = matrix.shape().last();
    for (int i = stored; i < count; i++) {
      into[i] = mean()[(int) ((from + i) % columns)];
    }
  }

  private float[] mean() {
    if (mean == null) {
      int columns = matrix.shape().last();
      double[] sum = new double[columns];
      long size = matrix.shape().size();
      float[] buffer = new float[Safetensors.BUFFER_ELEMENTS];
      for (long from = 0; from < size; from += buffer.length) {
        int count = (int) Math.min(buffer.length, size - from);
        matrix.read(from, buffer, count);
        for (int i = 0; i < count; i++) {
          sum[(int) ((from + i) % columns)] += buffer[i];
        }
      }
      mean = new float[columns];
      for (int i = 0; i < columns; i++) {
        mean[i] = (float) (sum[i] / matrix.shape().dim(0));
      }
    }
    return mean;
  }
}
