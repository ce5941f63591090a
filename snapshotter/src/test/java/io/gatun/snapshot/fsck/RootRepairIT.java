package io.gatun.snapshot.fsck;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.mount.MountTable;
import io.gatun.linux.mount.Mounts;
import io.gatun.linux.mount.Mounts.UnmountFlag;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.layer.index.SampleIndex;
import io.gatun.snapshot.metadata.MetadataStore;
import io.gatun.snapshot.metadata.journal.MetadataSettings;
import io.gatun.snapshot.mount.IdMappedMounts;
import io.gatun.snapshot.mount.IndexAccess;
import io.gatun.snapshot.mount.IndexFilesystem;
import io.gatun.snapshot.mount.IndexMounts;
import io.gatun.snapshot.root.LinuxDisk;
import io.gatun.snapshot.root.Root;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;

/** Repairs of a root on which a daemon has left mounts. */
final class RootRepairIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final MetadataSettings SETTINGS = new MetadataSettings(64, 64 << 10);

  private final LinuxDisk disk = new LinuxDisk();
  private Path root;
  private Path orphan;

  /** A root with a directory without a record. */
  @BeforeEach
  void makeRoot() throws Exception {
    root = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("repair").resolve("root");
    try (Root opened = Root.open(disk, root);
        MetadataStore store = MetadataStore.open(disk, opened.metadataPath(), SETTINGS)) {
      opened.recordDriver("overlay");
      orphan = root.resolve("snapshots").resolve(Long.toString(store.nextId()));
      Files.createDirectory(orphan);
    }
  }

  @AfterEach
  void nothingIsMountedAnyMore() throws ErrnoException {
    assertThat(MountTable.read())
        .extracting(each -> each.mountPoint().toString())
        .noneMatch(each -> each.startsWith(root.toString()));
  }

  private RootRepair.Outcome repair() throws Exception {
    return RootRepair.run(disk, root, SETTINGS, false);
  }

  private void mountLayer() throws Exception {
    Path layer = Files.createDirectory(root.resolveSibling("layer"));
    LinuxPath tarName = LinuxPath.of("tar");
    LinuxPath indexName = LinuxPath.of("index");
    try (Root opened = Root.open(disk, root);
        Fd directory = Fcntl.open(LinuxPath.of(layer), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY)) {
      new SampleIndex().write(disk, directory, tarName, indexName);
      IdMappedMounts idMappedMounts =
          new IdMappedMounts(disk, opened.directory(), opened.snapshots());
      try (Fd tar = Fcntl.openat(directory, tarName);
          Fd index = Fcntl.openat(directory, indexName)) {
        new IndexMounts(
                opened.snapshots(), new IndexFilesystem(IndexAccess.FILE, ""), idMappedMounts)
            .mount(Root.snapshotId(LinuxPath.of(orphan.getFileName().toString())), tar, index);
      }
    }
    assertThat(orphan.resolve("fs")).isNotEmptyDirectory();
  }

  @Test
  void aDirectoryWithoutARecordGoesToTheTrashThoughALayerIsMountedOnIt() throws Exception {
    mountLayer();
    RootRepair.Outcome outcome = repair();
    assertThat(outcome.done())
        .contains("snapshots/%s is in the trash".formatted(orphan.getFileName()));
    assertThat(outcome.remaining().isClean()).isTrue();
    assertThat(orphan).doesNotExist();
    assertThat(root.resolve("trash").resolve(orphan.getFileName())).isEmptyDirectory();
  }

  @Test
  void whatSomebodyElseHasMountedThereIsNamedAndLeftAlone() throws Exception {
    Mounts.mount(LinuxPath.of("tmpfs"), LinuxPath.of(orphan), "tmpfs", Set.of(), "");
    try {
      assertThatThrownBy(this::repair)
          .isInstanceOf(IOException.class)
          .hasMessageContaining(orphan + " is still a mount point (tmpfs)");
    } finally {
      Mounts.umount2(LinuxPath.of(orphan), UnmountFlag.DETACH);
    }
    assertThat(repair().remaining().isClean()).isTrue();
  }
}
