package io.gatun.snapshot.layerstore;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.Ioctl;
import io.gatun.linux.file.Ioctl.InodeFlag;
import io.gatun.snapshot.Digest;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.fixture.DescriptorFlags;
import io.gatun.snapshot.fixture.LoopFilesystem;
import io.gatun.snapshot.fixture.LoopFilesystems;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layerstore.tar.LayerStoreException;
import io.gatun.snapshot.root.Disk;
import io.gatun.snapshot.root.FileProtection;
import io.gatun.snapshot.root.ForwardingDisk;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Layers whose files Gatun protects. */
final class LayerProtectionIT {

  @RegisterExtension static final LoopFilesystems FILESYSTEMS = new LoopFilesystems();

  private static final byte[] LAYER =
      TarBuilder.pax().file("file", 0644, "content").whiteout("gone").finish();

  private static TestStore store(Disk disk, LoopFilesystem.Kind kind, FileProtection protection)
      throws Exception {
    return new TestStore(
        disk, FILESYSTEMS.of(kind).createDirectory("protection"), false, protection);
  }

  private static List<Path> filesOf(Path layer) throws IOException {
    try (Stream<Path> files = Files.list(layer)) {
      return files.filter(file -> !file.getFileName().toString().startsWith("blob-")).toList();
    }
  }

  private static List<Path> immutable(Path layer) throws IOException {
    List<Path> immutable = new ArrayList<>();
    for (Path file : filesOf(layer)) {
      if (isImmutable(file)) {
        immutable.add(file);
      }
    }
    return immutable;
  }

  private static boolean isImmutable(Path file) throws ErrnoException {
    try (Fd open = Fcntl.open(LinuxPath.of(file))) {
      return Ioctl.inodeFlags(open).contains(InodeFlag.IMMUTABLE);
    }
  }

  @ParameterizedTest
  @EnumSource
  void nobodyCanChangeALayerAndItIsReplacedAndGoesAllTheSame(LoopFilesystem.Kind kind)
      throws Exception {
    LinuxDisk disk = new LinuxDisk();
    try (TestStore store = store(disk, kind, FileProtection.IMMUTABLE)) {
      Digest diffId = store.keep(LAYER).layer().diffId();
      Digest further = store.addIndex(diffId, true);
      assertThat(filesOf(store.layer(diffId))).hasSize(3);
      assertThat(immutable(store.layer(diffId))).hasSize(3);
      assertThatThrownBy(() -> Files.write(store.tar(diffId), new byte[1]))
          .hasMessageContaining("Operation not permitted");

      store.store().distrust(diffId);
      store.keep(LAYER);
      assertThat(store.tar(diffId)).hasBinaryContent(LAYER);
      assertThat(isImmutable(store.tar(diffId))).isTrue();

      assertThat(store.store().collect(diffId, Set.of(further))).isEmpty();
      assertThat(store.store().indexes(diffId)).containsExactly(further);
      LinuxPath name = store.store().collect(diffId, Set.of()).orElseThrow();
      TreeDeletion.delete(disk, store.root().trash(), name);
      assertThat(store.root().trashPath()).isEmptyDirectory();
    }
  }

  @Test
  void withoutProtectionFilesAreAsTheyWere() throws Exception {
    try (TestStore store = store(new LinuxDisk(), LoopFilesystem.Kind.EXT4, FileProtection.NONE)) {
      Digest diffId = store.keep(LAYER).layer().diffId();
      assertThat(filesOf(store.layer(diffId))).hasSize(2);
      assertThat(immutable(store.layer(diffId))).isEmpty();
    }
  }

  /** The kernel refuses a file that is open for writing anywhere. */
  @Test
  void theKernelIsAskedToVerifyEachFileOnceItIsComplete() throws Exception {
    List<String> verified = new ArrayList<>();
    Disk disk =
        new ForwardingDisk(new LinuxDisk()) {
          @Override
          public void enableVerity(Fd file) throws ErrnoException {
            Path path = Path.of("/proc/self/fd/" + file.number()).toAbsolutePath();
            try {
              Path target = Files.readSymbolicLink(path);
              verified.add(target.getFileName() + " " + Files.size(target));
              assertThat(writersOf(target)).isEmpty();
            } catch (IOException e) {
              throw new AssertionError(e);
            }
          }
        };
    try (TestStore store = store(disk, LoopFilesystem.Kind.EXT4, FileProtection.VERITY)) {
      Digest diffId = store.keep(LAYER).layer().diffId();
      store.addIndex(diffId, true);
      List<String> expected = new ArrayList<>();
      for (Path file : filesOf(store.layer(diffId))) {
        expected.add(file.getFileName() + " " + Files.size(file));
      }
      assertThat(verified).hasSize(3).containsExactlyInAnyOrderElementsOf(expected);
    }
  }

  /** Descriptors of this process that can write a file. */
  private static List<String> writersOf(Path file) throws IOException {
    List<String> writers = new ArrayList<>();
    try (Stream<Path> descriptors = Files.list(Path.of("/proc/self/fd"))) {
      for (Path descriptor : descriptors.toList()) {
        if (Files.isSymbolicLink(descriptor)
            && Files.readSymbolicLink(descriptor).equals(file)
            && DescriptorFlags.areForWriting(
                Integer.parseInt(descriptor.getFileName().toString()))) {
          writers.add(descriptor.toString());
        }
      }
    }
    return writers;
  }

  @ParameterizedTest
  @EnumSource(names = {"IMMUTABLE", "VERITY"})
  void aLayerThatCannotBeProtectedIsRefusedAndCanBeTriedAgain(FileProtection protection)
      throws Exception {
    List<String> failing = new ArrayList<>(List.of("tar"));
    List<String> asked = new ArrayList<>();
    Disk disk =
        new ForwardingDisk(new LinuxDisk()) {
          @Override
          public void addInodeFlags(Fd file, Set<InodeFlag> flags) throws ErrnoException {
            if (flags.contains(InodeFlag.IMMUTABLE)) {
              enableVerity(file);
            } else {
              super.addInodeFlags(file, flags);
            }
          }

          @Override
          public void enableVerity(Fd file) throws ErrnoException {
            asked.add(file.path().toString());
            if (failing.removeIf(file.path().toString()::endsWith)) {
              throw new ErrnoException("ioctl", Errno.EIO, file.path());
            }
          }
        };
    try (TestStore store = store(disk, LoopFilesystem.Kind.EXT4, protection)) {
      assertThatThrownBy(() -> store.keep(LAYER))
          .isInstanceOf(LayerStoreException.class)
          .hasMessageContaining("cannot store layer sha256:")
          .hasMessageContaining("/tar: EIO");
      assertThat(failing).isEmpty();
      Digest diffId = store.keep(LAYER).layer().diffId();
      assertThat(store.store().isVerified(diffId)).isTrue();
      assertThat(asked).hasSize(3).last(STRING).contains("/index-");
      assertThat(TestStore.names(store.layers()))
          .contains(diffId.hex() + "/tar")
          .noneMatch(name -> name.endsWith(".new"));
    }
  }
}
