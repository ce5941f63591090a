package io.gatun.snapshot.layer.read;

import com.github.luben.zstd.ZstdInputStream;
import io.gatun.snapshot.fixture.Compressed;
import io.gatun.snapshot.fixture.TarBuilder;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.zip.GZIPInputStream;

/**
 * A damaged layer of few entries: the headers of its tar, its compressed data, or both are changed.
 * Occasionally it is a {@link LargeLayer}, some of which have damaged compressed data. Derived from
 * a seed.
 */
final class HostileLayer {

  private enum Form {
    NONE,
    GZIP,
    GZIP_MEMBERS,
    GZIP_LONG_HEADER,
    ZSTD,
    ZSTD_FRAMES
  }

  private static final List<String> SPARSE_KEYS =
      List.of("GNU.sparse.map", "GNU.sparse.size", "GNU.sparse.numblocks", "GNU.sparse.major");

  private static final int TEXT_BYTES_MAX = 8000;
  private static final int TYPE_OFFSET = 156;

  /** Each kind once in a short run. */
  private static final int LARGE_EVERY = 400;

  private final Random random;
  private final boolean isLarge;
  private final byte[] blob;

  HostileLayer(long seed) {
    this.random = new Random(seed);
    this.isLarge = isLarge(seed);
    if (isLarge) {
      LargeLayer.Kind[] kinds = LargeLayer.Kind.values();
      long number = Math.floorDiv(seed, LARGE_EVERY);
      byte[] large = LargeLayer.of(kinds[(int) Math.floorMod(number, (long) kinds.length)], random);
      this.blob = random.nextInt(3) == 0 ? damaged(large) : large;
      return;
    }
    byte[] tar = tar();
    int where = random.nextInt(10);
    if (where < 6) {
      damageTar(tar);
    }
    byte[] compressed = compressed(tar);
    this.blob = where < 4 ? compressed : damaged(compressed);
  }

  static boolean isLarge(long seed) {
    return Math.floorMod(seed, LARGE_EVERY) == 0;
  }

  byte[] blob() {
    return blob;
  }

  /** {@return whether it may exceed the memory} */
  boolean isLarge() {
    return isLarge;
  }

  /** {@return one of several choices for the caller} */
  int choice(int choices) {
    return random.nextInt(choices);
  }

  /** {@return the content of the blob, according to its first bytes, by independent decoders} */
  byte[] decompressed() throws IOException {
    try (InputStream in = stream()) {
      return in.readAllBytes();
    }
  }

  /** {@return the same as a stream} */
  InputStream stream() throws IOException {
    InputStream in = new ByteArrayInputStream(blob);
    if (blob.length > 2 && blob[0] == 0x1f && (blob[1] & 0xff) == 0x8b && blob[2] == 8) {
      return new GZIPInputStream(in);
    }
    boolean isZstd =
        blob.length > 3 && blob[0] == 0x28 && (blob[1] & 0xff) == 0xb5 && blob[2] == 0x2f;
    boolean isSkippable =
        blob.length > 7 && (blob[0] & 0xf0) == 0x50 && blob[1] == 0x2a && blob[2] == 0x4d;
    return isZstd || isSkippable ? new ZstdInputStream(in) : in;
  }

  private byte[] tar() {
    TarBuilder.Format[] formats = TarBuilder.Format.values();
    TarBuilder tar = new TarBuilder(formats[random.nextInt(formats.length)]);
    for (int i = random.nextInt(6); i >= 0; i--) {
      tar.owner(random.nextInt(70_000), random.nextInt(70_000));
      if (random.nextInt(4) == 0) {
        tar.xattr(random.nextBoolean() ? "user.a" : "trusted.overlay.opaque", text(20));
      }
      if (random.nextInt(6) == 0) {
        String key = SPARSE_KEYS.get(random.nextInt(SPARSE_KEYS.size()));
        tar.record(key, random.nextInt(3) + "," + random.nextInt(100));
      }
      addEntry(tar);
    }
    return random.nextInt(8) == 0 ? tar.unfinished() : tar.finish();
  }

  private void addEntry(TarBuilder tar) {
    String name = "dir/" + "n".repeat(1 + random.nextInt(90)) + random.nextInt(10);
    switch (random.nextInt(8)) {
      case 0 -> tar.directory(name + "/", 0755);
      case 1 -> tar.symbolicLink(name, "../../" + random.nextInt(10));
      case 2 -> tar.hardLink(name, 0644, "dir/../.." + random.nextInt(10));
      case 3 -> tar.whiteout(name);
      case 4 -> tar.opaque("dir");
      case 5 -> tar.device('3', name, 0600, random.nextInt(5), random.nextInt(5));
      default -> tar.file(name, 0644, text(1 + random.nextInt(TEXT_BYTES_MAX)));
    }
  }

  private byte[] text(int length) {
    byte[] text = new byte[length];
    for (int i = 0; i < length; i++) {
      text[i] = (byte) ('a' + random.nextInt(4));
    }
    return text;
  }

  /** Changes headers and corrects their checksums, so that readers accept them. */
  private void damageTar(byte[] tar) {
    for (int i = random.nextInt(4); i >= 0; i--) {
      int block = random.nextInt(tar.length / TarBuilder.BLOCK) * TarBuilder.BLOCK;
      int at = block + (random.nextBoolean() ? 100 + random.nextInt(60) : random.nextInt(512));
      tar[at] =
          (byte)
              switch (random.nextInt(4)) {
                case 0 -> "xgLKS0123456=\n\0".charAt(random.nextInt(15));
                case 1 -> 0x80 | random.nextInt(128);
                case 2 -> '0' + random.nextInt(10);
                default -> random.nextInt(256);
              };
      byte[] header = Arrays.copyOfRange(tar, block, block + TarBuilder.BLOCK);
      if (header[0] != 0 && !isOfPaxRecords(tar, block)) {
        byte[] right = new TarBuilder.Header().text(0, TarBuilder.BLOCK, header).finish();
        System.arraycopy(right, 0, tar, block, right.length);
      }
    }
  }

  /** {@return whether a block follows a PAX header and is not itself a header} */
  private static boolean isOfPaxRecords(byte[] tar, int block) {
    int type = block - TarBuilder.BLOCK + TYPE_OFFSET;
    return type > 0 && (tar[type] == 'x' || tar[type] == 'g');
  }

  private byte[] compressed(byte[] tar) {
    int middle = random.nextInt(tar.length + 1);
    byte[] first = Arrays.copyOf(tar, middle);
    byte[] second = Arrays.copyOfRange(tar, middle, tar.length);
    return switch (Form.values()[random.nextInt(Form.values().length)]) {
      case NONE -> tar;
      case GZIP -> Compressed.gzip(tar);
      case GZIP_MEMBERS -> Compressed.joined(Compressed.gzip(first), Compressed.gzip(second));
      case GZIP_LONG_HEADER -> Compressed.gzipWithLongHeader(tar);
      case ZSTD -> Compressed.zstd(tar);
      case ZSTD_FRAMES ->
          Compressed.joined(
              Compressed.zstdSkippable(random.nextInt(20)),
              Compressed.zstd(first),
              Compressed.zstd(second));
    };
  }

  private byte[] damaged(byte[] bytes) {
    return switch (random.nextInt(6)) {
      case 0 -> Arrays.copyOf(bytes, random.nextInt(bytes.length));
      case 1 -> Arrays.copyOf(bytes, bytes.length + 1 + random.nextInt(600));
      case 2 ->
          Compressed.joined(
              Arrays.copyOf(bytes, random.nextInt(bytes.length)),
              Arrays.copyOfRange(bytes, random.nextInt(bytes.length), bytes.length));
      default -> changed(bytes);
    };
  }

  private byte[] changed(byte[] bytes) {
    byte[] changed = bytes.clone();
    // The first bytes matter most, but are few.
    int end = random.nextInt(3) == 0 ? Math.min(40, bytes.length) : bytes.length;
    for (int i = random.nextInt(5); i >= 0; i--) {
      int at = random.nextInt(end);
      int value = random.nextBoolean() ? random.nextInt() : changed[at] ^ (1 << random.nextInt(8));
      changed[at] = (byte) value;
    }
    return changed;
  }
}
