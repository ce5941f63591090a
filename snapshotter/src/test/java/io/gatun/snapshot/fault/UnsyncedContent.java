package io.gatun.snapshot.fault;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.Stat;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;

/** Files whose content on the disk may differ from what is read. */
final class UnsyncedContent {

  private static final int SECTOR_BYTES = 512;
  private static final String MAPPED_SUFFIX = ".index";

  private record Inode(long device, long number) {
    static Inode of(FileStatus status) {
      return new Inode(status.device(), status.inode());
    }
  }

  /** What a power cut may leave of one file. */
  private static final class Content {
    private byte[] onDisk;

    /** Which are still to be written. */
    private final BitSet dirtySectors = new BitSet();

    /** Which a failed sync has dropped. */
    private final BitSet lostSectors = new BitSet();

    Content(byte[] onDisk) {
      this.onDisk = onDisk;
    }

    void dirty(long from, long to) {
      int first = sector(from);
      int end = sector(to + SECTOR_BYTES - 1);
      dirtySectors.set(first, end);
      lostSectors.clear(first, end);
    }

    void synced(byte[] inMemory) {
      byte[] written = Arrays.copyOf(onDisk, inMemory.length);
      dirtySectors.stream().forEach(sector -> copySector(inMemory, written, sector));
      onDisk = written;
      dirtySectors.clear();
    }

    void dropped() {
      lostSectors.or(dirtySectors);
      dirtySectors.clear();
    }

    /** {@return some of what is in memory, and some of what is on disk} */
    byte[] mixed(byte[] inMemory, Random random) {
      int size = random.nextBoolean() ? inMemory.length : onDisk.length;
      byte[] result = Arrays.copyOf(onDisk, size);
      BitSet unwritten = (BitSet) dirtySectors.clone();
      unwritten.or(lostSectors);
      unwritten.stream()
          .filter(_ -> random.nextBoolean())
          .forEach(sector -> copySector(inMemory, result, sector));
      return result;
    }

    private static void copySector(byte[] from, byte[] to, int sector) {
      int start = sector * SECTOR_BYTES;
      int length = Math.min(SECTOR_BYTES, Math.min(from.length, to.length) - start);
      if (length > 0) {
        System.arraycopy(from, start, to, start, length);
      }
    }

    private static int sector(long offset) {
      return Math.toIntExact(offset / SECTOR_BYTES);
    }
  }

  private final Map<Inode, Content> contents = new HashMap<>();

  void created(Fd file) throws ErrnoException {
    contents.put(Inode.of(Stat.statx(file)), new Content(new byte[0]));
  }

  /** Takes note of a file that another process created and wrote. */
  void created(Path file) throws IOException {
    Content content = new Content(new byte[0]);
    content.dirty(0, Files.size(file));
    contents.put(inode(file), content);
  }

  /** To be called before something is written: what the disk has so far may have to come back. */
  void touch(Fd file) throws ErrnoException {
    contents.computeIfAbsent(Inode.of(Stat.statx(file)), _ -> new Content(read(file)));
  }

  void wrote(Fd file, long offset, long length) throws ErrnoException {
    content(file).dirty(offset, offset + length);
  }

  void wroteAll(Fd file) throws ErrnoException {
    FileStatus status = Stat.statx(file);
    content(file).dirty(0, status.sizeBytes());
  }

  private Content content(Fd file) throws ErrnoException {
    Content content = contents.get(Inode.of(Stat.statx(file)));
    if (content == null) {
      throw new IllegalStateException(file + " was not touched before it was written");
    }
    return content;
  }

  void synced(Fd file) throws ErrnoException {
    Content content = contents.get(Inode.of(Stat.statx(file)));
    if (content != null) {
      if (isMapped(RealPath.of(file))) {
        content.dirty(0, Stat.statx(file).sizeBytes());
      }
      content.synced(read(file));
    }
  }

  /** Takes note that all files below a directory were synced. */
  void syncedAll(Path top) {
    forEach(top, (path, content) -> content.synced(Files.readAllBytes(path)));
  }

  void dropped(Fd file) {
    try {
      Content content = contents.get(Inode.of(Stat.statx(file)));
      if (content != null) {
        content.dropped();
      }
    } catch (ErrnoException e) {
      throw new UncheckedIOException(e);
    }
  }

  void droppedAll() {
    contents.values().forEach(Content::dropped);
  }

  /** Leaves of all files below a directory what is on the disk. */
  void loseAll(Path top) {
    forEach(
        top,
        (path, content) -> {
          if (isMapped(path) && !Arrays.equals(Files.readAllBytes(path), content.onDisk)) {
            fillWithRubbish(path, new Random(0));
          } else if (!isMapped(path)) {
            Files.write(path, content.onDisk);
          }
        });
    contents.clear();
  }

  /** Leaves of all files below a directory what may be on the disk. */
  void loseSome(Path top, Random random) {
    forEach(
        top,
        (path, content) -> {
          byte[] inMemory = Files.readAllBytes(path);
          if (isMapped(path) && !Arrays.equals(inMemory, content.onDisk)) {
            fillWithRubbish(path, random);
          } else if (!isMapped(path)) {
            Files.write(path, content.mixed(inMemory, random));
          }
        });
    contents.clear();
  }

  private static void fillWithRubbish(Path file, Random random) throws IOException {
    byte[] rubbish = new byte[Math.toIntExact(Files.size(file))];
    random.nextBytes(rubbish);
    Files.write(file, rubbish);
  }

  private static boolean isMapped(Path file) {
    return file.toString().endsWith(MAPPED_SUFFIX);
  }

  @FunctionalInterface
  private interface Visitor {
    void visit(Path path, Content content) throws IOException;
  }

  private void forEach(Path top, Visitor visitor) {
    try (Stream<Path> paths = Files.walk(top)) {
      for (Path path : paths.filter(UnsyncedContent::isRegular).sorted().toList()) {
        Content content = contents.get(inode(path));
        if (content != null) {
          visitor.visit(path, content);
        }
      }
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static boolean isRegular(Path path) {
    return Files.isRegularFile(path, LinkOption.NOFOLLOW_LINKS);
  }

  private static Inode inode(Path file) throws ErrnoException {
    return Inode.of(Stat.statx(Fd.CURRENT_DIRECTORY, LinuxPath.of(file)));
  }

  private static byte[] read(Fd file) {
    try {
      return Files.readAllBytes(Path.of("/proc/self/fd/" + file.number()));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
