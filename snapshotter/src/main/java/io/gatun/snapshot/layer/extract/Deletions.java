package io.gatun.snapshot.layer.extract;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.AtFlag;
import io.gatun.linux.file.DirectoryEntry;
import io.gatun.linux.file.DirectoryReader;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.lower.SecureOpen;
import io.gatun.snapshot.spill.PagedMemory;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.Optional;

/** How a tree represents the deletions of a layer. */
sealed interface Deletions {

  /** Hides the lower entry of a name, and removes what the layer itself has written there. */
  void whiteout(OpenDirectory parent, LayerEntry.Whiteout entry) throws ErrnoException;

  /**
   * Hides the lower content of a directory, but nothing that this layer writes there before or
   * after.
   */
  void opaque(OpenDirectory directory) throws ErrnoException;

  /** {@return whether a name exists only to hide a lower entry} */
  default boolean isWhiteout(OpenDirectory parent, LinuxPath name) throws ErrnoException {
    return false;
  }

  /**
   * Hides the lower content of a new directory that replaces a whiteout: the layer deleted the name
   * and then created it again.
   */
  default void hideBelow(Fd directory) throws ErrnoException {}

  /** {@return whether marks were written into the tree, even if some were removed again} */
  default boolean hasMarks() {
    return false;
  }

  /** Records that the layer has an entry in a directory. */
  default void entered(OpenDirectory directory) throws ErrnoException {}

  /** Records a path that this layer is about to write. */
  default void writes(OpenDirectory parent, LinuxPath name) throws ErrnoException {}

  /**
   * Represents deletions as in the upper directory of an overlay
   * (Documentation/filesystems/overlayfs.rst, "whiteouts and opaque directories").
   */
  final class Overlay implements Deletions {

    private static final byte[] YES = {'y'};

    private final Extraction layer;
    private final LinuxPath opaqueAttribute;
    private boolean hasMarks;

    Overlay(Extraction layer, String opaqueAttribute) {
      this.layer = layer;
      this.opaqueAttribute = LinuxPath.of(opaqueAttribute);
    }

    @Override
    public void whiteout(OpenDirectory parent, LayerEntry.Whiteout entry) throws ErrnoException {
      LinuxPath name = entry.path().name();
      try {
        create(parent, name);
      } catch (ErrnoException e) {
        if (!e.is(Errno.EEXIST)) {
          throw e;
        }
        layer.remove(parent.fd(), name);
        create(parent, name);
      }
      boolean isOwner =
          entry.uid() == layer.ownership().uid() && entry.gid() == layer.ownership().gid();
      if (!parent.isPlain() || !isOwner) {
        layer.disk().setOwner(parent.fd(), name, entry.uid(), entry.gid());
      }
      layer.tally().addEmpty();
    }

    private void create(OpenDirectory parent, LinuxPath name) throws ErrnoException {
      hasMarks = true;
      layer.disk().createNode(parent.fd(), name, NodeType.CHARACTER_DEVICE, 0, 0, 0);
    }

    @Override
    public void opaque(OpenDirectory directory) throws ErrnoException {
      hideBelow(directory.fd());
    }

    @Override
    public boolean isWhiteout(OpenDirectory parent, LinuxPath name) throws ErrnoException {
      Optional<FileStatus> status = Stat.tryStatx(parent.fd(), name, AtFlag.SYMLINK_NOFOLLOW);
      return status.isPresent()
          && status.get().type() == NodeType.CHARACTER_DEVICE
          && status.get().rdevMajor() == 0
          && status.get().rdevMinor() == 0;
    }

    @Override
    public void hideBelow(Fd directory) throws ErrnoException {
      hasMarks = true;
      layer.disk().setXattr(directory, opaqueAttribute, YES);
    }

    @Override
    public boolean hasMarks() {
      return hasMarks;
    }
  }

  /**
   * Applies deletions to a copy of the lower layers by deleting files, which leaves no marks.
   *
   * <p>An opaque directory keeps what this layer has written below it, before or after the mark,
   * and the directories on the way to it.
   */
  final class InPlace implements Deletions {

    private final Extraction layer;
    private final WrittenPaths written;
    private final DirectoryReader reader = new DirectoryReader();

    InPlace(Extraction layer, PagedMemory memory) {
      this.layer = layer;
      this.written = new WrittenPaths(memory);
    }

    @Override
    public void whiteout(OpenDirectory parent, LayerEntry.Whiteout entry) throws ErrnoException {
      layer.remove(parent.fd(), entry.path().name());
    }

    @Override
    public void opaque(OpenDirectory directory) throws ErrnoException {
      Deque<LinuxPath> ahead = new ArrayDeque<>(List.of(directory.path()));
      while (!ahead.isEmpty()) {
        LinuxPath path = ahead.pop();
        try (Fd fd = SecureOpen.open(layer.top().fd(), path)) {
          for (DirectoryEntry entry : reader.all(fd)) {
            if (!written.contains(path, entry.name())) {
              layer.remove(fd, entry.name());
            } else if (isDirectory(fd, entry)) {
              ahead.push(path.resolve(entry.name()));
            }
          }
        }
      }
    }

    private static boolean isDirectory(Fd parent, DirectoryEntry entry) throws ErrnoException {
      return entry.type() == NodeType.DIRECTORY
          || (entry.type() == NodeType.UNKNOWN
              && Stat.statx(parent, entry.name(), AtFlag.SYMLINK_NOFOLLOW).type()
                  == NodeType.DIRECTORY);
    }

    @Override
    public void entered(OpenDirectory directory) throws ErrnoException {
      written.addWithAllAbove(directory.path());
    }

    @Override
    public void writes(OpenDirectory parent, LinuxPath name) throws ErrnoException {
      written.add(parent.path(), name);
    }
  }
}
