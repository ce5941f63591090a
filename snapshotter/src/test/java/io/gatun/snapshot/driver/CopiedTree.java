package io.gatun.snapshot.driver;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Unistd;
import io.gatun.snapshot.filetree.TreeCopy;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.TreeManifest;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.Random;

/** A tree that a test fills and copies, on one of the filesystems, and its copy. */
public final class CopiedTree implements AutoCloseable {

  private static final int THREADS = 2;

  private final WorkDirectory work;
  private final Path source;
  private final Path target;
  private final Fd top;
  private final Fd copy;

  private CopiedTree(WorkDirectory work) throws IOException {
    this.work = work;
    this.source = work.directory("source");
    this.target = work.directory("target");
    this.top = WorkDirectory.open(source);
    this.copy = WorkDirectory.open(target);
  }

  public static CopiedTree on(LoopFilesystem filesystem) throws IOException {
    return new CopiedTree(WorkDirectory.on(filesystem));
  }

  /** {@return the directory that holds source and target} */
  public Path outside() {
    return work.path();
  }

  Path source() {
    return source;
  }

  /** {@return the root of the original} */
  public Fd top() {
    return top;
  }

  /** {@return the root of the copy} */
  public Fd copy() {
    return copy;
  }

  // Filling.

  public void directory(String name) throws ErrnoException {
    Stat.mkdirat(top, LinuxPath.of(name), 0755);
  }

  public void link(String name, String to) throws ErrnoException {
    Unistd.symlinkat(LinuxPath.of(to), top, LinuxPath.of(name));
  }

  public void node(String name, NodeType type, int major, int minor) throws ErrnoException {
    Stat.mknodat(top, LinuxPath.of(name), type, 0640, major, minor);
  }

  /** Creates a small file. */
  public void file(String name) throws ErrnoException {
    try (Fd file = create(name)) {
      write(file, 0, 10);
    }
  }

  /** {@return a new, empty file} */
  public Fd create(String name) throws ErrnoException {
    return create(top, LinuxPath.of(name));
  }

  public static Fd create(Fd parent, LinuxPath name) throws ErrnoException {
    return Fcntl.openat(
        parent, name, 0644, OpenFlag.READ_WRITE, OpenFlag.CREATE, OpenFlag.EXCLUSIVE);
  }

  /** Writes data without long runs of zeros. */
  public static void write(Fd file, long offset, int length) throws ErrnoException {
    byte[] bytes = new byte[length];
    new Random(offset + length).nextBytes(bytes);
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      Unistd.pwrite(file, buffer, offset + buffer.position());
    }
  }

  // Copying.

  /** Copies the tree and compares everything. */
  public void copyAndCompare() throws ErrnoException {
    copyWith(new LinuxDisk());
    compare();
  }

  public void copyWith(Disk disk) throws ErrnoException {
    copyWith(new TreeCopy(disk, THREADS));
  }

  public void copyWith(TreeCopy treeCopy) throws ErrnoException {
    // The test itself may have opened them since they were created.
    try (Fd from = WorkDirectory.open(source);
        Fd to = WorkDirectory.open(target)) {
      treeCopy.copy(from, to);
    }
  }

  public void compare() throws ErrnoException {
    assertThat(TreeManifest.of(target)).isEqualTo(TreeManifest.of(source));
  }

  /** {@return the status of a file of the copy} */
  public FileStatus copied(String name) throws ErrnoException {
    return Stat.statx(copy, LinuxPath.of(name), AtFlag.SYMLINK_NOFOLLOW);
  }

  @Override
  public void close() {
    top.close();
    copy.close();
    work.close();
  }
}
