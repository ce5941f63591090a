package io.gatun.server.powercut;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Tests the disk itself, which the tests that cut the power rely on. */
final class LoggedDiskIT {

  private static final int SECTOR_BYTES = 512;
  private static final int BLOCK_BYTES = 4096;
  private static final int SMALL_DISK_BYTES = 1 << 20;
  private static final long FILESYSTEM_BYTES = 320L << 20;
  private static final long LOG_BYTES = 1L << 30;

  /** Enough for each fate of a cache to occur. */
  private static final int SEEDS = 40;

  @TempDir Path scratch;

  private final List<WriteLog> logs = new ArrayList<>();
  private Path device;

  @BeforeEach
  void createMountPoint() throws IOException {
    device = Files.createFile(scratch.resolve("device"));
  }

  @AfterEach
  void closeLogs() throws IOException {
    for (WriteLog log : logs) {
      log.close();
    }
  }

  private WriteLog newLog(long capacityBytes) throws IOException {
    WriteLog log = WriteLog.create(scratch, capacityBytes);
    logs.add(log);
    return log;
  }

  @Test
  void whatIsWrittenIsReadBack() throws IOException {
    byte[] expected = new byte[SMALL_DISK_BYTES];
    Random random = new Random(1);
    try (LoggedDisk disk = smallDisk();
        FileChannel file = openDevice()) {
      for (int i = 0; i < 200; i++) {
        byte[] data = new byte[1 + random.nextInt(100_000)];
        random.nextBytes(data);
        int offset = random.nextInt(SMALL_DISK_BYTES - data.length);
        file.write(ByteBuffer.wrap(data), offset);
        System.arraycopy(data, 0, expected, offset, data.length);
      }
      ByteBuffer found = ByteBuffer.allocate(SMALL_DISK_BYTES);
      while (found.hasRemaining()) {
        assertThat(file.read(found, found.position())).isPositive();
      }
      assertThat(found.array()).isEqualTo(expected);
      assertThat(file.size()).isEqualTo(SMALL_DISK_BYTES);
      assertThat(disk.log().position()).isGreaterThanOrEqualTo(200);
    }
  }

  @Test
  void writesBeyondTheEndAreRefused() throws IOException {
    LoggedDisk disk = smallDisk();
    try (FileChannel file = openDevice()) {
      assertThatThrownBy(() -> file.write(block(1), SMALL_DISK_BYTES))
          .isInstanceOf(IOException.class);
    }
    assertThatThrownBy(disk::close).hasMessageContaining("the disk failed while it was in use");
  }

  @Test
  void fullLogFailsTheDisk() throws IOException {
    LoggedDisk disk =
        new LoggedDisk(
            DiskImage.create(scratch.resolve("image"), SMALL_DISK_BYTES),
            device,
            newLog(BLOCK_BYTES));
    try (FileChannel file = openDevice()) {
      file.write(block(1), 0);
      assertThatThrownBy(() -> file.write(block(1), 0)).isInstanceOf(IOException.class);
    }
    assertThatThrownBy(disk::close)
        .hasRootCauseMessage("the log of the disk is full: capacityBytes=4096");
  }

  @Test
  void fsyncIsLoggedInOrder() throws IOException {
    try (LoggedDisk disk = smallDisk();
        FileChannel file = openDevice()) {
      file.write(block(1), 0);
      file.force(false);
      file.write(block(2), BLOCK_BYTES);

      assertThat(disk.log().events(0, disk.log().position()))
          .containsExactly(
              new DiskEvent.Write(0, BLOCK_BYTES, 0),
              new DiskEvent.Flush(),
              new DiskEvent.Write(BLOCK_BYTES, BLOCK_BYTES, BLOCK_BYTES));
    }
  }

  @Test
  void flushedBlocksSurviveAndOthersHaveEveryFate() throws IOException {
    WriteLog log;
    try (LoggedDisk disk = smallDisk();
        FileChannel file = openDevice()) {
      file.write(block(1), 0);
      file.write(block(1), BLOCK_BYTES);
      file.force(false);
      file.write(block(2), BLOCK_BYTES);
      file.write(block(2), 2 * BLOCK_BYTES);
      log = disk.log();
    }
    Set<String> fates = new HashSet<>();
    for (int seed = 0; seed < SEEDS; seed++) {
      byte[] image = cutSmallDisk(log, log.position(), seed);
      assertThat(fill(image, 0)).as("flushed block, seed=%d", seed).isEqualTo("1");
      fates.add("rewritten " + fill(image, 1));
      fates.add("new " + fill(image, 2));
    }
    assertThat(fates)
        .containsExactlyInAnyOrder(
            "rewritten 1", "rewritten 2", "rewritten 12", "new 0", "new 2", "new 02");
  }

  @Test
  void cutBeforeTheFlushMayLoseWhatTheFlushKeeps() throws IOException {
    WriteLog log;
    try (LoggedDisk disk = smallDisk();
        FileChannel file = openDevice()) {
      file.write(block(1), 0);
      file.force(false);
      log = disk.log();
    }
    Set<String> before = new HashSet<>();
    Set<String> after = new HashSet<>();
    for (int seed = 0; seed < SEEDS; seed++) {
      before.add(fill(cutSmallDisk(log, 1, seed), 0));
      after.add(fill(cutSmallDisk(log, 2, seed), 0));
    }
    assertThat(before).contains("0", "1");
    assertThat(after).containsExactly("1");
  }

  @Test
  void cutsGoForward() throws IOException {
    WriteLog log = newLog(LOG_BYTES);
    log.flush();
    log.flush();
    try (PowerCut power = new PowerCut(smallImage("base"), log, SECTOR_BYTES)) {
      power.cut(2, CacheFate.KEPT, new Random(1), scratch.resolve("cut"));
      assertThatThrownBy(
              () -> power.cut(1, CacheFate.KEPT, new Random(1), scratch.resolve("earlier")))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @ParameterizedTest
  @EnumSource
  void replayIsExactAndSyncedFilesSurviveOn(Filesystem type) throws IOException {
    DiskImage image = DiskImage.create(scratch.resolve("image"), FILESYSTEM_BYTES);
    type.make(image.file());
    DiskImage base = image.copyTo(scratch.resolve("base"));
    Path directory = Files.createDirectory(scratch.resolve("mnt"));
    byte[] synced = new byte[300_000];
    new Random(7).nextBytes(synced);
    int[] positions = new int[10];

    WriteLog log = newLog(LOG_BYTES);
    try (LoggedDisk disk = new LoggedDisk(image, device, log);
        LoopMount mount = LoopMount.mount(type, device, directory)) {
      for (int i = 0; i < positions.length; i++) {
        writeAndSync(mount.directory().resolve("synced-" + i), synced);
        positions[i] = disk.log().position();
        Files.write(mount.directory().resolve("unsynced-" + i), synced);
      }
    }

    boolean lost = false;
    Random random = new Random(type.kernelName().hashCode());
    try (PowerCut power = new PowerCut(base, log, type.sectorBytes())) {
      for (int i = 0; i < positions.length; i++) {
        Path cut = scratch.resolve("cut-" + i);
        power.cut(positions[i], CacheFate.draw(random), random, cut);
        try (LoopMount mount = LoopMount.mount(type, cut, directory)) {
          for (int j = 0; j <= i; j++) {
            assertThat(mount.directory().resolve("synced-" + j)).hasBinaryContent(synced);
          }
          Path last = mount.directory().resolve("unsynced-" + i);
          assertThat(last).as("written after the cut").doesNotExist();
          for (int j = 0; j < i; j++) {
            Path unsynced = mount.directory().resolve("unsynced-" + j);
            lost |= !Files.exists(unsynced) || !Arrays.equals(Files.readAllBytes(unsynced), synced);
          }
        }
        Files.delete(cut);
      }
      Path whole = scratch.resolve("whole");
      power.cut(log.position(), CacheFate.KEPT, random, whole);
      assertThat(Files.mismatch(whole, image.file())).as("first difference").isEqualTo(-1);
    }
    assertThat(lost).as("a file that was never synced was lost").isTrue();
  }

  private static void writeAndSync(Path file, byte[] content) throws IOException {
    try (FileChannel channel =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(content));
      channel.force(true);
    }
    try (FileChannel directory = FileChannel.open(file.getParent())) {
      directory.force(true);
    }
  }

  private LoggedDisk smallDisk() throws IOException {
    return new LoggedDisk(smallImage("image"), device, newLog(LOG_BYTES));
  }

  private DiskImage smallImage(String name) throws IOException {
    return DiskImage.create(scratch.resolve(name), SMALL_DISK_BYTES);
  }

  private FileChannel openDevice() throws IOException {
    return FileChannel.open(device, StandardOpenOption.READ, StandardOpenOption.WRITE);
  }

  private byte[] cutSmallDisk(WriteLog log, int position, int seed) throws IOException {
    Path base = scratch.resolve("base");
    Path cut = scratch.resolve("cut");
    Random random = new Random(seed);
    try (PowerCut power = new PowerCut(smallImage("base"), log, SECTOR_BYTES)) {
      power.cut(position, CacheFate.draw(random), random, cut);
      return Files.readAllBytes(cut);
    } finally {
      Files.delete(base);
      Files.delete(cut);
    }
  }

  private static ByteBuffer block(int fill) {
    byte[] bytes = new byte[BLOCK_BYTES];
    Arrays.fill(bytes, (byte) fill);
    return ByteBuffer.wrap(bytes);
  }

  /** {@return the distinct values in the sectors of a block, in order} */
  private static String fill(byte[] image, int block) {
    StringBuilder values = new StringBuilder();
    for (byte value = 0; value < 3; value++) {
      byte[] sector = new byte[SECTOR_BYTES];
      Arrays.fill(sector, value);
      for (int at = block * BLOCK_BYTES; at < (block + 1) * BLOCK_BYTES; at += SECTOR_BYTES) {
        if (Arrays.equals(image, at, at + SECTOR_BYTES, sector, 0, SECTOR_BYTES)) {
          values.append(value);
          break;
        }
      }
    }
    return values.toString();
  }
}
