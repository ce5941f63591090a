package io.gatun.snapshot.engine;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.filetree.TreeUsage;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.extract.TreeResult;
import io.gatun.snapshot.layer.lower.ImplicitDirectoryList;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.unpack.DirectorySource;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Writes a few files in place of a layer, for tests of the steps around the writing. */
public final class StandInLayer implements DirectorySource {

  /** An action after all files were written. */
  @FunctionalInterface
  public interface End {
    void come() throws IOException;
  }

  private final Disk disk;
  private final List<String> names;
  private final List<String> deleted;
  private final End end;
  private final List<LayerTarget> targets = new ArrayList<>();

  private StandInLayer(Disk disk, List<String> names, List<String> deleted, End end) {
    this.disk = disk;
    this.names = names;
    this.deleted = deleted;
    this.end = end;
  }

  /** {@return a layer of top-level files that contain their own names} */
  public static StandInLayer of(Disk disk, String... names) {
    return new StandInLayer(disk, List.of(names), List.of(), () -> {});
  }

  /** {@return a copy with this action at the end} */
  public StandInLayer ending(End other) {
    return new StandInLayer(disk, names, deleted, other);
  }

  /** {@return a copy that first deletes these files} */
  StandInLayer deleting(String... others) {
    return new StandInLayer(disk, names, List.of(others), end);
  }

  /** {@return the targets that it was written to} */
  List<LayerTarget> targets() {
    return targets;
  }

  @Override
  public TreeResult write(LayerTarget target, boolean isSyncedAfterwards) throws IOException {
    targets.add(target);
    try (Fd top = open(target)) {
      for (String name : deleted) {
        TreeDeletion.delete(disk, top, LinuxPath.of(name));
      }
      for (String name : names) {
        try (Fd file = disk.createFile(top, LinuxPath.of(name), 0644)) {
          disk.write(file, direct(name), 0);
        }
      }
      end.come();
    }
    try (Fd top = open(target)) {
      return new TreeResult(TreeUsage.of(top), Optional.of(ImplicitDirectoryList.EMPTY), false);
    }
  }

  private static ByteBuffer direct(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return ByteBuffer.allocateDirect(bytes.length).put(bytes).flip();
  }

  private static Fd open(LayerTarget target) throws ErrnoException {
    return Fcntl.open(target.files(), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
  }
}
