package io.gatun.snapshot.layer.erofs;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.MountFlag;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.fixture.Pieces;
import io.gatun.snapshot.layer.entry.InheritedAttributes;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LayerReader;
import io.gatun.snapshot.layer.entry.LowerAttributes;
import io.gatun.snapshot.layer.index.LayerIndex;
import io.gatun.snapshot.layer.index.LayerIndexer;
import io.gatun.snapshot.layer.tar.TarReader;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.spill.Spill;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.Optional;
import java.util.Set;

/** A tar and its index in files of a directory. */
public final class TestIndex {

  /** Odd, so that pieces do not end at block boundaries. */
  private static final int PIECE_BYTES = 1_000_001;

  private static final LinuxPath INDEX = LinuxPath.of("index");

  private final Path directory;
  private final LayerIndex result;

  private TestIndex(Path directory, LayerIndex result) {
    this.directory = directory;
    this.result = result;
  }

  /** The parameters of an index. */
  public record Making(
      IndexForm form,
      InheritedAttributes top,
      LowerAttributes lowerAttributes,
      Disk disk,
      long residentBytes) {

    public static Making of(IndexForm form) {
      return new Making(
          form,
          InheritedAttributes.ofTop(),
          LowerAttributes.NOTHING,
          new LinuxDisk(),
          LayerIndexer.RESIDENT_BYTES);
    }

    public Making inheriting(LowerAttributes newLowerAttributes) {
      return new Making(form, top, newLowerAttributes, disk, residentBytes);
    }

    public Making on(Disk newDisk) {
      return new Making(form, top, lowerAttributes, newDisk, residentBytes);
    }

    public Making keeping(long newResidentBytes) {
      return new Making(form, top, lowerAttributes, disk, newResidentBytes);
    }
  }

  /** {@return the index of a tar, both in a directory that is created} */
  public static TestIndex of(Path directory, IndexForm form, byte[] tar) throws IOException {
    return of(directory, Making.of(form), tar);
  }

  public static TestIndex of(Path directory, Making task, byte[] tar) throws IOException {
    Files.createDirectories(directory);
    Files.write(directory.resolve("tar"), tar);
    LayerReader reader = new LayerReader(new TarReader(new Pieces(tar, PIECE_BYTES)));
    try (Fd at = Fcntl.open(LinuxPath.of(directory), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
        LayerIndexer indexer =
            new LayerIndexer(
                task.form(),
                task.top(),
                task.lowerAttributes(),
                new Spill(task.disk(), at),
                task.residentBytes())) {
      for (Optional<LayerEntry> next = reader.next(); next.isPresent(); next = reader.next()) {
        indexer.entry(next.get(), reader::content);
      }
      try (Fd file = task.disk().createFile(at, INDEX, 0600)) {
        return new TestIndex(directory, indexer.finish(task.disk(), file, digest(tar), tar.length));
      }
    }
  }

  public static Digest digest(byte[] bytes) {
    MessageDigest hash = Digest.sha256();
    hash.update(bytes);
    return Digest.of(hash);
  }

  public LayerIndex result() {
    return result;
  }

  Path index() {
    return directory.resolve("index");
  }

  public Path tar() {
    return directory.resolve("tar");
  }

  public byte[] bytes() throws IOException {
    return Files.readAllBytes(index());
  }

  /** A mount of an index by the kernel, directly from the files. */
  static final class Mounted implements AutoCloseable {
    private final Path target;

    private Mounted(Path target) {
      this.target = target;
    }

    /** {@return the root of the layer} */
    Path files() {
      return target.resolve("fs");
    }

    Path root() {
      return target;
    }

    @Override
    public void close() throws ErrnoException {
      Mounts.umount2(LinuxPath.of(target), UnmountFlag.DETACH);
    }
  }

  Mounted mount() throws IOException {
    Path target = Files.createDirectories(directory.resolve("mounted"));
    Mounts.mount(
        LinuxPath.of(index()),
        LinuxPath.of(target),
        "erofs",
        Set.of(MountFlag.READ_ONLY),
        "device=" + tar());
    return new Mounted(target);
  }
}
