package io.gatun.snapshot.layer.pack;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.linux.file.Xattr;
import io.gatun.snapshot.filetree.TreeDeletion;
import io.gatun.snapshot.fixture.Pieces;
import io.gatun.snapshot.layer.BlobSink;
import io.gatun.snapshot.layer.Cancellation;
import io.gatun.snapshot.layer.Compression;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.LayerBuilder.LayerFormat;
import io.gatun.snapshot.layer.LayerBuilder.PackedLayer;
import io.gatun.snapshot.layer.LayerTarget;
import io.gatun.snapshot.layer.codec.UnsupportedLayerException;
import io.gatun.snapshot.layer.entry.LayerEntry;
import io.gatun.snapshot.layer.entry.LayerReader;
import io.gatun.snapshot.layer.read.BytesBlob;
import io.gatun.snapshot.layer.tar.TarReader;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Layers of directories whose overlayfs marks are set by hand. */
@Timeout(120)
final class LayerPackerTest {

  /** More than can be in transit between the two threads. */
  private static final int LARGE_BYTES = 12 << 20;

  @TempDir private Path temporary;
  private Path upper;
  private Path lower;

  @BeforeEach
  void make() throws IOException {
    upper = Files.createDirectory(temporary.resolve("upper"));
    lower = Files.createDirectory(temporary.resolve("lower"));
  }

  private LayerTarget target() {
    return new LayerTarget(
        LinuxPath.of(upper), DeletionForm.OVERLAY_USERXATTR, List.of(LinuxPath.of(lower)));
  }

  private static LayerFormat plain() {
    return new LayerFormat(Compression.NONE, Optional.empty());
  }

  private static PackedLayer pack(LayerTarget target, LayerFormat format, BlobSink sink)
      throws IOException {
    return LayerPacker.pack(Optional.of(target), format, sink, new Cancellation());
  }

  private byte[] pack() throws IOException {
    CollectedBlob blob = new CollectedBlob();
    pack(target(), plain(), blob);
    return blob.bytes();
  }

  private static List<LayerEntry> entries(byte[] tar) throws IOException {
    LayerReader reader = new LayerReader(new TarReader(new Pieces(tar, 100_000)));
    List<LayerEntry> entries = new ArrayList<>();
    for (Optional<LayerEntry> next = reader.next(); next.isPresent(); next = reader.next()) {
      entries.add(next.get());
    }
    return entries;
  }

  /** Kind and path of each entry. */
  private List<String> packed() throws IOException {
    return entries(pack()).stream()
        .map(entry -> entry.getClass().getSimpleName() + " " + entry.path().whole())
        .toList();
  }

  private void mark(Path path, String attribute, String value) throws IOException {
    try (Fd parent = directory(path.resolveSibling(""))) {
      Xattr.lsetxattr(
          parent,
          LinuxPath.of(path.getFileName()),
          LinuxPath.of("user.overlay." + attribute),
          value.getBytes(java.nio.charset.StandardCharsets.US_ASCII));
    }
  }

  private static Fd directory(Path path) throws IOException {
    return Fcntl.open(LinuxPath.of(path), OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
  }

  private void whiteout(String name) throws IOException {
    try (Fd parent = directory(upper)) {
      Stat.mknodat(parent, LinuxPath.of(name), NodeType.CHARACTER_DEVICE, 0, 0, 0);
    }
  }

  @Test
  void entriesAreInOrderAndParentsAreAmongThem() throws Exception {
    Files.createDirectories(upper.resolve("b/c"));
    Files.writeString(upper.resolve("b/c/file"), "content");
    Files.writeString(upper.resolve("b.file"), "");
    Files.createSymbolicLink(upper.resolve("a"), Path.of("b/c"));
    Files.createLink(upper.resolve("z"), upper.resolve("b/c/file"));
    whiteout("gone");
    assertThat(packed())
        .containsExactly(
            "SymbolicLink a",
            "Directory b",
            "Directory b/c",
            "RegularFile b/c/file",
            "RegularFile b.file",
            "Whiteout gone",
            "HardLink z");
    assertThat(pack()).isEqualTo(pack());
  }

  @Test
  void opaqueDirectoryIsMarkedIfSomethingIsBelowIt() throws Exception {
    for (String name : List.of("new", "old", "instead")) {
      Files.createDirectories(upper.resolve(name).resolve("inside"));
      mark(upper.resolve(name), "opaque", "y");
      mark(upper.resolve(name).resolve("inside"), "opaque", "y");
    }
    Files.createDirectories(lower.resolve("old/inside"));
    Files.createSymbolicLink(lower.resolve("instead"), Path.of("old"));
    assertThat(packed())
        .containsExactly(
            "Directory instead",
            "Directory instead/inside",
            "Directory new",
            "Directory new/inside",
            "Directory old",
            "OpaqueDirectory old/.wh..wh..opq",
            "Directory old/inside");
  }

  @Test
  void baseDeletesNothing() throws Exception {
    Files.createDirectory(upper.resolve("d"));
    mark(upper.resolve("d"), "opaque", "y");
    whiteout("gone");
    for (DeletionForm form : List.of(DeletionForm.IN_PLACE, DeletionForm.OVERLAY_USERXATTR)) {
      CollectedBlob blob = new CollectedBlob();
      PackedLayer layer =
          pack(new LayerTarget(LinuxPath.of(upper), form, List.of()), plain(), blob);
      assertThat(layer.entries()).isEqualTo(1);
    }
  }

  @Test
  void whatOnlyTheMountShowsIsLeftToOthers() throws Exception {
    Path file = Files.writeString(upper.resolve("file"), "");
    Path made = Files.createDirectory(upper.resolve("directory"));
    record Mark(Path path, String attribute, String value) {}
    for (Mark mark :
        List.of(
            new Mark(made, "redirect", "/elsewhere"),
            new Mark(made, "opaque", "x"),
            new Mark(file, "metacopy", ""),
            new Mark(file, "nlink", "U+1"))) {
      mark(mark.path(), mark.attribute(), mark.value());
      assertThatThrownBy(this::pack)
          .isInstanceOf(UnsupportedLayerException.class)
          .hasMessageContaining(mark.path().getFileName() + ": ")
          .hasMessageContaining("user.overlay." + mark.attribute());
      try (Fd marked = Fcntl.open(LinuxPath.of(mark.path()))) {
        Xattr.fremovexattr(marked, LinuxPath.of("user.overlay." + mark.attribute()));
      }
    }
    mark(made, "origin", "any");
    mark(made, "impure", "y");
    mark(file, "origin", "any");
    assertThat(entries(pack()))
        .extracting(
            entry ->
                switch (entry) {
                  case LayerEntry.Directory e -> e.attributes().xattrs();
                  case LayerEntry.RegularFile e -> e.attributes().xattrs();
                  default -> throw new AssertionError(entry);
                })
        .containsOnly(List.of());
  }

  @Test
  void attributeThatNoRecordCanNameIsCounted() throws Exception {
    Path file = Files.writeString(upper.resolve("file"), "");
    Files.setAttribute(file, "user:plain", new byte[] {1});
    Files.setAttribute(file, "user:a=b", new byte[] {2});
    CollectedBlob blob = new CollectedBlob();
    assertThat(pack(target(), plain(), blob).xattrsLeftOut()).isEqualTo(1);
    LayerEntry.RegularFile entry = (LayerEntry.RegularFile) entries(blob.bytes()).getFirst();
    assertThat(entry.attributes().xattrs())
        .singleElement()
        .satisfies(
            xattr -> {
              assertThat(xattr.name()).isEqualTo(LinuxPath.of("user.plain"));
              assertThat(xattr.value()).containsExactly(1);
            });
  }

  @Test
  void socketsAreLeftOut() throws Exception {
    try (ServerSocketChannel socket = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
      socket.bind(UnixDomainSocketAddress.of(upper.resolve("s")));
      assertThat(packed()).isEmpty();
    }
  }

  @Test
  void nameThatWouldBeADeletionIsRefused() throws Exception {
    Files.createDirectory(upper.resolve("d"));
    Files.writeString(upper.resolve("d/.wh.file"), "");
    assertThatThrownBy(this::pack)
        .isInstanceOf(UnfitFileException.class)
        .hasMessageStartingWith("d/.wh.file: ");
  }

  @Test
  void pathThatNobodyCouldUnpackIsRefused() throws Exception {
    LinuxPath name = LinuxPath.of("n".repeat(250));
    Fd at = directory(upper);
    for (int i = 0; i < 17; i++) {
      Stat.mkdirat(at, name, 0755);
      Fd next = Fcntl.openat(at, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
      at.close();
      at = next;
    }
    at.close();
    assertThatThrownBy(this::pack)
        .isInstanceOf(UnfitFileException.class)
        .hasMessageContaining("its path has 4266 bytes");
    // JUnit deletes the test's own directory by path, which is too long for the kernel here.
    try (Fd parent = directory(upper)) {
      TreeDeletion.delete(new LinuxDisk(), parent, name);
    }
  }

  @Test
  void deepTreeIsWalkedWithFewDescriptors() throws Exception {
    LinuxPath name = LinuxPath.of("d");
    Fd at = directory(upper);
    for (int i = 0; i < 1_200; i++) {
      Stat.mkdirat(at, name, 0755);
      Stat.mknodat(at, LinuxPath.of("e"), NodeType.REGULAR, 0600, 0, 0);
      Fd next = Fcntl.openat(at, name, OpenFlag.READ_ONLY, OpenFlag.DIRECTORY);
      at.close();
      at = next;
    }
    at.close();
    CollectedBlob blob = new CollectedBlob();
    assertThat(pack(target(), plain(), blob).entries()).isEqualTo(2_400);
  }

  @Test
  void directoryWithTooManyNamesIsLeftToOthers() throws Exception {
    for (int i = 0; i < 300; i++) {
      Files.writeString(upper.resolve("a rather long name " + i), "");
    }
    TarWriter nowhere = new TarWriter(() -> ByteBuffer.allocateDirect(512));
    assertThatThrownBy(
            () ->
                new ChangeWalk(target(), nowhere, Optional.empty(), new MemoryBudget(4_000)).run())
        .isInstanceOf(UnsupportedLayerException.class)
        .hasMessageContaining("names take more than 4000 bytes");
    new ChangeWalk(target(), nowhere, Optional.empty(), new MemoryBudget(20_000)).run();
  }

  @Test
  void tooManyOpenLinksAreLeftToOthers() throws Exception {
    Path elsewhere = Files.createDirectory(temporary.resolve("elsewhere"));
    for (int i = 0; i < 100; i++) {
      Files.writeString(upper.resolve("f" + i), "");
      Files.createLink(elsewhere.resolve("f" + i), upper.resolve("f" + i));
    }
    TarWriter nowhere = new TarWriter(() -> ByteBuffer.allocateDirect(512));
    assertThatThrownBy(
            () ->
                new ChangeWalk(target(), nowhere, Optional.empty(), new MemoryBudget(8_000)).run())
        .isInstanceOf(UnsupportedLayerException.class)
        .hasMessageContaining("files with several names");
  }

  @Test
  void noTimeIsLaterThanWanted() throws Exception {
    Path early = Files.writeString(upper.resolve("early"), "");
    Path late = Files.writeString(upper.resolve("late"), "");
    Files.setLastModifiedTime(early, FileTime.from(Instant.ofEpochSecond(1_000, 5)));
    Files.setLastModifiedTime(late, FileTime.from(Instant.ofEpochSecond(2_000, 6)));
    whiteout("gone");
    CollectedBlob blob = new CollectedBlob();
    Instant epoch = Instant.ofEpochSecond(2_000, 5);
    pack(target(), new LayerFormat(Compression.NONE, Optional.of(epoch)), blob);
    List<LayerEntry> entries = entries(blob.bytes());
    assertThat(((LayerEntry.RegularFile) entries.get(0)).attributes().modified().toInstant())
        .isEqualTo(Instant.ofEpochSecond(1_000, 5));
    assertThat(((LayerEntry.RegularFile) entries.get(2)).attributes().modified().toInstant())
        .isEqualTo(epoch);
    assertThat(new String(blob.bytes(), java.nio.charset.StandardCharsets.ISO_8859_1))
        .contains("mtime=2000.000000005\n");
  }

  @Test
  void holesAreZeros() throws Exception {
    byte[] expected = new byte[30 << 20];
    try (RandomAccessFile file = new RandomAccessFile(upper.resolve("sparse").toFile(), "rw")) {
      for (int at : new int[] {1 << 20, (1 << 20) + 9_000, 20 << 20}) {
        byte[] data = new byte[5_000];
        java.util.Arrays.fill(data, (byte) (at >> 10 | 1));
        file.seek(at);
        file.write(data);
        System.arraycopy(data, 0, expected, at, data.length);
      }
      file.setLength(expected.length);
    }
    byte[] tar = pack();
    int start = tar.length - expected.length - 2 * TarWriter.BLOCK_BYTES;
    assertThat(java.util.Arrays.copyOfRange(tar, start, start + expected.length))
        .isEqualTo(expected);
  }

  @ParameterizedTest
  @EnumSource
  void compressedLayerIsTheSameTar(Compression compression) throws Exception {
    Files.write(upper.resolve("large"), new byte[LARGE_BYTES]);
    byte[] tar = pack();
    CollectedBlob blob = new CollectedBlob();
    PackedLayer layer = pack(target(), new LayerFormat(compression, Optional.empty()), blob);
    assertThat(layer.diffId()).isEqualTo(BytesBlob.digestOf(tar));
    assertThat(layer.blob()).isEqualTo(BytesBlob.digestOf(blob.bytes()));
    assertThat(layer.blobBytes()).isEqualTo(blob.bytes().length);
    assertThat(blob.abandoned).hasValue(0);
    if (compression != Compression.NONE) {
      assertThat(blob.bytes().length).isLessThan(LARGE_BYTES / 100);
    }
  }

  @Test
  void nothingChangedIsAnEmptyTar() throws Exception {
    CollectedBlob blob = new CollectedBlob();
    LayerPacker.pack(Optional.empty(), plain(), blob, new Cancellation());
    assertThat(blob.bytes()).isEqualTo(new byte[1_024]);
  }

  /** Runs an action when the first bytes arrive, while the walk is blocked. */
  private static final class Interfering extends CollectedBlob {
    private interface Action {
      void run() throws IOException;
    }

    private final Action action;
    private boolean isDone;

    Interfering(Action action) {
      this.action = action;
    }

    @Override
    public void write(ByteBuffer piece) throws IOException {
      if (!isDone) {
        isDone = true;
        action.run();
      }
      super.write(piece);
    }
  }

  private Path large(String name) throws IOException {
    byte[] content = new byte[LARGE_BYTES];
    content[LARGE_BYTES - 1] = 1;
    return Files.write(upper.resolve(name), content);
  }

  @Test
  void fileThatGetsShorterFailsTheLayer() throws Exception {
    Path file = large("a");
    Interfering sink =
        new Interfering(
            () -> {
              try (RandomAccessFile opened = new RandomAccessFile(file.toFile(), "rw")) {
                opened.setLength(6 << 20);
              }
            });
    assertThatThrownBy(() -> pack(target(), plain(), sink))
        .isInstanceOf(UnfitFileException.class)
        .hasMessageContaining("a: it became shorter while it was read")
        .hasMessageContaining("of " + LARGE_BYTES);
    assertThat(sink.abandoned).hasPositiveValue();
  }

  @Test
  void fileThatGrowsIsAsLongAsItWas() throws Exception {
    Path file = large("a");
    Interfering sink =
        new Interfering(
            () -> Files.write(file, new byte[1_000], java.nio.file.StandardOpenOption.APPEND));
    pack(target(), plain(), sink);
    assertThat(((LayerEntry.RegularFile) entries(sink.bytes()).getFirst()).sizeBytes())
        .isEqualTo(LARGE_BYTES);
  }

  @Test
  void whatIsRemovedOrReplacedMeanwhileIsAsItIsThen() throws Exception {
    large("a");
    Files.createDirectories(upper.resolve("b/c"));
    Path d = Files.writeString(upper.resolve("d"), "");
    Path e = Files.writeString(upper.resolve("e"), "");
    Interfering sink =
        new Interfering(
            () -> {
              Files.delete(upper.resolve("b/c"));
              Files.delete(upper.resolve("b"));
              Files.delete(d);
              Files.delete(e);
              Files.createDirectory(e);
            });
    pack(target(), plain(), sink);
    assertThat(
            entries(sink.bytes()).stream()
                .map(entry -> entry.getClass().getSimpleName() + " " + entry.path().whole()))
        .containsExactly("RegularFile a", "Directory e");
  }

  @Test
  void sinkThatFailsFailsTheLayer() throws Exception {
    large("a");
    IOException failure = new IOException("no more");
    Interfering sink =
        new Interfering(
            () -> {
              throw failure;
            });
    assertThatThrownBy(() -> pack(target(), plain(), sink)).isSameAs(failure);
  }

  @Test
  void cancellationWakesASinkThatWaits() throws Exception {
    large("a");
    Cancellation cancellation = new Cancellation();
    CountDownLatch isWriting = new CountDownLatch(1);
    CountDownLatch isAbandoned = new CountDownLatch(1);
    BlobSink sink =
        new BlobSink() {
          @Override
          public void write(ByteBuffer bytes) throws IOException {
            isWriting.countDown();
            try {
              isAbandoned.await();
            } catch (InterruptedException e) {
              throw new IOException(e);
            }
            throw new IOException("abandoned");
          }

          @Override
          public void abandon() {
            isAbandoned.countDown();
          }
        };
    Thread canceller =
        Thread.ofVirtual()
            .start(
                () -> {
                  try {
                    isWriting.await();
                    cancellation.cancel();
                  } catch (InterruptedException e) {
                    throw new AssertionError(e);
                  }
                });
    assertThatThrownBy(() -> LayerPacker.pack(Optional.of(target()), plain(), sink, cancellation))
        .isInstanceOf(CancellationException.class);
    canceller.join();
  }
}
