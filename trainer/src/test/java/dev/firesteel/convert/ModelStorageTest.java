package dev.firesteel.convert;

import static org.assertj.core.api.Assertions.assertThat;

import dev.firesteel.backend.Backend;
import dev.firesteel.checkpoint.Storage;
import dev.firesteel.format.gguf.GgufEncoding;
import dev.firesteel.format.huggingface.ModelTensors;
import dev.firesteel.format.safetensors.FloatType;
import dev.firesteel.model.TestModels;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Conversions from and to each file system. */
class ModelStorageTest {
  @TempDir private java.nio.file.Path folder;

  @ParameterizedTest
  @EnumSource(Storage.class)
  void whatIsWrittenIsTheSameOnEachFileSystem(Storage storage) throws IOException {
    FileSystem fs = storage.fileSystem();
    Path remote = storage.newFolder();
    java.nio.file.Path local = folder.resolve("model");
    try (Backend backend = SavedModels.backend()) {
      SavedModels.write(
          backend, TestModels.llama(1, 8, 2, 1, 12, 16, 0), TextTokenizers.bpe(), 1, local);
      ModelExport here = export(storage, backend, local, folder.resolve("a.gguf").toUri());
      ModelExport there = export(storage, backend, local, new Path(remote, "a.gguf").toUri());
      here.toGguf(GgufEncoding.Q8_0);
      there.toGguf(GgufEncoding.Q8_0);
      assertThat(bytes(fs, new Path(remote, "a.gguf")))
          .isEqualTo(Files.readAllBytes(folder.resolve("a.gguf")));

      export(storage, backend, local, new Path(remote, "f32.gguf").toUri())
          .toGguf(GgufEncoding.F32);
      export(storage, backend, local, new Path(remote, "hf").toUri())
          .toHuggingFace(FloatType.F32, ModelTensors.MAX_FILE_BYTES);
      byte[] weights = Files.readAllBytes(local.resolve("model.safetensors"));
      for (String source : List.of("f32.gguf", "hf")) {
        Path back = new Path(remote, "from-" + source);
        new ModelImport(
                new Path(remote, source),
                back,
                null,
                0,
                storage.configuration(),
                backend,
                notice -> {})
            .run();
        assertThat(bytes(fs, new Path(back, "model.safetensors"))).isEqualTo(weights);
      }
    }
    List<String> names = new ArrayList<>();
    for (FileStatus status : fs.listStatus(remote)) {
      names.add(status.getPath().getName());
    }
    assertThat(names)
        .containsExactlyInAnyOrder("a.gguf", "f32.gguf", "hf", "from-f32.gguf", "from-hf");
  }

  private static ModelExport export(
      Storage storage, Backend backend, java.nio.file.Path model, java.net.URI out) {
    return new ModelExport(
        new Path(model.toUri()), new Path(out), "", storage.configuration(), backend, notice -> {});
  }

  private static byte[] bytes(FileSystem fs, Path file) throws IOException {
    try (InputStream in = fs.open(file)) {
      return in.readAllBytes();
    }
  }
}
