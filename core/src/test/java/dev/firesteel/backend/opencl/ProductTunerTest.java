package dev.firesteel.backend.opencl;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Needs no device: times are made up. */
class ProductTunerTest {
  private static final ProductTiles BY_SIZE =
      new ProductTiles(
          Map.of(
              ProductShape.THIN, ProductTile.SMALL,
              ProductShape.SMALL, ProductTile.SMALL,
              ProductShape.MEDIUM, ProductTile.MEDIUM,
              ProductShape.LARGE, ProductTile.LARGE));

  @TempDir private Path folder;
  private int measured;

  private TuningFile file() {
    return file("driver 1", "kernel 1");
  }

  private TuningFile file(String platform, String kernel) {
    return TuningFile.in(folder.resolve("firesteel"), "Some GPU (TM) 9", platform, kernel);
  }

  /** As if {@link #BY_SIZE} were fastest. */
  private double seconds(ProductShape shape, ProductTile tile) {
    measured++;
    return tile == BY_SIZE.of(shape) ? 1 : 2;
  }

  private ProductTiles tiles(TuningFile file) {
    return ProductTuner.tiles(file, "Some GPU (TM) 9", this::seconds);
  }

  @Test
  void choosesTheFastestForEachClass() {
    assertThat(ProductTuner.fastest(this::seconds)).isEqualTo(BY_SIZE);
    assertThat(BY_SIZE).hasToString("thin 32, small 32, medium 64, large 128");
  }

  @Test
  void measuresOnceForADeviceItsDriverAndTheKernel() {
    assertThat(tiles(file())).isEqualTo(BY_SIZE);
    assertThat(measured).isEqualTo(12);
    assertThat(tiles(file())).isEqualTo(BY_SIZE);
    assertThat(measured).as("read").isEqualTo(12);
    tiles(file("driver 2", "kernel 1"));
    assertThat(measured).as("another driver").isEqualTo(24);
    tiles(file("driver 1", "kernel 2"));
    assertThat(measured).as("another kernel").isEqualTo(36);
  }

  @Test
  void namesTheFileForTheDeviceAndLeavesNothingElse() throws IOException {
    tiles(file());
    try (Stream<Path> files = Files.list(folder.resolve("firesteel"))) {
      assertThat(files).containsExactly(file().path());
    }
    assertThat(file().path().getFileName().toString())
        .matches("opencl-some-gpu-tm-9-[0-9a-f]{12}\\.properties");
    assertThat(Files.readString(file().path()))
        .contains("device=Some GPU (TM) 9", "platform=driver 1", "tile.large=large");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "tile.thin=small\n", "\\u00zz", "\0\0\0"})
  void measuresAgainWhereTheFileIsDamaged(String content) throws IOException {
    tiles(file());
    Files.writeString(file().path(), content);
    assertThat(file().read()).isEmpty();
    assertThat(tiles(file())).isEqualTo(BY_SIZE);
    assertThat(measured).isEqualTo(24);
    assertThat(file().read()).as("written anew").contains(BY_SIZE);
  }

  @Test
  void measuresAgainWhereTheFileIsNotText() throws IOException {
    tiles(file());
    Files.write(file().path(), new byte[] {(byte) 0xff, (byte) 0xfe, (byte) 0xff});
    assertThat(tiles(file())).isEqualTo(BY_SIZE);
    assertThat(measured).isEqualTo(24);
  }

  @Test
  void measuresAgainWhereTheFileIsOfAnotherDeviceOrNamesAnUnknownTile() throws IOException {
    tiles(file());
    String good = Files.readString(file().path());
    for (List<String> change :
        List.of(
            List.of("GPU (TM) 9", "GPU (TM) 10"), List.of("tile.large=large", "tile.large=x"))) {
      Files.writeString(file().path(), good.replace(change.get(0), change.get(1)));
      assertThat(file().read()).as("%s", change).isEmpty();
    }
  }

  @Test
  void goesOnWhereTheFileCannotBeKept() throws IOException {
    Files.writeString(folder.resolve("firesteel"), "a file where the folder should be");
    assertThat(tiles(file())).isEqualTo(BY_SIZE);
    assertThat(tiles(file())).isEqualTo(BY_SIZE);
    assertThat(measured).as("each time").isEqualTo(24);
  }

  @Test
  void theCacheFolderIsTheUsersOwn() {
    Path home = Path.of("/home/ann/.cache/firesteel");
    assertThat(TuningFile.folder(null, "/home/ann")).isEqualTo(home);
    assertThat(TuningFile.folder("", "/home/ann")).isEqualTo(home);
    assertThat(TuningFile.folder("relative", "/home/ann")).as("to be ignored").isEqualTo(home);
    assertThat(TuningFile.folder("/var/cache/ann", "/home/ann"))
        .isEqualTo(Path.of("/var/cache/ann/firesteel"));
  }

  @Test
  void classesGoByTheResult() {
    assertThat(ProductShape.of(1, 1, 50_000)).isEqualTo(ProductShape.THIN);
    assertThat(ProductShape.of(64, 1000, 32)).isEqualTo(ProductShape.THIN);
    assertThat(ProductShape.of(1, 512, 512)).isEqualTo(ProductShape.SMALL);
    assertThat(ProductShape.of(2, 512, 512)).isEqualTo(ProductShape.MEDIUM);
    assertThat(ProductShape.of(1, 1 << 16, 1 << 16)).isEqualTo(ProductShape.LARGE);
    for (ProductShape shape : ProductShape.values()) {
      assertThat(ProductShape.of(1, shape.rows(), shape.columns())).isEqualTo(shape);
    }
  }

  @Test
  void tilesCoverTheResult() {
    assertThat(ProductTile.SMALL.groups(3, 33, 32)).isEqualTo(6);
    assertThat(ProductTile.MEDIUM.groups(1, 64, 65)).isEqualTo(2);
    assertThat(ProductTile.LARGE.groups(1, 129, 1)).isEqualTo(2);
    assertThat(ProductTile.LARGE.groups(0, 129, 1)).isZero();
  }

  @Test
  void eachClassNeedsATile() {
    assertThatThrownBy(() -> new ProductTiles(Map.of(ProductShape.THIN, ProductTile.SMALL)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("each class of matmuls needs a tile, got {THIN=SMALL}");
  }
}
