package io.gatun.linux.mount;

import static io.gatun.linux.Failures.assertFails;
import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.PrivateMounts;
import io.gatun.linux.Programs;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.linux.mount.Loop.LoopStatus;
import io.gatun.linux.mount.Mounts.MountFlag;
import io.gatun.linux.mount.Mounts.Propagation;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/** Loop devices of this machine, and the mount table's entries for mounts from them. */
@ExtendWith(PrivateMounts.class)
class LoopIT {

  private static final int BLOCK_BYTES = 512;
  private static final int BLOCKS = 5;
  private static final int IMAGE_BYTES = 2 << 20;
  private static final LinuxPath CONTROL = LinuxPath.of("/dev/loop-control");
  private static final int WAIT_MILLIS_MAX = 10_000;

  @TempDir Path temporary;

  @Test
  void deviceShowsWholeBlocksOfAFileAndNoMore() throws Exception {
    byte[] content = new byte[BLOCKS * BLOCK_BYTES + 100];
    for (int i = 0; i < content.length; i++) {
      content[i] = (byte) (i * 31);
    }
    try (Fd file = open(Files.write(temporary.resolve("file"), content));
        Fd device = Loop.attach(file, BLOCK_BYTES, false)) {
      ByteBuffer read = ByteBuffer.allocate(content.length);
      while (Unistd.read(device, read) > 0) {}
      assertThat(read.position()).isEqualTo(BLOCKS * BLOCK_BYTES);
      assertThat(read.flip()).isEqualTo(ByteBuffer.wrap(content, 0, BLOCKS * BLOCK_BYTES));
    }
  }

  @Test
  void deviceSaysWhatItShowsAndIsFreeAfterTheLastUse() throws Exception {
    Path path = Files.write(temporary.resolve("file"), new byte[BLOCK_BYTES]);
    LinuxPath node;
    try (Fd file = open(path);
        Fd device = Loop.attach(file, BLOCK_BYTES, false)) {
      node = device.path();
      LoopStatus status = Loop.status(device);
      assertThat(status.shows(Stat.statx(file))).isTrue();
      assertThat(status.shows(Stat.statx(device))).isFalse();
      assertThat(status.readOnly()).isTrue();
      assertThat(status.autoClear()).isTrue();
      assertThat(status.directIo()).isFalse();
      assertFails("LOOP_CONFIGURE", Errno.EBUSY, () -> Loop.configure(device, file, 512, false));
      assertFails("write", Errno.EPERM, () -> writeTo(node));
    }
    awaitFree(node, path);
  }

  @Test
  void fileIsReadPastTheCacheWhereThatIsAskedFor() throws Exception {
    // Not on a tmpfs, which does not support direct reads before Linux 6.6.
    Path directory = Files.createTempDirectory(Path.of("target").toAbsolutePath(), "loop-");
    Path path = directory.resolve("file");
    try (Fd file = open(Files.write(path, new byte[IMAGE_BYTES]));
        Fd device = Loop.attach(file, BLOCK_BYTES, true)) {
      assertThat(Loop.status(device).directIo()).isTrue();
    } finally {
      Files.delete(path);
      Files.delete(directory);
    }
  }

  @Test
  void blocksOfAnotherSizeAreRefused() throws Exception {
    try (Fd file = open(Files.write(temporary.resolve("file"), new byte[BLOCK_BYTES]))) {
      assertFails("LOOP_CONFIGURE", Errno.EINVAL, () -> Loop.attach(file, BLOCK_BYTES - 1, false));
    }
  }

  @Test
  void whatIsNoLoopDeviceSaysSo() throws Exception {
    try (Fd file = open(Files.write(temporary.resolve("file"), new byte[BLOCK_BYTES]));
        Fd control = Fcntl.open(CONTROL, OpenFlag.READ_WRITE);
        Fd unused = Fcntl.open(Loop.path(Loop.getFree(control)))) {
      assertFails("LOOP_CTL_GET_FREE", Errno.ENOTTY, () -> Loop.getFree(file));
      assertFails("LOOP_CONFIGURE", Errno.ENOTTY, () -> Loop.configure(file, file, 512, false));
      assertFails("LOOP_GET_STATUS64", Errno.ENOTTY, () -> Loop.status(file));
      assertFails("LOOP_GET_STATUS64", Errno.ENXIO, () -> Loop.status(unused));
    }
  }

  @Test
  void everyoneWhoAttachesAtOnceGetsADeviceOfHisOwn() throws Exception {
    Path path = Files.write(temporary.resolve("file"), new byte[BLOCK_BYTES]);
    List<Fd> devices = new ArrayList<>();
    try (Fd file = open(path)) {
      List<Thread> threads = new ArrayList<>();
      for (int i = 0; i < 8; i++) {
        threads.add(
            Thread.ofPlatform()
                .start(
                    () -> {
                      for (int j = 0; j < 4; j++) {
                        try {
                          Fd device = Loop.attach(file, BLOCK_BYTES, false);
                          synchronized (devices) {
                            devices.add(device);
                          }
                        } catch (ErrnoException e) {
                          return;
                        }
                      }
                    }));
      }
      for (Thread thread : threads) {
        thread.join();
      }
      assertThat(devices).hasSize(32).extracting(Fd::path).doesNotHaveDuplicates();
    } finally {
      devices.forEach(Fd::close);
    }
  }

  @Test
  void mountKeepsItsDeviceAndTheTableNamesBoth() throws Exception {
    Path image = temporary.resolve("image with space");
    Files.write(image, new byte[IMAGE_BYTES]);
    Programs.run("mkfs.ext4", "-q", "-F", "-O", "^has_journal", image.toString());
    LinuxPath target = LinuxPath.of(Files.createDirectory(temporary.resolve("to\\here\tnow")));
    LinuxPath node;
    try (Fd file = open(image);
        Fd device = Loop.attach(file, BLOCK_BYTES, false)) {
      node = device.path();
      Mounts.mount(node, target, "ext4", Set.of(MountFlag.READ_ONLY, MountFlag.NO_EXEC), "");
    }
    MountEntry mount =
        MountTable.read().stream()
            .filter(each -> each.mountPoint().equals(target))
            .findFirst()
            .orElseThrow();
    FileStatus top = Stat.statx(Fd.CURRENT_DIRECTORY, target);
    assertThat(mount.source()).isEqualTo(node);
    assertThat(mount.device()).isEqualTo(top.device());
    assertThat(Loop.nodeOf(top.device())).contains(node);
    assertThat(Loop.nodeOf(Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of("/proc")).device()))
        .isEmpty();
    assertThat(mount.id()).isEqualTo((int) top.mountId());
    assertThat(mount.root()).isEqualTo(LinuxPath.of("/"));
    assertThat(mount.type()).isEqualTo("ext4");
    assertThat(mount.options()).contains("ro", "noexec");
    assertThat(mount.isShared()).isFalse();
    try (Fd device = Fcntl.open(node)) {
      assertThat(Loop.status(device).autoClear()).isTrue();
    }
    Mounts.mountSetattr(Fd.CURRENT_DIRECTORY, target, MountChange.propagating(Propagation.SHARED));
    Mounts.mount(LinuxPath.of("over"), target, "tmpfs", Set.of(), "");
    List<MountEntry> both =
        MountTable.read().stream().filter(each -> each.mountPoint().equals(target)).toList();
    assertThat(both).hasSize(2);
    MountEntry below =
        both.stream().filter(each -> each.id() == mount.id()).findFirst().orElseThrow();
    MountEntry above =
        both.stream().filter(each -> each.id() != mount.id()).findFirst().orElseThrow();
    assertThat(above.parentId()).isEqualTo(below.id());
    assertThat(below.isShared()).isTrue();
    Mounts.umount2(target);
    Mounts.umount2(target);
    awaitFree(node, image);
  }

  private static Fd open(Path path) throws ErrnoException {
    return Fcntl.open(LinuxPath.of(path));
  }

  private static void writeTo(LinuxPath node) throws ErrnoException {
    try (Fd device = Fcntl.open(node, OpenFlag.READ_WRITE)) {
      Unistd.write(device, ByteBuffer.allocate(BLOCK_BYTES));
    }
  }

  /** Waits until the device is free. A device reused meanwhile has another file. */
  private static void awaitFree(LinuxPath node, Path file)
      throws IOException, InterruptedException {
    for (int waited = 0; ; waited++) {
      try (Fd device = Fcntl.open(node)) {
        if (!Loop.status(device).shows(Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of(file)))) {
          return;
        }
      } catch (ErrnoException e) {
        assertThat(e.errno()).isEqualTo(Errno.ENXIO);
        return;
      }
      assertThat(waited).isLessThan(WAIT_MILLIS_MAX);
      TimeUnit.MILLISECONDS.sleep(1);
    }
  }
}
