package io.gatun.snapshot.layer.tar;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.fixture.Pieces;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TarBuilder.Format;
import io.gatun.snapshot.layer.entry.LayerReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.constraints.IntRange;

final class TarReaderProperties {

  @SuppressWarnings("ArrayRecordComponent") // only looked at
  record Written(
      char type,
      byte[] name,
      byte[] link,
      long mode,
      long uid,
      long gid,
      long seconds,
      byte[] content,
      Map<String, byte[]> xattrs) {}

  @Property(tries = 400)
  void everythingWrittenIsReadBack(
      @ForAll("entries") List<Written> entries,
      @ForAll Format format,
      @ForAll @IntRange(min = 1, max = 3000) int pieceBytes)
      throws IOException {
    TarBuilder builder = new TarBuilder(format);
    for (Written written : entries) {
      builder.owner(written.uid, written.gid).modified(written.seconds);
      if (format == Format.PAX) {
        written.xattrs.forEach(builder::xattr);
      }
      builder.entry(
          written.type,
          name(written, format),
          written.mode,
          link(written, format),
          0,
          0,
          written.content);
    }
    List<ReadTar.Item> items = ReadTar.of(builder.finish(), pieceBytes);
    assertThat(items).hasSameSizeAs(entries);
    for (int i = 0; i < items.size(); i++) {
      Written written = entries.get(i);
      TarEntry read = items.get(i).entry();
      assertThat(read.name()).isEqualTo(LinuxPath.ofBytes(name(written, format)));
      assertThat(read.linkName()).isEqualTo(LinuxPath.ofBytes(link(written, format)));
      assertThat(read.mode()).isEqualTo(written.mode);
      assertThat(read.uid()).isEqualTo(written.uid);
      assertThat(read.gid()).isEqualTo(written.gid);
      assertThat(read.modified()).isEqualTo(new Timespec(written.seconds, 0));
      assertThat(items.get(i).content()).isEqualTo(written.content);
      assertThat(read.xattrs())
          .containsExactlyInAnyOrderElementsOf(
              format != Format.PAX
                  ? List.of()
                  : written.xattrs.entrySet().stream()
                      .map(x -> new TarXattr(LinuxPath.of(x.getKey()), x.getValue()))
                      .toList());
    }
  }

  /** In the oldest format, a trailing slash turns a file into a directory. */
  private static byte[] name(Written written, Format format) {
    byte[] name = fitted(written.name, format);
    if (format == Format.V7 && name[name.length - 1] == '/') {
      name[name.length - 1] = 'n';
    }
    return name;
  }

  private static byte[] link(Written written, Format format) {
    return fitted(written.link, format);
  }

  /** The old formats have no space for some values of the others. */
  private static byte[] fitted(byte[] text, Format format) {
    return switch (format) {
      case V7, USTAR, STAR -> Arrays.copyOf(text, Math.min(100, text.length));
      case PAX, GNU -> text;
    };
  }

  @Property(tries = 3000)
  void hostileBytesAreRefusedOrRead(
      @ForAll("entries") List<Written> entries, @ForAll Format format, @ForAll long seed) {
    TarBuilder builder = new TarBuilder(format);
    for (Written written : entries) {
      builder.owner(written.uid, written.gid);
      if (format == Format.PAX) {
        written.xattrs.forEach(builder::xattr);
        builder.record("GNU.sparse.map", "0,1").record("GNU.sparse.numblocks", "1");
      }
      builder.entry(
          written.type,
          name(written, format),
          written.mode,
          link(written, format),
          0,
          0,
          written.content);
    }
    byte[] tar = builder.finish();
    mutate(tar, new Random(seed));
    assertRefusedOrRead(tar);
  }

  @Property(tries = 500)
  void noiseIsRefusedOrRead(@ForAll byte[] noise) {
    assertRefusedOrRead(noise);
  }

  private static void assertRefusedOrRead(byte[] tar) {
    try {
      LayerReader reader = new LayerReader(new TarReader(new Pieces(tar, 1000)));
      while (reader.next().isPresent()) {
        while (reader.content().hasRemaining()) {}
      }
    } catch (InvalidLayerException e) {
      assertThat(e).hasMessageMatching("(?s).*(offset|goes on).*");
    } catch (IOException e) {
      throw new AssertionError("another failure than the domain's", e);
    }
  }

  /** Changes bytes, mostly in headers, and corrects checksums, so that more code is reached. */
  private static void mutate(byte[] tar, Random random) {
    for (int i = random.nextInt(6); i >= 0; i--) {
      int block = random.nextInt(tar.length / TarBuilder.BLOCK) * TarBuilder.BLOCK;
      int at =
          block
              + (random.nextBoolean()
                  ? 100 + random.nextInt(60)
                  : random.nextInt(TarBuilder.BLOCK));
      tar[at] =
          (byte)
              switch (random.nextInt(4)) {
                case 0 -> "xgLKS012345670\0".charAt(random.nextInt(15));
                case 1 -> 0x80 | random.nextInt(128);
                case 2 -> '0' + random.nextInt(10);
                default -> random.nextInt(256);
              };
      if (!isZero(tar, block)) {
        byte[] fixed =
            new TarBuilder.Header()
                .text(0, 512, Arrays.copyOfRange(tar, block, block + 512))
                .finish();
        System.arraycopy(fixed, 0, tar, block, fixed.length);
      }
    }
  }

  private static boolean isZero(byte[] tar, int block) {
    return TarHeader.isZero(Arrays.copyOfRange(tar, block, block + TarBuilder.BLOCK));
  }

  @Provide
  Arbitrary<List<Written>> entries() {
    Arbitrary<byte[]> names =
        Arbitraries.frequencyOf(
                Tuple.of(
                    5,
                    Arbitraries.strings().withChars("ab/.\u00e4").ofMinLength(1).ofMaxLength(12)),
                Tuple.of(1, Arbitraries.strings().alpha().ofMinLength(90).ofMaxLength(300)))
            .map(text -> text.getBytes(StandardCharsets.UTF_8));
    Arbitrary<Long> numbers =
        Arbitraries.of(0L, 1L, 1000L, 0x1fffffL, 0x200000L, 0xfffffffeL, 1L << 40);
    Arbitrary<Map<String, byte[]>> xattrs =
        Arbitraries.maps(
                Arbitraries.of("user.a", "trusted.b", "security.capability", "user.overlay.opaque"),
                Arbitraries.bytes().array(byte[].class).ofMaxSize(30))
            .ofMaxSize(2);
    return Combinators.combine(
            Arbitraries.of('0', '0', '0', '1', '2', '5', '6'),
            names,
            names,
            Arbitraries.longs().between(0, 07777),
            numbers,
            numbers,
            Arbitraries.of(0L, 1L, 1_700_000_000L, 1L << 34),
            xattrs
                .tuple1()
                .flatMap(
                    x ->
                        Arbitraries.bytes()
                            .array(byte[].class)
                            .ofMaxSize(1500)
                            .map(content -> Tuple.of(x.get1(), content))))
        .as(
            (type, name, link, mode, uid, gid, seconds, rest) ->
                new Written(
                    type,
                    name,
                    type == '1' || type == '2' ? link : new byte[0],
                    mode,
                    uid,
                    gid,
                    seconds,
                    type == '0' ? rest.get2() : new byte[0],
                    rest.get1()))
        .list()
        .ofMinSize(1)
        .ofMaxSize(8);
  }
}
