package io.gatun.server.process;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.proto.snapshots.CleanupRequest;
import io.gatun.proto.snapshots.Info;
import io.gatun.proto.snapshots.Kind;
import io.gatun.proto.snapshots.MountsRequest;
import io.gatun.proto.snapshots.UpdateSnapshotRequest;
import io.gatun.proto.snapshots.UsageRequest;
import io.gatun.proto.types.Descriptor;
import io.gatun.proto.types.Mount;
import io.gatun.server.content.StandInContainerd;
import io.gatun.server.powercut.Filesystem;
import io.gatun.server.powercut.LoopMount;
import io.gatun.snapshot.fsck.RootCheck;
import io.grpc.Status;
import io.grpc.StatusRuntimeException;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** A daemon whose disk is full to the last block, and later has space again. */
@Timeout(1_800)
final class FullDiskIT {

  private static final long DISK_BYTES = 512L << 20;
  private static final int CONTAINERS = 20;
  private static final int PREPARES_MAX = 1_000;
  private static final int UPDATES_MAX = 5_000;
  private static final int LABELS = 15;
  private static final int LABEL_CHARACTERS = 4_000;
  private static final int LAYER_BYTES = 8 << 20;
  private static final int LEFT_BYTES = 2 << 20;
  private static final String EXTRACTION = "k8s.io/1/extract-123456789-abcd sha256:01";

  @TempDir Path directory;

  private Path root = Path.of("");
  private Path volume = Path.of("");
  private Path layer = Path.of("");
  private int updates;

  private LoopMount mount(Filesystem filesystem) throws IOException {
    Path image = directory.resolve("disk.img");
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(DISK_BYTES);
    }
    filesystem.make(image);
    volume = Files.createDirectory(directory.resolve("volume"));
    root = volume.resolve("root");
    return LoopMount.mount(filesystem, image, volume);
  }

  private GatunProcess.Setup setup(String driver) {
    return GatunProcess.Setup.in(directory)
        .with("--root", root.toString(), "--driver", driver)
        .configured("metadata_entries_max = 1000");
  }

  private static void assertExhausted(ThrowingCallable request) {
    assertThatThrownBy(request)
        .isInstanceOfSatisfying(
            StatusRuntimeException.class,
            e -> {
              assertThat(e.getStatus().getCode()).isEqualTo(Status.Code.RESOURCE_EXHAUSTED);
              assertThat(e.getStatus().getDescription()).contains("ENOSPC");
            });
  }

  /** Updates a record; more labels take more of the journal. */
  private void update(Client client, String name, int labels) {
    updates++;
    Info.Builder info = Info.newBuilder().setName(name);
    for (int i = 0; i < labels; i++) {
      info.putLabels("label" + i, Integer.toString(updates % 10).repeat(LABEL_CHARACTERS));
    }
    var _ = client.calls().update(UpdateSnapshotRequest.newBuilder().setInfo(info).build());
  }

  private static List<Mount> mounts(Client client, String key) {
    return client.calls().mounts(MountsRequest.newBuilder().setKey(key).build()).getMountsList();
  }

  private static void assertReads(Client client) {
    assertThat(client.stat("base").getKind()).isEqualTo(Kind.COMMITTED);
    assertThat(mounts(client, "active")).hasSize(1);
    assertThat(client.calls().usage(UsageRequest.newBuilder().setKey("base").build()).getInodes())
        .isEqualTo(2);
    assertThat(client.list()).extracting(Info::getName).contains("base", "active");
  }

  private static void cleanUp(Client client) {
    var _ = client.calls().cleanup(CleanupRequest.getDefaultInstance());
  }

  private List<Path> entries(String name) throws IOException {
    try (Stream<Path> entries = Files.list(root.resolve(name))) {
      return entries.toList();
    }
  }

  private long checkpoint() throws IOException {
    return entries("metadata").stream()
        .map(file -> file.getFileName().toString())
        .filter(name -> name.matches("checkpoint-[0-9]+"))
        .mapToLong(name -> Long.parseLong(name.substring("checkpoint-".length())))
        .max()
        .orElseThrow();
  }

  private void assertSound(GatunProcess daemon) throws Exception {
    assertThat(daemon.isAlive()).isTrue();
    daemon.signal("TERM");
    assertThat(daemon.awaitEnd()).isZero();
    assertThat(RootCheck.of(root).findings()).isEmpty();
  }

  @ParameterizedTest
  @EnumSource(names = {"EXT4", "XFS"})
  void nothingIsMadeAndEverythingElseIsDone(Filesystem filesystem) throws Exception {
    try (LoopMount _ = mount(filesystem);
        GatunProcess daemon = GatunProcess.serve(setup("overlay"));
        Client client = daemon.client()) {
      makeSnapshots(client);
      try (FullDisk _ = FullDisk.of(volume, 0)) {
        // Directories may exist in advance.
        assertExhausted(
            () -> {
              for (int i = 0; i < PREPARES_MAX; i++) {
                client.prepare("new-" + i, "base");
              }
            });
        assertReads(client);
        // The journal and the layer have their blocks already.
        update(client, "base", LABELS);
        client.commit("child", "active");
        removeContainers(client);
        client.list().stream()
            .map(Info::getName)
            .filter(name -> name.startsWith("new-"))
            .forEach(client::remove);
        // Directories created in advance are deleted after ten seconds without demand.
        while (entries("snapshots").size() > 2) {
          Thread.sleep(100);
        }
        assertThat(entries("snapshots")).hasSize(2);
        cleanUp(client);
        assertThat(entries("trash")).isEmpty();
      }
      client.prepare("new", "child");
      assertSound(daemon);
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"EXT4", "XFS"})
  void journalThatCannotGoOnTakesRemovalsAloneUntilThereIsRoom(Filesystem filesystem)
      throws Exception {
    GatunProcess.Setup setup;
    List<Info> last;
    try (LoopMount _ = mount(filesystem)) {
      setup = setup("overlay");
      try (GatunProcess daemon = GatunProcess.serve(setup);
          Client client = daemon.client()) {
        makeSnapshots(client);
        try (FullDisk full = FullDisk.of(volume, 0)) {
          // First records that take much of the journal, then those that fit into the rest.
          for (int labels : new int[] {LABELS, 0}) {
            assertExhausted(
                () -> {
                  for (int i = 0; i < UPDATES_MAX; i++) {
                    update(client, "base", labels);
                    if (i % 100 == 0) {
                      full.fill();
                    }
                  }
                });
          }
          assertExhausted(() -> client.commit("child", "active"));
          assertExhausted(() -> client.prepare("new", "base"));
          assertReads(client);
          removeContainers(client);
          assertReads(client);
        }
        client.commit("child", "active");
        client.prepare("active", "child");
        long before = checkpoint();
        for (int i = 0; checkpoint() == before; i++) {
          assertThat(i).as("changes since the last checkpoint").isLessThan(UPDATES_MAX);
          update(client, "base", LABELS);
        }
        assertReads(client);
        assertThat(layer).hasContent("content of a");
        last = client.list();
        assertSound(daemon);
      }
      try (GatunProcess daemon = GatunProcess.serve(setup);
          Client client = daemon.client()) {
        assertThat(client.list()).isEqualTo(last);
      }
    }
  }

  @Test
  void copyThatFindsNoRoomLeavesNothing() throws Exception {
    byte[] content = new byte[LAYER_BYTES];
    new Random(1).nextBytes(content);
    try (LoopMount _ = mount(Filesystem.EXT4);
        GatunProcess daemon = GatunProcess.serve(setup("native"));
        Client client = daemon.client()) {
      client.prepare("a", "");
      // The id is not always 1, since directories are created in advance.
      Files.write(Path.of(mounts(client, "a").getFirst().getSource()).resolve("file"), content);
      client.commit("base", "a");
      try (FullDisk _ = FullDisk.of(volume, LEFT_BYTES)) {
        assertExhausted(() -> client.prepare("active", "base"));
        cleanUp(client);
        assertThat(entries("snapshots")).hasSize(1);
        assertThat(entries("trash")).isEmpty();
      }
      client.prepare("active", "base");
      assertReads(client);
      assertThat(Path.of(mounts(client, "active").getFirst().getSource()).resolve("file"))
          .hasBinaryContent(content);
      assertSound(daemon);
    }
  }

  @Test
  void layerThatIsToBeATarLeavesNothingAndIsOneWhenThereIsRoom() throws Exception {
    Path address = directory.resolve("containerd.sock");
    try (LoopMount _ = mount(Filesystem.EXT4);
        StandInContainerd containerd = new StandInContainerd(address)) {
      Descriptor blob = putLayer(containerd);
      GatunProcess.Setup setup =
          GatunProcess.Setup.in(directory)
              .with("--root", root.toString(), "--driver", "overlay")
              .configured(
                  """
                  layers = "indexed"
                  containerd_address = "%s"
                  containerd_root = "%s"
                  """
                      .formatted(address, directory.resolve("containerd")));
      try (GatunProcess daemon = GatunProcess.serve(setup);
          Client client = daemon.client()) {
        client.prepare(EXTRACTION, "");
        List<Mount> prepared = mounts(client, EXTRACTION);
        try (FullDisk _ = FullDisk.of(volume, LEFT_BYTES)) {
          assertExhausted(() -> client.apply(blob, prepared));
          assertThat(entries("layers")).isEmpty();
          assertThat(Path.of(prepared.getFirst().getSource())).isEmptyDirectory();
        }
        client.apply(blob, prepared);
        try (FullDisk _ = FullDisk.of(volume, 0)) {
          client.commit("base", EXTRACTION);
        }
        assertThat(entries("layers")).hasSize(1);
        client.prepare("active", "base");
        assertReads(client);
        assertSound(daemon);
      }
    }
  }

  /** {@return a tar that does not fit into the remaining space} */
  private Descriptor putLayer(StandInContainerd containerd) throws Exception {
    byte[] content = new byte[LAYER_BYTES];
    new Random(1).nextBytes(content);
    Files.write(directory.resolve("file"), content);
    Path tar = directory.resolve("tar");
    Commands.run("tar", "-C", directory.toString(), "-cf", tar.toString(), "file");
    String digest = "sha256:" + Commands.run("sha256sum", tar.toString()).substring(0, 64);
    containerd.put("k8s.io", digest, Files.readAllBytes(tar));
    return Descriptor.newBuilder()
        .setMediaType("application/vnd.oci.image.layer.v1.tar")
        .setDigest(digest)
        .setSize(Files.size(tar))
        .build();
  }

  /** A layer, a snapshot on it with changes, and many that can be removed. */
  private void makeSnapshots(Client client) throws IOException {
    client.prepare("a", "");
    layer = Path.of(mounts(client, "a").getFirst().getSource()).resolve("file");
    Files.writeString(layer, "content of a");
    client.commit("base", "a");
    client.prepare("active", "base");
    for (int i = 0; i < CONTAINERS; i++) {
      client.prepare("container-" + i, "base");
    }
  }

  private void removeContainers(Client client) throws IOException {
    for (int i = 0; i < CONTAINERS; i++) {
      client.remove("container-" + i);
    }
    cleanUp(client);
    assertThat(entries("trash")).isEmpty();
  }
}
