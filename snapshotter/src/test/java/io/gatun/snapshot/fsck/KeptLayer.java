package io.gatun.snapshot.fsck;

import io.gatun.snapshot.Digest;
import io.gatun.snapshot.layer.read.BytesBlob;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A layer in {@code layers/} of a root, and the findings of a check of its content. */
record KeptLayer(Path root, Path tar, Path index) {

  /**
   * @param layer which is padded with zeros in the tar
   */
  static KeptLayer make(Path root, byte[] layer, byte[] index) throws IOException {
    Path layers = Files.createDirectories(root.resolve("layers"));
    Path directory = Files.createDirectory(layers.resolve(BytesBlob.digestOf(layer).hex()));
    for (Path each : List.of(layers, directory)) {
      Files.setPosixFilePermissions(each, PosixFilePermissions.fromString("rwx------"));
    }
    Digest digest = BytesBlob.digestOf(index);
    KeptLayer made =
        new KeptLayer(root, directory.resolve("tar"), directory.resolve("index-" + digest.hex()));
    Files.write(made.tar, Arrays.copyOf(layer, (layer.length + 511) & -512));
    Files.write(made.index, index);
    for (Path each : List.of(made.tar, made.index)) {
      Files.setPosixFilePermissions(each, PosixFilePermissions.fromString("rw-------"));
    }
    return made;
  }

  /** {@return the findings in files of layers after reading all of them} */
  List<String> check() throws Exception {
    List<Long> left = new ArrayList<>();
    RootReport report =
        RootCheck.withContent(root, true, (bytes, ofBytes) -> left.add(ofBytes - bytes));
    List<Long> falling = new ArrayList<>(left);
    falling.sort((one, other) -> Long.compare(other, one));
    if (left.isEmpty() || !left.equals(falling)) {
      throw new AssertionError("progress: " + left);
    }
    return report.findings().stream()
        .filter(
            finding ->
                finding instanceof RootFinding.DamagedLayer
                    || finding instanceof RootFinding.Corrupt)
        .map(finding -> finding.severity() + " " + finding.place() + ": " + finding.sentence())
        .toList();
  }

  /** {@return the place of a file in a finding} */
  String place(Path file) {
    return root.relativize(file).toString();
  }
}
