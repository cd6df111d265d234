package dev.firesteel.format.huggingface;

import dev.firesteel.array.ArrayMemory;
import dev.firesteel.array.NdArray;
import dev.firesteel.array.Shape;
import dev.firesteel.error.UserException;
import dev.firesteel.format.huggingface.HuggingFaceTensor.Layout;
import dev.firesteel.format.safetensors.Safetensors;
import dev.firesteel.format.safetensors.TensorSource;
import dev.firesteel.nn.Segment;
import java.io.IOException;

/**
 * One Hugging Face tensor and the weights that it consists of. Contiguous data goes through a small
 * buffer; a tensor in another order is converted as a whole on the host.
 */
final class ParameterTensor implements TensorSource {
  private final HuggingFaceTensor tensor;
  private final Segment weights;
  private final ArrayMemory memory;
  private float[] converted;

  ParameterTensor(HuggingFaceTensor tensor, Segment weights) {
    this.tensor = tensor;
    this.weights = weights;
    this.memory = weights.memory();
  }

  @Override
  public String name() {
    return tensor.name();
  }

  @Override
  public Shape shape() {
    return tensor.shape();
  }

  @Override
  public void read(long from, float[] into, int count) {
    if (tensor.layout() == Layout.ROWS) {
      memory.download(range(from, count), into, 0);
      return;
    }
    if (converted == null) {
      converted = new float[tensor.size()];
      tensor.fromParameter(tensor.layout() == Layout.ZERO ? new float[0] : download(), converted);
    }
    System.arraycopy(converted, Math.toIntExact(from), into, 0, count);
    if (from + count == converted.length) {
      converted = null;
    }
  }

  /** Overwrites the weights by the tensor of that name, bit for bit. */
  void load(ModelTensors tensors, String stored) throws IOException {
    switch (tensor.layout()) {
      case ROWS -> {
        float[] buffer = new float[Math.min(tensor.size(), Safetensors.BUFFER_ELEMENTS)];
        for (int from = 0; from < tensor.size(); from += buffer.length) {
          int count = Math.min(buffer.length, tensor.size() - from);
          tensors.read(stored, from, buffer, count);
          memory.upload(buffer, 0, range(from, count));
        }
      }
      case TRANSPOSED, HALF_OF_INTERLEAVED -> {
        float[] theirs = readWhole(tensors, stored);
        float[] ours = download();
        tensor.toParameter(theirs, ours);
        memory.upload(ours, 0, weights.view(tensor.parameter()));
      }
      case ZERO -> {
        for (float value : readWhole(tensors, stored)) {
          if (value != 0) {
            throw UserException.failure(
                "tensor %s must be all 0, since the model has no such parameter, got %s: load it as a model with biases"
                    .formatted(stored, value));
          }
        }
      }
    }
  }

  private float[] readWhole(ModelTensors tensors, String stored) throws IOException {
    float[] values = new float[tensor.size()];
    tensors.read(stored, 0, values, values.length);
    return values;
  }

  private float[] download() {
    float[] values = new float[Math.toIntExact(tensor.parameter().size())];
    memory.download(weights.view(tensor.parameter()), values, 0);
    return values;
  }

  private NdArray range(long from, int count) {
    long start = tensor.parameter().offset() + tensor.firstElement() + from;
    return weights.range(start, start + count);
  }
}
