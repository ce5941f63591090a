package io.gatun.snapshot.layer.tar;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.management.ThreadMXBean;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.fixture.Pieces;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TarBuilder.Format;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

class TarReaderTest {

  @Test
  void emptyAndEndedTarsHaveNoEntries() throws IOException {
    assertThat(ReadTar.of(new byte[0])).isEmpty();
    assertThat(ReadTar.of(new byte[512])).isEmpty();
    assertThat(ReadTar.of(new byte[1024])).isEmpty();
  }

  @Test
  void whatFollowsTheEndIsNotRead() throws IOException {
    byte[] tar = TarBuilder.pax().file("a", 0644, "1").finish();
    byte[] longer = Arrays.copyOf(tar, tar.length + 700);
    Arrays.fill(longer, tar.length, longer.length, (byte) 'x');
    TarReader reader = new TarReader(new Pieces(longer, 100));
    assertThat(reader.next()).isNotNull();
    assertThat(reader.next()).isNull();
    assertThat(reader.position()).isEqualTo(tar.length);
  }

  @Test
  void oneBlockOfZerosIsAnEndOnlyIfNothingFollows() {
    byte[] tar = new TarBuilder(Format.USTAR).raw(new byte[512]).file("a", 0644, "").finish();
    assertRefused(tar, "block of zeros");
  }

  @Test
  void cve202562518SizeInRecordsDrivesWhatIsPassedOver() throws IOException {
    // A header says 0 and a record 1024: a reader that trusts the header parses the content as
    // entries (CVE-2025-62518).
    byte[] hidden = new TarBuilder(Format.USTAR).file("hidden", 0644, "").unfinished();
    byte[] content = Arrays.copyOf(hidden, 1024);
    byte[] tar =
        TarBuilder.pax()
            .record("size", "1024")
            .file("outer", 0644, "")
            .raw(content)
            .file("after", 0644, "x")
            .finish();
    List<ReadTar.Item> items = ReadTar.of(tar);
    assertThat(items)
        .extracting(item -> item.entry().name().toString())
        .containsExactly("outer", "after");
    assertThat(items.getFirst().content()).isEqualTo(content);
  }

  @Test
  void directoriesHaveNoContentWhateverTheirSizeSays() throws IOException {
    byte[] tar =
        TarBuilder.pax().record("size", "4096").directory("d", 0755).file("f", 0644, "x").finish();
    assertThat(names(tar)).containsExactly("d", "f");
  }

  @Test
  void globalHeadersAreIgnored() throws IOException {
    byte[] global = TarBuilder.record("path".getBytes(StandardCharsets.US_ASCII), new byte[] {'z'});
    assertThat(names(TarBuilder.pax().extension('g', global).file("f", 0644, "").finish()))
        .containsExactly("f");
  }

  @Test
  void globalHeadersThatAreNoneAreRefused() {
    byte[] torn = bytes("9 path=z");
    assertRefused(TarBuilder.pax().extension('g', torn).file("f", 0644, "").finish(), "record");
    byte[] oversized = new byte[TarReader.EXTENSION_BYTES_MAX + 1];
    assertRefused(
        TarBuilder.pax().extension('g', oversized).file("f", 0644, "").finish(),
        "exceeds the limit of 1048576");
  }

  @Test
  void numbersOfExtensionsHaveToBeNumbers() {
    for (char type : "xgLK".toCharArray()) {
      for (int offset : new int[] {100, 108, 116, 124, 136, 329, 337}) {
        byte[] tar = TarBuilder.pax().extension(type, new byte[0]).file("f", 0644, "").finish();
        byte[] header = Arrays.copyOf(tar, TarBuilder.BLOCK);
        header[offset] = 'x';
        System.arraycopy(rechecked(header), 0, tar, 0, TarBuilder.BLOCK);
        assertRefused(tar, "not an octal number");
      }
    }
  }

  @Test
  void recordsWinOverTheHeaderAndLongNamesOverRecords() throws IOException {
    byte[] record = TarBuilder.record("path".getBytes(StandardCharsets.US_ASCII), new byte[] {'r'});
    assertThat(names(TarBuilder.pax().record("path", "r").file("h", 0644, "").finish()))
        .containsExactly("r");
    byte[] both =
        new TarBuilder(Format.GNU)
            .extension('L', "long\0".getBytes(StandardCharsets.US_ASCII))
            .extension('x', record)
            .file("h", 0644, "")
            .finish();
    assertThat(names(both)).containsExactly("long");
  }

  @Test
  void emptyRecordLeavesTheHeader() throws IOException {
    assertThat(names(TarBuilder.pax().record("path", "").file("h", 0644, "").finish()))
        .containsExactly("h");
  }

  @Test
  void headersOfOldGoWritersStayReadable() throws IOException {
    // GNU's magic, and a prefix where GNU's format has times.
    byte[] header =
        new TarBuilder.Header()
            .text(0, 100, bytes("name"))
            .number(100, 8, 0644)
            .number(108, 8, 0)
            .number(116, 8, 0)
            .number(124, 12, 0)
            .number(136, 12, 7)
            .type('0')
            .magic("ustar  \0")
            .text(345, 155, bytes("some/prefix"))
            .finish();
    assertThat(names(header)).containsExactly("some/prefix/name");
  }

  @Test
  void negativeAndFractionalTimesAreRead() throws IOException {
    byte[] tar =
        TarBuilder.pax()
            .record("mtime", "-1.25")
            .record("atime", "12.0000000019")
            .file("f", 0644, "")
            .finish();
    TarEntry entry = ReadTar.of(tar).getFirst().entry();
    assertThat(entry.modified()).isEqualTo(new Timespec(-2, 750_000_000));
    assertThat(entry.accessed()).isEqualTo(new Timespec(12, 1));
  }

  @Test
  void trailingSlashMakesADirectoryOfTheOldTypeOnly() throws IOException {
    byte[] tar =
        new TarBuilder(Format.USTAR)
            .entry('\0', bytes("old/"), 0755, new byte[0], 0, 0, new byte[0])
            .entry('0', bytes("new/"), 0755, new byte[0], 0, 0, new byte[0])
            .finish();
    assertThat(ReadTar.of(tar))
        .extracting(item -> item.entry().type())
        .containsExactly(TarType.DIRECTORY, TarType.REGULAR);
  }

  @Test
  void sparseFilesOfEveryFormatAreRead() throws IOException {
    byte[] expected = new byte[3000];
    Arrays.fill(expected, 100, 110, (byte) 'a');
    Arrays.fill(expected, 2000, 2005, (byte) 'b');
    byte[] stored = bytes("aaaaaaaaaabbbbb");

    assertSparse(
        expected,
        TarBuilder.pax()
            .record("GNU.sparse.major", "0")
            .record("GNU.sparse.minor", "1")
            .record("GNU.sparse.name", "real")
            .record("GNU.sparse.size", "3000")
            .record("GNU.sparse.numblocks", "2")
            .record("GNU.sparse.map", "100,10,2000,5")
            .file("fake", 0644, stored)
            .finish());

    byte[] zeroZero =
        concat(
            record("GNU.sparse.size", "3000"), record("GNU.sparse.numblocks", "2"),
            record("GNU.sparse.offset", "100"), record("GNU.sparse.numbytes", "10"),
            record("GNU.sparse.offset", "2000"), record("GNU.sparse.numbytes", "5"));
    assertSparse(
        expected,
        TarBuilder.pax()
            .extension('x', zeroZero)
            .raw(TarBuilder.pax().file("real", 0644, stored).unfinished())
            .finish());

    byte[] map = Arrays.copyOf(bytes("2\n100\n10\n2000\n5\n"), 512);
    assertSparse(
        expected,
        TarBuilder.pax()
            .record("GNU.sparse.major", "1")
            .record("GNU.sparse.minor", "0")
            .record("GNU.sparse.name", "real")
            .record("GNU.sparse.realsize", "3000")
            .file("fake", 0644, concat(map, stored))
            .finish());

    assertSparse(
        expected,
        new TarBuilder(Format.GNU)
            .raw(oldSparse(3000, stored.length, 100, 10, 2000, 5))
            .raw(Arrays.copyOf(stored, 512))
            .finish());
  }

  @Test
  void sparseMapsThatLieAreRefused() {
    for (String map :
        List.of(
            "0,20",
            "100,15,90,0",
            "0,15,3000,1",
            "0,15,3000,0",
            "-5,15",
            "0,7,7,9223372036854775807",
            "15",
            "0,15,",
            "0,15,2000")) {
      byte[] tar =
          TarBuilder.pax()
              .record("GNU.sparse.size", "2000")
              .record("GNU.sparse.numblocks", Integer.toString(map.split(",", -1).length / 2))
              .record("GNU.sparse.map", map)
              .file("f", 0644, new byte[15])
              .finish();
      assertRefused(tar, "sparse map");
    }
  }

  @Test
  void longestSparseMapTakesLittleMemory() throws IOException {
    int extents = TarReader.EXTENSION_BYTES_MAX / 4 - 64;
    byte[] tar =
        TarBuilder.pax()
            .record("GNU.sparse.size", "0")
            .record("GNU.sparse.numblocks", Integer.toString(extents))
            .record("GNU.sparse.map", "0,0,".repeat(extents - 1) + "0,0")
            .file("f", 0644, new byte[0])
            .finish();
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    long before = threads.getCurrentThreadAllocatedBytes();
    TarEntry entry = new TarReader(new Pieces(tar, tar.length)).next();
    assertThat(threads.getCurrentThreadAllocatedBytes() - before)
        .isLessThan(5L * TarReader.EXTENSION_BYTES_MAX);
    assertThat(entry).extracting(TarEntry::extents).isEqualTo(List.of());
  }

  @Test
  void cve202558183EndlessSparseMapsAreRefused() {
    byte[] more = new byte[512];
    more[504] = 1;
    int blocks = TarReader.EXTENSION_BYTES_MAX / 512 + 1;
    TarBuilder tar = new TarBuilder(Format.GNU);
    byte[] header = oldSparse(0, 0);
    header[482] = 1;
    tar.raw(rechecked(header));
    for (int i = 0; i < blocks; i++) {
      tar.raw(more);
    }
    assertRefused(tar.finish(), "too long");

    byte[] digits = new byte[TarReader.EXTENSION_BYTES_MAX + 512];
    for (int i = 0; i < digits.length; i += 2) {
      digits[i] = '0';
      digits[i + 1] = '\n';
    }
    System.arraycopy(bytes("999999999\n"), 0, digits, 0, 10);
    byte[] inContent =
        TarBuilder.pax()
            .record("GNU.sparse.major", "1")
            .record("GNU.sparse.minor", "0")
            .file("f", 0644, digits)
            .finish();
    assertRefused(inContent, "too long");
  }

  @Test
  void cve20222879OversizedExtensionsAreRefusedBeforeTheyAreRead() {
    byte[] header =
        new TarBuilder.Header()
            .text(0, 100, bytes("x"))
            .number(124, 12, 1L << 40)
            .type('x')
            .magic("ustar\00000")
            .finish();
    assertRefused(header, "exceeds the limit of 1048576");
  }

  @Test
  void malformedRecordsAreRefused() {
    for (String text :
        List.of(
            "",
            "5 a=\n",
            "99 path=x\n",
            "9 path=x\n9",
            "8 =path\n",
            "x path=a\n",
            "10 path:abc\n",
            "-8 a=b\n",
            "10 path=a\0\n")) {
      byte[] tar = TarBuilder.pax().extension('x', bytes(text)).file("f", 0644, "").finish();
      if (text.isEmpty() || text.equals("5 a=\n")) {
        assertThat(namesUnchecked(tar)).containsExactly("f");
      } else {
        assertRefused(tar, "invalid");
      }
    }
  }

  @Test
  void truncatedTarsAreRefused() throws IOException {
    byte[] tar = TarBuilder.pax().record("atime", "1").file("a", 0644, new byte[700]).unfinished();
    for (int length = 1; length < tar.length; length++) {
      byte[] cut = Arrays.copyOf(tar, length);
      boolean onlyPaddingIsMissing = length >= 3 * 512 + 700;
      if (onlyPaddingIsMissing) {
        assertThat(ReadTar.of(cut)).hasSize(1);
      } else {
        assertRefused(cut, "");
      }
    }
  }

  @Test
  void wrongChecksumsAreRefused() {
    byte[] tar = TarBuilder.pax().file("a", 0644, "").finish();
    tar[0] ^= 1;
    assertRefused(tar, "checksum");
  }

  @Test
  void contentOffsetIsWhereTheContentIs() throws IOException {
    byte[] tar = TarBuilder.pax().xattr("user.a", bytes("v")).file("a", 0644, "content").finish();
    TarEntry entry = ReadTar.of(tar).getFirst().entry();
    int at = (int) entry.contentOffset();
    assertThat(Arrays.copyOfRange(tar, at, at + 7)).isEqualTo(bytes("content"));
    assertThat(entry.offset()).isEqualTo(entry.contentOffset() - 512);
  }

  @Test
  void xattrsKeepTheirBytes() throws IOException {
    byte[] value = {0, -1, '=', '\n', 'x'};
    byte[] tar =
        TarBuilder.pax()
            .xattr("user.a=b", value)
            .xattr("user.b", new byte[0])
            .file("a", 0644, "")
            .finish();
    // The first equals sign ends a key, so the attribute gets another name than intended.
    assertThat(ReadTar.of(tar).getFirst().entry().xattrs())
        .containsExactly(
            new TarXattr(LinuxPath.of("user.a"), concat(bytes("b="), value)),
            new TarXattr(LinuxPath.of("user.b"), new byte[0]));
  }

  @Test
  void contentIsHandedOutWithoutCopying() throws IOException {
    byte[] tar = TarBuilder.pax().file("a", 0644, new byte[5000]).finish();
    ByteBuffer whole = ByteBuffer.allocateDirect(tar.length).put(tar).flip();
    ByteBuffer empty = ByteBuffer.allocate(0);
    boolean[] given = new boolean[1];
    TarReader reader =
        new TarReader(
            () -> {
              ByteBuffer next = given[0] ? empty : whole;
              given[0] = true;
              return next;
            });
    assertThat(reader.next()).isNotNull();
    ByteBuffer content = reader.content();
    assertThat(content.isDirect()).isTrue();
    assertThat(content.remaining()).isEqualTo(5000);
  }

  private static void assertSparse(byte[] expected, byte[] tar) throws IOException {
    List<ReadTar.Item> items = ReadTar.of(tar, 77);
    assertThat(items).hasSize(1);
    assertThat(items.getFirst().entry().name().toString()).isEqualTo("real");
    assertThat(items.getFirst().entry().extents()).hasSize(2);
    assertThat(items.getFirst().content()).isEqualTo(expected);
  }

  private static byte[] oldSparse(long realSize, int storedBytes, long... numbers) {
    TarBuilder.Header header =
        new TarBuilder.Header()
            .text(0, 100, bytes("real"))
            .number(100, 8, 0644)
            .number(124, 12, storedBytes)
            .type('S')
            .magic("ustar  \0")
            .number(483, 12, realSize);
    for (int i = 0; i < numbers.length; i++) {
      header.number(386 + 12 * i, 12, numbers[i]);
    }
    return header.finish();
  }

  private static byte[] rechecked(byte[] block) {
    return new TarBuilder.Header().text(0, 512, block).finish();
  }

  private static byte[] record(String key, String value) {
    return TarBuilder.record(bytes(key), bytes(value));
  }

  private static List<String> names(byte[] tar) throws IOException {
    return ReadTar.of(tar).stream().map(item -> item.entry().name().toString()).toList();
  }

  private static List<String> namesUnchecked(byte[] tar) {
    try {
      return names(tar);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static void assertRefused(byte[] tar, String message) {
    assertThatThrownBy(() -> ReadTar.of(tar))
        .isInstanceOf(InvalidLayerException.class)
        .hasMessageContaining(message);
  }

  private static byte[] concat(byte[]... parts) {
    java.io.ByteArrayOutputStream all = new java.io.ByteArrayOutputStream();
    for (byte[] part : parts) {
      all.writeBytes(part);
    }
    return all.toByteArray();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
