package io.gatun.snapshot.engine;

import io.gatun.linux.AtFlag;
import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fcntl;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.OpenFlag;
import io.gatun.linux.Stat;
import io.gatun.linux.Unistd;
import io.gatun.snapshot.disk.Disk;
import io.gatun.snapshot.disk.Root;
import java.nio.ByteBuffer;
import java.util.Optional;

/**
 * Keeps with a snapshot what is known of the layer that was unpacked into it, in {@code
 * snapshots/ID/applied}, so that a daemon that was started since can commit it in the same way.
 *
 * <p>The file is written when the layer is on the disk, under another name, and gets its name when
 * it is there itself: a crash in between leaves nothing that says more than is so.
 */
final class AppliedRecords {

  private static final LinuxPath NAME = LinuxPath.of("applied");
  private static final LinuxPath NEW_NAME = LinuxPath.of("applied.new");

  private static final int MODE = 0600;

  private final Disk disk;
  private final Root root;
  private final String boot;

  /**
   * @param boot what identifies this start of the machine
   */
  AppliedRecords(Disk disk, Root root, String boot) {
    this.disk = disk;
    this.root = root;
    this.boot = boot;
  }

  /** Keeps what is known of a layer; durably, if the layer itself is on the disk. */
  void keep(long id, AppliedLayers.Layer layer) throws ErrnoException {
    ByteBuffer content = new AppliedRecord(layer, boot).encode();
    try (Fd directory = open(id)) {
      removeIfPresent(directory, NEW_NAME);
      try (Fd file = disk.createFile(directory, NEW_NAME, MODE)) {
        long at = 0;
        while (content.hasRemaining()) {
          at += disk.write(file, content, at);
        }
        if (layer.isDurable()) {
          disk.sync(file);
        }
      }
      disk.replace(directory, NEW_NAME, directory, NAME);
      if (layer.isDurable()) {
        disk.sync(directory);
      }
    }
  }

  /**
   * {@return what is known of the layer in a snapshot}
   *
   * <p>What was not on the disk is forgotten when the machine is started anew.
   */
  Optional<AppliedLayers.Layer> find(long id) throws ErrnoException {
    try (Fd directory = open(id)) {
      if (!isPresent(directory, NAME)) {
        return Optional.empty();
      }
      try (Fd file = Fcntl.openat(directory, NAME, OpenFlag.READ_ONLY, OpenFlag.NO_FOLLOW)) {
        return AppliedRecord.decode(read(file))
            .filter(known -> known.layer().isDurable() || known.boot().equals(boot))
            .map(AppliedRecord::layer);
      }
    }
  }

  private static ByteBuffer read(Fd file) throws ErrnoException {
    ByteBuffer content = ByteBuffer.allocateDirect(Math.toIntExact(Stat.statx(file).sizeBytes()));
    while (content.hasRemaining() && Unistd.pread(file, content, content.position()) > 0) {
      // The kernel may give less than is asked for.
    }
    return content.flip();
  }

  /** Forgets a layer, so that no crash brings back what was known of it. */
  void forget(long id) throws ErrnoException {
    try (Fd directory = open(id)) {
      if (removeIfPresent(directory, NAME)) {
        disk.sync(directory);
      }
    }
  }

  /** Removes what nobody asks for any more. */
  void discard(long id) throws ErrnoException {
    try (Fd directory = open(id)) {
      removeIfPresent(directory, NAME);
    }
  }

  private Fd open(long id) throws ErrnoException {
    return root.openDirectory(root.snapshots(), Root.snapshotName(id));
  }

  private boolean removeIfPresent(Fd directory, LinuxPath name) throws ErrnoException {
    if (!isPresent(directory, name)) {
      return false;
    }
    try {
      disk.removeFile(directory, name);
    } catch (ErrnoException e) {
      // Two may ask for the mounts of a snapshot at a time.
      if (!e.is(Errno.ENOENT)) {
        throw e;
      }
    }
    return true;
  }

  private static boolean isPresent(Fd directory, LinuxPath name) throws ErrnoException {
    return Stat.tryStatx(directory, name, AtFlag.SYMLINK_NOFOLLOW).isPresent();
  }
}
