package io.gatun.snapshot.layer.read;

import com.github.luben.zstd.ZstdOutputStream;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TarBuilder.Format;
import io.gatun.snapshot.fixture.TarBuilder.Part;
import io.gatun.snapshot.fixture.TarBuilder.Sparse;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPOutputStream;

/**
 * A layer with more of one thing than reasonable, in some cases more than allowed. It is compressed
 * while it is created, so it takes little memory itself.
 */
final class LargeLayer {

  enum Kind {
    ENTRIES,
    DIRECTORIES,
    DEPTH,
    XATTRS,
    NAMES,
    RECORDS,
    HOLES
  }

  private static final int NAME_BYTES_MAX = 255;
  private static final int PATH_NAMES_MAX = 15;

  private final Random random;
  private final ByteArrayOutputStream blob = new ByteArrayOutputStream();
  private final OutputStream tar;
  private final Format format;

  private LargeLayer(Random random) throws IOException {
    this.random = random;
    this.tar = random.nextBoolean() ? new GZIPOutputStream(blob) : new ZstdOutputStream(blob);
    this.format = random.nextBoolean() ? Format.PAX : Format.GNU;
  }

  static byte[] of(Kind kind, Random random) {
    try {
      LargeLayer layer = new LargeLayer(random);
      layer.add(kind);
      layer.add(new TarBuilder(layer.format).raw(new byte[2 * TarBuilder.BLOCK]));
      layer.tar.close();
      return layer.blob.toByteArray();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private void add(TarBuilder part) throws IOException {
    tar.write(part.unfinished());
  }

  private void add(Kind kind) throws IOException {
    switch (kind) {
      case ENTRIES -> addEntries(20_000 + random.nextInt(40_000));
      case DIRECTORIES -> addDirectories(40_000 + random.nextInt(260_000));
      case DEPTH -> addDeepPaths(random.nextInt(40), random.nextInt(4) == 0 ? 3000 : 2000);
      case XATTRS -> addXattrs(1 + random.nextInt(3), random.nextInt(20_000));
      case NAMES -> addNames(random.nextInt(2_000), random.nextInt(4) == 0);
      case RECORDS -> addRecords(1 + random.nextInt(20), random.nextInt(60_000));
      case HOLES -> addHoles(1 + random.nextInt(4), random.nextInt(40_000));
    }
  }

  private void addEntries(int count) throws IOException {
    for (int i = 0; i < count; i++) {
      String name = "d%d/%d".formatted(i % 7, i);
      TarBuilder part = new TarBuilder(format).owner(i, i);
      switch (i % 4) {
        case 0 -> part.file(name, 0644, "x");
        case 1 -> part.hardLink(name, 0600, "d%d/%d".formatted((i - 1) % 7, i - 1));
        case 2 -> part.symbolicLink(name, "d" + i);
        default -> part.whiteout(name);
      }
      add(part);
    }
  }

  private void addDirectories(int count) throws IOException {
    String name = "n".repeat(50);
    for (int i = 0; i < count; i++) {
      add(new TarBuilder(format).directory("d%d/%s%d".formatted(i % 300, name, i), 0755));
    }
  }

  private void addDeepPaths(int count, int depthMax) throws IOException {
    for (int i = 0; i <= count; i++) {
      String name = "d" + i + "/d".repeat(random.nextInt(depthMax)) + "/f";
      add(new TarBuilder(format).file(name, 0644, "x"));
    }
  }

  private void addXattrs(int files, int count) throws IOException {
    for (int i = 0; i < files; i++) {
      TarBuilder part = TarBuilder.pax();
      for (int j = 0; j < count; j++) {
        part.xattr("user." + j, new byte[random.nextInt(20)]);
      }
      add(part.file("f" + i, 0644, "x"));
    }
  }

  private void addNames(int count, boolean isTooLong) throws IOException {
    for (int i = 0; i < count; i++) {
      StringBuilder name = new StringBuilder();
      for (int j = random.nextInt(PATH_NAMES_MAX); j > 0; j--) {
        name.append("n".repeat(NAME_BYTES_MAX)).append('/');
      }
      name.append(i).append("l".repeat(NAME_BYTES_MAX - 10));
      add(new TarBuilder(format).symbolicLink(name.toString(), "t".repeat(4000)));
    }
    if (isTooLong) {
      int bytes = NAME_BYTES_MAX + random.nextInt(1_200_000);
      add(new TarBuilder(format).file("n".repeat(bytes), 0644, "x"));
    }
  }

  private void addRecords(int files, int count) throws IOException {
    for (int i = 0; i < files; i++) {
      TarBuilder part = TarBuilder.pax();
      for (int j = 0; j < count; j++) {
        part.record("r" + j, new byte[] {'v'});
      }
      add(part.file("f" + i, 0644, "x"));
    }
  }

  private void addHoles(int files, int count) throws IOException {
    Sparse[] sparse =
        format == Format.GNU
            ? new Sparse[] {Sparse.OLD_GNU}
            : new Sparse[] {Sparse.PAX_0_0, Sparse.PAX_0_1, Sparse.PAX_1_0};
    for (int i = 0; i < files; i++) {
      List<Part> parts = new ArrayList<>();
      for (int j = 0; j <= count; j++) {
        parts.add(new Part(3L * j, new byte[] {'x'}));
      }
      add(
          new TarBuilder(format)
              .sparseFile(
                  sparse[random.nextInt(sparse.length)], "f" + i, 0644, 3L * count + 3, parts));
    }
  }
}
