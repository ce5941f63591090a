package io.gatun.snapshot.layer.tar;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Tars that GNU tar writes, in each of its formats, match the files on disk. */
class GnuTarTest {

  private static final int SPARSE_BYTES = 1 << 20;
  private static final int BLOCK = 4096;

  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(strings = {"v7", "oldgnu", "gnu", "ustar", "pax"})
  void treesAreReadAsTheyAre(String format) throws Exception {
    long seed = new Random().nextLong();
    Map<String, byte[]> files = makeTree(new Random(seed), format.equals("v7") ? 60 : 90);
    List<ReadTar.Item> items = ReadTar.of(tar("--format=" + format));
    Map<String, byte[]> read = new TreeMap<>();
    for (ReadTar.Item item : items) {
      TarEntry entry = item.entry();
      switch (entry.type()) {
        case REGULAR -> {
          assertThat(entry.mode()).as("seed %d, %s", seed, entry.name()).isEqualTo(0640);
          assertThat(entry.modified().seconds()).isEqualTo(1_234_567_890);
          read.put(entry.name().toString(), item.content());
        }
        case SYMBOLIC_LINK -> assertThat(entry.linkName().toString()).isEqualTo("to/nowhere");
        case HARD_LINK -> assertThat(files).containsKey(entry.linkName().toString());
        case DIRECTORY -> assertThat(entry.name().toString()).endsWith("/");
        case CHARACTER_DEVICE, BLOCK_DEVICE, FIFO, UNKNOWN -> throw new AssertionError(entry);
      }
    }
    assertThat(read.keySet()).as("seed %d", seed).isEqualTo(files.keySet());
    files.forEach((name, content) -> assertThat(read.get(name)).as(name).isEqualTo(content));
    assertThat(items)
        .extracting(item -> item.entry().type())
        .contains(TarType.SYMBOLIC_LINK, TarType.HARD_LINK, TarType.DIRECTORY);
  }

  @Test
  void sparseFilesOfEveryVersionAreReadAsTheyAre() throws Exception {
    long seed = new Random().nextLong();
    Random random = new Random(seed);
    byte[] expected = makeSparse(random);
    List<List<String>> formats =
        List.of(
            List.of("--format=gnu"),
            List.of("--format=oldgnu"),
            List.of("--format=pax", "--sparse-version=0.0"),
            List.of("--format=pax", "--sparse-version=0.1"),
            List.of("--format=pax", "--sparse-version=1.0"));
    for (List<String> format : formats) {
      List<String> options = new ArrayList<>(format);
      options.addAll(List.of("--sparse", "--hole-detection=raw"));
      List<ReadTar.Item> items = ReadTar.of(tar(options.toArray(String[]::new)));
      ReadTar.Item file = items.getLast();
      assertThat(file.entry().name().toString())
          .as("%s, seed %d", format, seed)
          .isEqualTo("./sparse");
      assertThat(file.content()).as("%s, seed %d", format, seed).isEqualTo(expected);
      assertThat(file.entry().extents()).as(format.toString()).hasSizeGreaterThan(30);
    }
  }

  private byte[] makeSparse(Random random) throws IOException {
    byte[] expected = new byte[SPARSE_BYTES];
    try (RandomAccessFile file = new RandomAccessFile(directory.resolve("sparse").toFile(), "rw")) {
      for (int at = 0; at < SPARSE_BYTES; at += 2 * BLOCK * (1 + random.nextInt(3))) {
        byte[] data = new byte[Math.min(BLOCK, SPARSE_BYTES - at)];
        Arrays.fill(data, (byte) (1 + random.nextInt(100)));
        System.arraycopy(data, 0, expected, at, data.length);
        file.seek(at);
        file.write(data);
      }
      file.setLength(SPARSE_BYTES);
    }
    return expected;
  }

  private Map<String, byte[]> makeTree(Random random, int nameBytesMax) throws IOException {
    Map<String, byte[]> files = new TreeMap<>();
    for (int i = 0; i < 20; i++) {
      String name =
          "./d" + random.nextInt(4) + "/" + "n".repeat(1 + random.nextInt(nameBytesMax)) + i;
      byte[] content = new byte[random.nextInt(3000)];
      random.nextBytes(content);
      Path file = directory.resolve(name);
      Files.createDirectories(file.getParent());
      Files.write(file, content);
      Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r-----"));
      Files.setLastModifiedTime(file, FileTime.fromMillis(1_234_567_890_000L));
      files.put(name, content);
    }
    Path first = directory.resolve(files.keySet().iterator().next());
    // Sorted after the file itself, so that it is this one that becomes the link.
    Files.createLink(directory.resolve("zlink"), first);
    Files.createSymbolicLink(directory.resolve("symlink"), Path.of("to/nowhere"));
    return files;
  }

  private byte[] tar(String... options) throws IOException, InterruptedException {
    List<String> command = new ArrayList<>(List.of("tar", "--create", "--sort=name"));
    command.addAll(List.of(options));
    command.addAll(List.of("--directory", directory.toString(), "--file=-", "."));
    Path errors = Files.createTempFile("gatun-test-", ".tar-errors");
    try {
      Process process = new ProcessBuilder(command).redirectError(errors.toFile()).start();
      byte[] tar = process.getInputStream().readAllBytes();
      assertThat(process.waitFor()).as(Files.readString(errors, StandardCharsets.UTF_8)).isZero();
      return tar;
    } finally {
      Files.delete(errors);
    }
  }
}
