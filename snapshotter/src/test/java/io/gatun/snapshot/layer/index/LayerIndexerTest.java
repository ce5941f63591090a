package io.gatun.snapshot.layer.index;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.erofs.IndexForm;
import io.gatun.snapshot.layer.erofs.NotIndexable;
import io.gatun.snapshot.layer.erofs.NotIndexableException;
import io.gatun.snapshot.layer.erofs.TestIndex;
import io.gatun.snapshot.layer.erofs.TestIndex.Making;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.root.ForwardingDisk;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The bytes of an index, and the refused layers; needs no kernel. */
final class LayerIndexerTest {

  private static final int SUPERBLOCK = 1024;

  /** Enough for less than a thousand entries. */
  private static final long LITTLE = 1;

  @TempDir Path directory;

  private int number;

  private TestIndex index(Making task, TarBuilder tar) throws IOException {
    number++;
    return TestIndex.of(directory.resolve("index" + number), task, tar.finish());
  }

  private TestIndex index(TarBuilder tar) throws IOException {
    return index(Making.of(IndexForm.OVERLAY), tar);
  }

  private static TarBuilder some() {
    TarBuilder tar = TarBuilder.pax().directory("d", 0755).file("d/f", 0644, "content");
    return tar.whiteout("d/gone").symbolicLink("l", "d/f").file("u/v/w", 0600, "x");
  }

  private static TarBuilder many() {
    TarBuilder tar = TarBuilder.pax();
    for (int i = 0; i < 20_000; i++) {
      tar.file("d%d/%d/n".formatted(i * 7919 % 100, i % 13) + i * 31L % 20_011, 0644, "");
    }
    return tar;
  }

  @Test
  void theSuperblockSaysWhatErofsExpects() throws IOException {
    TestIndex index = index(some());
    ByteBuffer image = ByteBuffer.wrap(index.bytes()).order(ByteOrder.LITTLE_ENDIAN);
    assertThat(image.getInt(SUPERBLOCK)).isEqualTo(0xe0f5e1e2);
    assertThat(image.getInt(SUPERBLOCK + 8)).as("compatible").isEqualTo(3);
    assertThat(image.get(SUPERBLOCK + 12)).as("block bits").isEqualTo((byte) 9);
    assertThat(image.getShort(SUPERBLOCK + 14)).as("root").isEqualTo((short) (1536 / 32));
    assertThat(image.getLong(SUPERBLOCK + 16)).isEqualTo(index.result().inodes() + 1);
    int end = image.getInt(SUPERBLOCK + 36) * 512;
    assertThat(end + 512L).as("with the table").isEqualTo(index.result().sizeBytes());
    assertThat(new String(index.bytes(), end, 4, StandardCharsets.US_ASCII)).isEqualTo("GTIT");
    assertThat(image.getInt(SUPERBLOCK + 80)).as("incompatible").isEqualTo(12);
    assertThat(image.getShort(SUPERBLOCK + 86)).as("devices").isEqualTo((short) 1);
    assertThat(image.getShort(SUPERBLOCK + 88) * 128).as("slot").isEqualTo(SUPERBLOCK + 128);
    assertThat(image.getInt(SUPERBLOCK + 192) * 512L).isEqualTo(Files.size(index.tar()));
    byte[] tag = Arrays.copyOfRange(index.bytes(), SUPERBLOCK + 128, SUPERBLOCK + 192);
    assertThat(new String(tag, StandardCharsets.US_ASCII))
        .isEqualTo(TestIndex.digest(Files.readAllBytes(index.tar())).hex());
    assertThat(index.result().digest()).isEqualTo(TestIndex.digest(index.bytes()));
  }

  /** Bit by bit, and not with the class that the writer uses. */
  @Test
  void theChecksumIsTheKernelsOwn() throws IOException {
    byte[] image = index(some()).bytes();
    byte[] block = Arrays.copyOfRange(image, SUPERBLOCK, SUPERBLOCK + 512);
    int expected = ByteBuffer.wrap(block).order(ByteOrder.LITTLE_ENDIAN).getInt(4);
    Arrays.fill(block, 4, 8, (byte) 0);
    int crc = ~0;
    for (byte each : block) {
      crc ^= each & 0xff;
      for (int bit = 0; bit < 8; bit++) {
        crc = (crc >>> 1) ^ (0x82f63b78 & -(crc & 1));
      }
    }
    assertThat(crc).isEqualTo(expected);
  }

  @Test
  void theSameLayerHasTheSameIndex() throws IOException {
    TestIndex first = index(many());
    TestIndex second = index(many());
    assertThat(second.bytes()).isEqualTo(first.bytes());
    assertThat(second.result()).isEqualTo(first.result());
  }

  @Test
  void anIndexDoesNotDependOnWhatWasSpilled() throws IOException {
    TestIndex whole = index(many());
    TestIndex spilled = index(Making.of(IndexForm.OVERLAY).keeping(LITTLE), many());
    assertThat(whole.result().isSpilled()).isFalse();
    assertThat(spilled.result().isSpilled()).isTrue();
    assertThat(spilled.bytes()).isEqualTo(whole.bytes());
    assertThat(directory.resolve("index2/spill")).doesNotExist();
  }

  @Test
  void formAndInheritanceMakeAnotherIndexWithAnotherUuid() throws IOException {
    Making overlay = Making.of(IndexForm.OVERLAY);
    LowerAttributes lowerAttributes =
        path ->
            path.equals(LinuxPath.of("u"))
                ? Optional.of(new InheritedAttributes(0700, 1, 2, new Timespec(3, 4), Map.of()))
                : Optional.empty();
    List<TestIndex> all =
        List.of(
            index(overlay, some()),
            index(Making.of(IndexForm.BASE), some()),
            index(overlay.inheriting(lowerAttributes), some()));
    assertThat(all.stream().map(each -> each.result().digest())).doesNotHaveDuplicates();
    assertThat(all.stream().map(LayerIndexerTest::uuid)).doesNotHaveDuplicates();
  }

  private static String uuid(TestIndex index) {
    try {
      return HexFormat.of().formatHex(index.bytes(), SUPERBLOCK + 48, SUPERBLOCK + 64);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Test
  void attributesThatTheFormatDoesNotCountAreNotIndexable() throws IOException {
    assertNotIndexable(
        NotIndexable.ATTRIBUTE_SIZE,
        TarBuilder.pax().xattr("user.a", new byte[65_536]).file("f", 0644, ""));
    index(TarBuilder.pax().xattr("user.a", new byte[65_535]).file("f", 0644, ""));
    TarBuilder several = TarBuilder.pax();
    for (int i = 0; i < 5; i++) {
      several.xattr("user.a" + i, new byte[60_000]);
    }
    assertNotIndexable(NotIndexable.ATTRIBUTES_SIZE, several.file("f", 0644, ""));
  }

  @Test
  void attributesThatTheKernelJudgesAreNotIndexableIfItWouldNotTakeThem() {
    byte[] bad = {1, 2, 3};
    for (String name :
        List.of("security.capability", "system.posix_acl_access", "system.posix_acl_default")) {
      assertNotIndexable(
          NotIndexable.ATTRIBUTE_FORM, TarBuilder.pax().xattr(name, bad).directory("d", 0755));
    }
    assertNotIndexable(
        NotIndexable.ATTRIBUTE_FORM,
        TarBuilder.pax().xattr("system.posix_acl_accessory", bad).directory("d", 0755));
  }

  @Test
  void sparseFilesOfOddOrTooManyPartsAreNotIndexable() {
    assertNotIndexable(NotIndexable.SPARSE_FILE, sparse(10_000, "100,12", 12));
    assertNotIndexable(NotIndexable.SPARSE_FILE, sparse(10_000, "512,100", 100));
    assertNotIndexable(NotIndexable.SPARSE_FILE, sparse(1L << 40, "512,512", 512));
  }

  private static TarBuilder sparse(long sizeBytes, String map, int stored) {
    TarBuilder tar = TarBuilder.pax().record("GNU.sparse.major", "0");
    tar.record("GNU.sparse.minor", "1").record("GNU.sparse.size", "" + sizeBytes);
    tar.record("GNU.sparse.numblocks", "1").record("GNU.sparse.map", map);
    return tar.file("sparse", 0644, new byte[stored]);
  }

  private void assertNotIndexable(NotIndexable reason, TarBuilder tar) {
    assertThatExceptionOfType(NotIndexableException.class)
        .isThrownBy(() -> index(tar))
        .satisfies(e -> assertThat(e.reason()).isEqualTo(reason));
  }

  @Test
  void whatMakesNoSenseIsRefused() {
    for (TarBuilder tar :
        List.of(
            TarBuilder.pax().hardLink("a", 0644, "nothing"),
            TarBuilder.pax().directory("d", 0755).hardLink("a", 0644, "d"),
            TarBuilder.pax().file("f", 0644, "").file("f/g", 0644, ""),
            TarBuilder.pax().symbolicLink("l", "l").file("l/g", 0644, ""),
            TarBuilder.pax().file("n".repeat(256), 0644, ""),
            TarBuilder.pax().whiteout("d/" + "n".repeat(256)),
            TarBuilder.pax().file("n".repeat(256) + "/f", 0644, ""))) {
      assertThatExceptionOfType(InvalidLayerException.class).isThrownBy(() -> index(tar));
    }
  }

  @Test
  void namesThatWouldMakeATreeDeepDoNot() throws IOException {
    TarBuilder tar = TarBuilder.pax();
    for (int i = 0; i < 30_000; i++) {
      tar.file("d/%08d".formatted(i), 0644, "");
    }
    long start = System.nanoTime();
    assertThat(index(tar).result().inodes()).isEqualTo(30_002);
    // A list would take 450 million steps.
    assertThat(System.nanoTime() - start).isLessThan(20_000_000_000L);
  }

  @Test
  void aFullDiskIsReportedWhenTheTreeIsSpilledAndWhenTheIndexIsWritten() {
    for (String victim : List.of("/.", "/index")) {
      int[] fired = {0};
      ForwardingDisk full =
          new ForwardingDisk(new LinuxDisk()) {
            @Override
            public int write(Fd file, ByteBuffer buffer, long offset) throws ErrnoException {
              if (file.path().toString().endsWith(victim)) {
                fired[0]++;
                throw new ErrnoException("pwrite", Errno.ENOSPC, file.path());
              }
              return super.write(file, buffer, offset);
            }
          };
      Making task = Making.of(IndexForm.OVERLAY).keeping(LITTLE).on(full);
      assertThatExceptionOfType(ErrnoException.class)
          .isThrownBy(() -> index(task, many()))
          .satisfies(e -> assertThat(e.is(Errno.ENOSPC)).isTrue());
      assertThat(fired[0]).isEqualTo(1);
    }
  }
}
