package io.gatun.snapshot.layerstore;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.Ioctl.InodeFlag;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Layers whose files were protected by an administrator, {@code chattr +i} or {@code +a}. */
final class ProtectedLayersIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final byte[] LAYER =
      TarBuilder.pax().file("file", 0644, "content").whiteout("gone").finish();

  private final LinuxDisk disk = new LinuxDisk();
  private TestStore store;
  private Digest diffId;

  @BeforeEach
  void keepLayer() throws Exception {
    Path root = FILESYSTEMS.of(LoopFilesystem.Kind.EXT4).createDirectory("protected");
    store = new TestStore(disk, root);
    diffId = store.keep(LAYER).layer().diffId();
  }

  @AfterEach
  void close() {
    store.close();
  }

  private void protect(InodeFlag flag, Path file) throws ErrnoException {
    try (Fd open = Fcntl.open(LinuxPath.of(file))) {
      disk.addInodeFlags(open, Set.of(flag));
    }
  }

  private void protectAll(InodeFlag flag) throws IOException {
    Path layer = store.layer(diffId);
    try (Stream<Path> files = Files.list(layer)) {
      for (Path file : files.toList()) {
        protect(flag, file);
      }
    }
    protect(flag, layer);
  }

  @ParameterizedTest
  @EnumSource(names = {"IMMUTABLE", "APPEND_ONLY"})
  void aLayerThatNobodyNeedsGoes(InodeFlag flag) throws Exception {
    protectAll(flag);
    LinuxPath name = store.store().collect(diffId, Set.of()).orElseThrow();
    TreeDeletion.delete(disk, store.root().trash(), name);
    assertThat(TestStore.names(store.layers())).isEmpty();
    assertThat(store.root().trashPath()).isEmptyDirectory();
  }

  @ParameterizedTest
  @EnumSource(names = {"IMMUTABLE", "APPEND_ONLY"})
  void anIndexIsAdded(InodeFlag flag) throws Exception {
    protectAll(flag);
    Set<Digest> before = store.store().indexes(diffId);
    assertThat(before).hasSize(1).doesNotContain(store.addIndex(diffId, true));
    assertThat(store.store().indexes(diffId)).hasSize(2);
  }

  /** With a mark for unsynced files. */
  @ParameterizedTest
  @EnumSource(names = {"IMMUTABLE", "APPEND_ONLY"})
  void anIndexIsAddedUnsynced(InodeFlag flag) throws Exception {
    protectAll(flag);
    Digest added = store.addIndex(diffId, false);
    assertThat(TestStore.names(store.layer(diffId)))
        .contains("index-" + added.hex())
        .anyMatch(name -> name.startsWith("unsynced-"));
  }

  @ParameterizedTest
  @EnumSource(names = {"IMMUTABLE", "APPEND_ONLY"})
  void anIndexThatNobodyNeedsGoes(InodeFlag flag) throws Exception {
    Digest kept = store.addIndex(diffId, true);
    assertThat(store.store().indexes(diffId)).hasSize(2);
    protectAll(flag);
    assertThat(store.store().collect(diffId, Set.of(kept))).isEmpty();
    assertThat(store.store().indexes(diffId)).containsExactly(kept);
  }

  @ParameterizedTest
  @EnumSource(names = {"IMMUTABLE", "APPEND_ONLY"})
  void aDamagedTarIsReplaced(InodeFlag flag) throws Exception {
    Files.write(store.tar(diffId), new byte[LAYER.length]);
    protectAll(flag);
    try (LayerStore.LayerRef ref = store.store().acquire(diffId);
        LayerIngest ingest = store.store().ingest()) {
      store.apply(LAYER, ingest);
      store.store().replaceTar(ref, ingest);
    }
    assertThat(store.tar(diffId)).hasBinaryContent(LAYER);
    assertThat(TestStore.names(store.layers()))
        .filteredOn(name -> name.endsWith("tar"))
        .isEqualTo(List.of(diffId.hex() + "/tar"));
  }
}
