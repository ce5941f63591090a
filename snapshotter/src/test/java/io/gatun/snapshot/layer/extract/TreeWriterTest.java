package io.gatun.snapshot.layer.extract;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.Errno;
import io.gatun.linux.ErrnoException;
import io.gatun.linux.Fd;
import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Fcntl;
import io.gatun.linux.file.FileStatus;
import io.gatun.linux.file.OpenFlag;
import io.gatun.linux.file.Stat;
import io.gatun.snapshot.Usage;
import io.gatun.snapshot.filetree.TreeUsage;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.DeletionForm;
import io.gatun.snapshot.layer.lower.ImplicitDirectory;
import io.gatun.snapshot.layer.lower.SecureOpen;
import io.gatun.snapshot.layer.lower.TestTree;
import io.gatun.snapshot.layer.lower.TreeReset;
import io.gatun.snapshot.root.ForwardingDisk;
import io.gatun.snapshot.root.LinuxDisk;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** The rules of extraction, one at a time. */
final class TreeWriterTest {

  /** A capability set of version 2 with cap_net_raw permitted: capability.h. */
  private static final byte[] CAPABILITY =
      HexFormat.of().parseHex("0100000200200000000000000000000000000000");

  /** With an implicit one in each, twice as many as fit into the minimum of memory. */
  private static final int DIRECTORIES = 3000;

  @TempDir Path directory;

  private TestTree tree;

  @BeforeEach
  void makeTree() throws IOException {
    tree = TestTree.of(directory.resolve("fs"), DeletionForm.OVERLAY);
  }

  @Test
  void everyKindOfEntryBecomesWhatItSays() throws IOException {
    tree.apply(
        TarBuilder.pax()
            .owner(5, 6)
            .modified(7)
            .directory("d", 0750)
            .owner(70_000, 80_000)
            .modified(8)
            .file("d/f", 0640, "content")
            .owner(1, 2)
            .modified(9)
            .symbolicLink("d/s", "../no/where")
            .device('3', "d/c", 0602, 259, 70_000)
            .device('4', "d/b", 0600, 8, 1)
            .fifo("d/p", 0622));
    assertThat(tree.line("d")).contains("DIRECTORY mode=750 uid=5 gid=6 mtime=7.000000000");
    assertThat(tree.line("d/f"))
        .contains("REGULAR mode=640 uid=70000 gid=80000 mtime=8.000000000", "size=7");
    assertThat(tree.line("d/s"))
        .contains("SYMBOLIC_LINK mode=777 uid=1 gid=2 mtime=9.000000000 target=../no/where");
    assertThat(tree.line("d/c")).contains("CHARACTER_DEVICE mode=602", "rdev=259:70000");
    assertThat(tree.line("d/b")).contains("BLOCK_DEVICE mode=600", "rdev=8:1");
    assertThat(tree.line("d/p")).contains("FIFO mode=622");
    assertThat(Files.readString(tree.files().resolve("d/f"))).isEqualTo("content");
  }

  @Test
  void holesStayHolesBeforeBetweenAndBehindWhatIsThere() throws IOException {
    byte[] expected = new byte[8 << 20];
    Arrays.fill(expected, 2 << 20, (2 << 20) + 10, (byte) 'a');
    Arrays.fill(expected, 5 << 20, (5 << 20) + 5, (byte) 'b');
    tree.apply(
        TarBuilder.pax()
            .record("GNU.sparse.major", "0")
            .record("GNU.sparse.minor", "1")
            .record("GNU.sparse.name", "sparse")
            .record("GNU.sparse.size", Integer.toString(expected.length))
            .record("GNU.sparse.numblocks", "2")
            .record("GNU.sparse.map", (2 << 20) + ",10," + (5 << 20) + ",5")
            .file("fake", 0644, "aaaaaaaaaabbbbb".getBytes(StandardCharsets.UTF_8)));
    Path file = tree.files().resolve("sparse");
    assertThat(Files.readAllBytes(file)).isEqualTo(expected);
    try (Fd opened = Fcntl.open(LinuxPath.of(file), OpenFlag.READ_ONLY)) {
      assertThat(Stat.statx(opened).blocks() * FileStatus.BLOCK_BYTES).isLessThan(1 << 20);
    }
  }

  @Test
  void modesAreExactWhateverTheUmask() throws IOException {
    TarBuilder tar = TarBuilder.pax();
    for (int mode : new int[] {0, 0777, 0666, 01777, 02755, 04755, 06777, 07000}) {
      tar.owner(mode == 07000 ? 3 : 0, 0).file("f%o".formatted(mode), mode, "x");
      tar.owner(0, mode == 07000 ? 3 : 0).directory("d%o".formatted(mode), mode);
      tar.fifo("p%o".formatted(mode), mode);
    }
    tree.apply(tar);
    for (int mode : new int[] {0, 0777, 0666, 01777, 02755, 04755, 06777, 07000}) {
      for (String kind : new String[] {"f", "d", "p"}) {
        assertThat(tree.line(kind + Integer.toOctalString(mode)))
            .contains(" mode=%o ".formatted(mode));
      }
    }
  }

  @Test
  void setUserIdBitsAndCapabilitiesSurviveTheChangeOfOwner() throws IOException {
    tree.apply(
        TarBuilder.pax()
            .owner(1000, 1000)
            .xattr("security.capability", CAPABILITY)
            .file("ping", 04755, "program"));
    assertThat(tree.line("ping"))
        .contains(" mode=4755 uid=1000 gid=1000 ")
        .contains("security.capability=" + HexFormat.of().formatHex(CAPABILITY));
  }

  @Test
  void attributesOfUsersAreSetWhereTheyCanBeAndIgnoredElsewhere() throws IOException {
    TarBuilder tar = TarBuilder.pax();
    tar.xattr("user.a", bytes("1")).directory("d", 0755);
    tar.xattr("user.a", bytes("2")).file("f", 0644, "x");
    tar.xattr("user.a", bytes("3")).symbolicLink("s", "f");
    tar.xattr("user.a", bytes("4")).fifo("p", 0644);
    tar.xattr("user.a", bytes("5")).device('3', "c", 0644, 1, 3);
    tree.apply(tar);
    assertThat(tree.line("d")).contains("user.a=31");
    assertThat(tree.line("f")).contains("user.a=32");
    assertThat(tree.line("s") + tree.line("p") + tree.line("c")).doesNotContain("user.a");
  }

  @Test
  void attributesOfAnUnknownNamespaceAreIgnored() throws IOException {
    tree.apply(TarBuilder.pax().xattr("unheard.of", bytes("1")).file("f", 0644, "x"));
    assertThat(tree.paths()).containsExactly("f");
  }

  @Test
  void attributesThatAreRefusedFailTheLayer() {
    // The version of an access control list, and half an entry.
    byte[] acl = HexFormat.of().parseHex("0200000001000700");
    assertFails(
        TarBuilder.pax().xattr("system.posix_acl_access", acl).file("f", 0644, ""),
        "f",
        Errno.EINVAL);
  }

  @Test
  void accessControlListsArePassedOnAndModesAreExactAllTheSame() throws IOException {
    byte[] acl =
        HexFormat.of()
            .parseHex(
                "02000000"
                    + ("01000700ffffffff" + "02000500e8030000" + "04000500ffffffff")
                    + ("10000500ffffffff" + "20000000ffffffff"));
    TarBuilder tar = TarBuilder.pax();
    tar.xattr("system.posix_acl_default", acl).directory("d", 0755);
    tar.file("d/f", 0644, "x").directory("d/e", 0711).file("d/e/g", 0604, "x");
    tree.apply(tar);
    assertThat(tree.line("d/f")).contains(" mode=644 ", "system.posix_acl_access=");
    assertThat(tree.line("d/e")).contains(" mode=711 ", "system.posix_acl_default=");
    assertThat(tree.line("d/e/g")).contains(" mode=604 ");
  }

  @Test
  void setGroupIdDirectoriesDoNotDecideAboutGroups() throws IOException {
    tree.apply(
        TarBuilder.pax()
            .owner(0, 50)
            .directory("d", 02775)
            .file("d/f", 0644, "")
            .directory("d/e", 0755)
            .symbolicLink("d/s", "f")
            .fifo("d/p", 0644)
            .file("d/e/g", 0644, ""));
    for (String path : new String[] {"d/f", "d/e", "d/s", "d/p", "d/e/g"}) {
      assertThat(tree.line(path)).as(path).contains(" uid=0 gid=0 ");
    }
    assertThat(tree.line("d/e")).contains(" mode=755 ");
  }

  @Test
  void aDirectoryThatBecomesSetGroupIdUnderAnotherNameDoesNotDecideEither() throws IOException {
    tree.apply(
        TarBuilder.pax()
            .directory("d", 0755)
            .symbolicLink("l", "d")
            .file("l/f", 0644, "")
            .owner(0, 50)
            .directory("d", 02775)
            .file("l/g", 0644, ""));
    assertThat(tree.line("d/g")).contains(" gid=0 ");
  }

  @Test
  void timesOfDirectoriesAreSetWhenEverythingIsInThem() throws IOException {
    tree.apply(
        TarBuilder.pax()
            .modified(5)
            .directory("d", 0755)
            .modified(6)
            .directory("d/e", 0755)
            .file("d/e/f", 0644, "x")
            .file("d/g", 0644, "x"));
    assertThat(tree.line("d")).contains(" mtime=5.000000000 atime=5.000000000");
    assertThat(tree.line("d/e")).contains(" mtime=6.000000000");
  }

  @Test
  void timesAreExactToTheNanosecond() throws IOException {
    tree.apply(
        TarBuilder.pax()
            .record("mtime", "1.000000001")
            .record("atime", "3.25")
            .file("f", 0644, "x")
            .record("mtime", "1.000000002")
            .symbolicLink("s", "f"));
    assertThat(tree.line("f")).contains("mtime=1.000000001 atime=3.250000000");
    assertThat(tree.line("s")).contains("mtime=1.000000002");
  }

  @Test
  void timesOfDirectoriesThatWereReplacedLaterAreForgotten() throws IOException {
    tree.apply(
        TarBuilder.pax()
            .modified(5)
            .directory("d", 0755)
            .modified(6)
            .file("d", 0644, "x")
            .modified(7)
            .directory("e", 0755)
            .whiteout("e"));
    assertThat(tree.line("d")).contains("REGULAR", "mtime=6.000000000");
    assertThat(tree.line("e")).contains("CHARACTER_DEVICE", "rdev=0:0");
  }

  @Test
  void timesAreNotSetThroughALinkThatTookThePlaceOfADirectory() throws IOException {
    tree.apply(
        TarBuilder.pax()
            .modified(5)
            .directory("a", 0755)
            .directory("a/b", 0755)
            .modified(6)
            .directory("c", 0755)
            .modified(7)
            .directory("c/b", 0755)
            .symbolicLink("a", "c")
            .file("a/x", 0644, ""));
    assertThat(tree.line("c/b")).contains("mtime=7.000000000");
    assertThat(tree.line("c/x")).contains("REGULAR");
  }

  @Test
  void theLastOfSeveralEntriesWins() throws IOException {
    tree.apply(
        TarBuilder.pax()
            .file("f", 0600, "first, and longer")
            .hardLink("g", 0600, "f")
            .file("f", 0644, "second")
            .symbolicLink("s", "f")
            .file("s", 0640, "no longer a link"));
    assertThat(Files.readString(tree.files().resolve("f"))).isEqualTo("second");
    assertThat(Files.readString(tree.files().resolve("g"))).isEqualTo("first, and longer");
    assertThat(tree.line("s")).contains("REGULAR mode=640");
    assertThat(Files.readString(tree.files().resolve("s"))).isEqualTo("no longer a link");
  }

  @Test
  void aDirectoryOverADirectoryIsMerged() throws IOException {
    tree.apply(
        TarBuilder.pax()
            .modified(5)
            .xattr("user.a", bytes("1"))
            .directory("d", 0700)
            .file("d/f", 0644, "x")
            .owner(7, 8)
            .modified(6)
            .xattr("user.b", bytes("2"))
            .directory("d", 0711));
    assertThat(tree.line("d"))
        .contains("DIRECTORY mode=711 uid=7 gid=8 mtime=6.000000000", "user.a=31 user.b=32");
    assertThat(tree.line("d/f")).contains("REGULAR");
  }

  @Test
  void everythingElseReplacesAndIsReplaced() throws IOException {
    TarBuilder tar = TarBuilder.pax().directory("keep", 0755).file("keep/f", 0644, "kept");
    for (String first : new String[] {"d", "f", "s", "p", "c", "h"}) {
      for (String second : new String[] {"d", "f", "s", "p", "c", "h"}) {
        String name = first + second;
        add(tar, first, name);
        if (first.equals("d")) {
          tar.file(name + "/deep/in/it", 0644, "x");
        }
        add(tar, second, name);
      }
    }
    tree.apply(tar);
    assertThat(tree.line("df")).contains("REGULAR");
    assertThat(tree.line("sd")).contains("DIRECTORY");
    assertThat(tree.line("ds")).contains("SYMBOLIC_LINK");
    assertThat(tree.line("hp")).contains("FIFO");
    assertThat(tree.line("pc")).contains("CHARACTER_DEVICE");
    assertThat(tree.line("ch")).contains("links=");
    assertThat(tree.line("dd/deep/in/it")).contains("REGULAR");
    assertThat(Files.readString(tree.files().resolve("keep/f"))).isEqualTo("kept");
  }

  private static void add(TarBuilder tar, String kind, String name) {
    switch (kind) {
      case "d" -> tar.directory(name, 0755);
      case "f" -> tar.file(name, 0644, name);
      case "s" -> tar.symbolicLink(name, "keep");
      case "p" -> tar.fifo(name, 0644);
      case "c" -> tar.device('3', name, 0644, 1, 3);
      case "h" -> tar.hardLink(name, 0644, "keep/f");
      default -> throw new IllegalArgumentException(kind);
    }
  }

  @Test
  void aDirectoryThatReplacesALinkOnItsOwnWayIsNotFoundThatWayAgain() throws IOException {
    tree.apply(
        TarBuilder.pax()
            .symbolicLink("c", "/")
            // The path leads to c, which replaces the link.
            .directory("c/c", 0700)
            .file("c/c/f", 0644, "x"));
    assertThat(tree.paths()).containsExactly("c", "c/c", "c/c/f");
    assertThat(tree.line("c")).contains("mode=700");
    assertThat(tree.line("c/c")).contains("mode=755");
  }

  @Test
  void hardLinksAreMadeToTheNameItself() throws IOException {
    tree.apply(
        TarBuilder.pax()
            .directory("d", 0755)
            .file("d/f", 0644, "x")
            .symbolicLink("l", "d")
            .symbolicLink("s", "d/f")
            .hardLink("through", 0644, "l/f")
            .hardLink("ofLink", 0644, "s"));
    assertThat(tree.line("through")).contains("REGULAR", "links=d/f");
    assertThat(tree.line("ofLink")).contains("SYMBOLIC_LINK", "links=ofLink", "target=d/f");
  }

  @Test
  void theAttributesOfAHardLinkAreThoseOfTheFile() throws IOException {
    tree.apply(
        TarBuilder.pax()
            .xattr("security.capability", CAPABILITY)
            .file("f", 0644, "x")
            .owner(3, 4)
            .modified(5)
            .xattr("user.a", bytes("1"))
            .hardLink("g", 04711, "f"));
    assertThat(tree.line("f"))
        .contains("mode=4711 uid=3 gid=4 mtime=5.000000000", "user.a=31")
        // As with containerd: the change of owner removes it, and the link entry does not set it.
        .doesNotContain("security.capability");
  }

  @Test
  void hardLinksToNothingFailTheLayer() {
    assertFails(TarBuilder.pax().hardLink("g", 0644, "f"), "g", Errno.ENOENT);
    assertFails(TarBuilder.pax().hardLink("h", 0644, "no/f"), "h", Errno.ENOENT);
    assertFails(
        TarBuilder.pax().file("self", 0644, "").hardLink("self", 0644, "self"),
        "self",
        Errno.ENOENT);
  }

  @Test
  void missingParentsAreMadeAndReported() throws IOException {
    TreeResult result =
        tree.apply(
            TarBuilder.pax()
                .file("a/b/c/f", 0644, "x")
                .directory("a/b", 0700)
                .file("d/e/f", 0644, "x")
                .file("d/e", 0644, "replaces it"));
    assertThat(tree.line("a")).contains("DIRECTORY mode=755 uid=0 gid=0");
    assertThat(tree.line("a/b")).contains("mode=700");
    assertThat(result.implicitDirectories().orElseThrow())
        .map(each -> each.path().toString())
        .containsExactlyInAnyOrder("a", "a/b", "a/b/c", "d");
    assertThat(result.implicitDirectories().orElseThrow())
        .filteredOn(each -> each.inherited() == ImplicitDirectory.Inherited.XATTRS)
        .extracting(each -> each.path().toString())
        .containsExactly("a/b");
  }

  @Test
  void missingParentsAreMadeWhereLinksLead() throws IOException {
    TreeResult result =
        tree.apply(
            TarBuilder.pax()
                .symbolicLink("lib", "usr/lib")
                .symbolicLink("abs", "/opt/x")
                .symbolicLink("up", "../../../far/up")
                .file("lib/so/1", 0644, "")
                .file("abs/f", 0644, "")
                .file("up/f", 0644, ""));
    assertThat(tree.paths()).contains("usr/lib/so/1", "opt/x/f", "far/up/f");
    assertThat(result.implicitDirectories().orElseThrow())
        .map(each -> each.path().toString())
        .containsExactlyInAnyOrder("usr", "usr/lib", "usr/lib/so", "opt", "opt/x", "far", "far/up");
  }

  @Test
  void anythingElseInPlaceOfAParentFailsTheLayer() {
    assertFails(TarBuilder.pax().file("f", 0644, "").file("f/g", 0644, ""), "f/g", Errno.ENOTDIR);
    assertFails(TarBuilder.pax().fifo("p", 0644).file("p/a/b", 0644, ""), "p/a/b", Errno.ENOTDIR);
    assertFails(
        TarBuilder.pax().file("x", 0644, "").symbolicLink("y", "x").file("y/g", 0644, ""),
        "y/g",
        Errno.ENOTDIR);
    assertFails(TarBuilder.pax().symbolicLink("l", "l").file("l/g", 0644, ""), "l/g", Errno.ELOOP);
  }

  @Test
  void entriesForTheTopChangeNothing() throws IOException {
    String before = TestTree.withoutTimes(tree.line("."));
    tree.apply(TarBuilder.pax().owner(9, 9).directory("./", 0700).directory("/", 0711));
    assertThat(TestTree.withoutTimes(tree.line("."))).isEqualTo(before);
  }

  @Test
  void whatWasCountedIsWhatAWalkCounts() throws IOException {
    TarBuilder tar = TarBuilder.pax().directory("d", 0755);
    for (int i = 0; i < 300; i++) {
      tar.file("d/f" + i, 0644, new byte[i * 97]);
    }
    tar.file("u/x", 0644, new byte[3 << 20]).hardLink("u/y", 0644, "u/x");
    tar.symbolicLink("short", "x").symbolicLink("long", "x".repeat(200)).fifo("p", 0644);
    tar.xattr("user.large", new byte[3000]).file("big", 0644, "x").whiteout("u/gone");
    Usage counted = tree.apply(tar).usage();
    assertThat(counted).isEqualTo(walked());
    assertThat(counted.inodes()).isEqualTo(309);
  }

  @Test
  void whatAFurtherNameBringsToAFileIsCounted() throws IOException {
    TarBuilder tar = TarBuilder.pax().file("f", 0644, "x");
    tar.xattr("user.large", new byte[3000]).hardLink("g", 0644, "f");
    assertThat(tree.apply(tar).usage()).isEqualTo(walked());
  }

  /** chown(2) removes the capability and the block that held it. */
  @Test
  void whatAFurtherNameTakesFromAFileIsCounted() throws IOException {
    TarBuilder tar = TarBuilder.pax().xattr("user.a", new byte[60]).file("f", 0755, "x");
    tar.xattr("security.capability", CAPABILITY).hardLink("g", 0755, "f").hardLink("h", 0755, "f");
    assertThat(tree.apply(tar).usage()).isEqualTo(walked());
  }

  @Test
  void usageIsRightWhenSomethingWasReplaced() throws IOException {
    TarBuilder tar = TarBuilder.pax().file("f", 0644, new byte[100_000]).file("f", 0644, "x");
    assertThat(tree.apply(tar).usage()).isEqualTo(walked());
  }

  private Usage walked() throws ErrnoException {
    try (Fd top = SecureOpen.openTop(LinuxPath.of(tree.files()))) {
      return TreeUsage.of(top);
    }
  }

  @Test
  void directoriesBeyondNumberCanBeInUse() throws IOException {
    TarBuilder tar = TarBuilder.pax();
    int directories = 3 * DirectoryCache.LIMIT;
    for (int round = 0; round < 2; round++) {
      for (int i = 0; i < directories; i++) {
        tar.file("d%d/f%d".formatted(i, round), 0644, "x");
      }
    }
    long before = TestTree.descriptors();
    tree.apply(tar);
    assertThat(TestTree.descriptors()).isEqualTo(before);
    assertThat(tree.paths()).hasSize(3 * directories);
  }

  @Test
  void moreDirectoriesThanFitIntoMemoryGetTheirTimes() throws IOException {
    SpillingDisk disk = new SpillingDisk();
    byte[] layer = directories();
    long before = TestTree.descriptors();
    try (TreeWriter writer = TreeWriter.open(disk, tree.target(), false, 0)) {
      TestTree.write(writer, layer, TestTree.Before.NOTHING);
      TreeResult result = writer.finish();
      assertThat(disk.spills).isEqualTo(1);
      assertThat(result.usage()).isEqualTo(walked());
      assertThat(result.implicitDirectories().orElseThrow())
          .extracting(each -> each.path().toString())
          .containsExactlyElementsOf(
              IntStream.range(0, DIRECTORIES)
                  .boxed()
                  .flatMap(i -> Stream.of("d" + i, "d%d/unnamed".formatted(i)))
                  .toList());
    }
    assertThat(TestTree.descriptors()).isEqualTo(before);
    for (int i = 0; i < DIRECTORIES; i++) {
      assertThat(Files.getLastModifiedTime(tree.files().resolve("d" + i)).toInstant())
          .isEqualTo(Instant.ofEpochSecond(1000 + i));
    }
  }

  @Test
  void spillThatCannotBeMadeOrWrittenFailsTheLayer() {
    byte[] layer = directories();
    for (Errno errno : new Errno[] {Errno.ENOSPC, Errno.EOPNOTSUPP}) {
      SpillingDisk disk = new SpillingDisk();
      disk.failure = errno;
      assertSpillFails(disk, layer, errno);
    }
    SpillingDisk full = new SpillingDisk();
    full.isFull = true;
    assertSpillFails(full, layer, Errno.ENOSPC);
  }

  private void assertSpillFails(SpillingDisk disk, byte[] layer, Errno errno) {
    assertThatThrownBy(
            () -> {
              try (TreeWriter writer = TreeWriter.open(disk, tree.target(), false, 0)) {
                TestTree.write(writer, layer, TestTree.Before.NOTHING);
              } finally {
                TreeReset.to(new LinuxDisk(), LinuxPath.of(tree.files())).run();
              }
            })
        .isInstanceOfSatisfying(
            TreeWriteException.class,
            failure -> {
              assertThat(failure.entry().toString()).startsWith("d");
              assertThat(failure.errno()).isEqualTo(errno);
            });
  }

  /** {@return a layer of directories with their own times, each with an implicit directory} */
  private static byte[] directories() {
    TarBuilder tar = TarBuilder.pax();
    for (int i = 0; i < DIRECTORIES; i++) {
      tar.file("d%d/unnamed/f".formatted(i), 0644, new byte[0]);
    }
    for (int i = 0; i < DIRECTORIES; i++) {
      tar.modified(1000 + i).directory("d" + i, 0755);
    }
    return tar.finish();
  }

  /** A disk that records spills and can refuse them. */
  private static final class SpillingDisk extends ForwardingDisk {
    private int spills;
    private @Nullable Errno failure;
    private boolean isFull;
    private @Nullable Fd spill;

    SpillingDisk() {
      super(new LinuxDisk());
    }

    @Override
    public Fd createNamelessFile(Fd directory, int mode) throws ErrnoException {
      spills++;
      if (failure != null) {
        throw new ErrnoException("openat", failure, directory.path());
      }
      spill = super.createNamelessFile(directory, mode);
      return spill;
    }

    @Override
    public int write(Fd file, ByteBuffer buffer, long offset) throws ErrnoException {
      if (isFull && file.equals(spill)) {
        throw new ErrnoException("pwrite", Errno.ENOSPC, file.path());
      }
      return super.write(file, buffer, offset);
    }
  }

  @Test
  void pathsMayBeAsDeepAsTheyCanBeLong() throws IOException {
    String deep = "d/".repeat(2000) + "f";
    TreeReset reset = TreeReset.to(new LinuxDisk(), LinuxPath.of(tree.files()));
    tree.apply(TarBuilder.pax().file(deep, 0644, "x").file(deep + "2", 0644, "x"));
    assertThat(Files.readString(tree.files().resolve(deep))).isEqualTo("x");
    // JUnit would take minutes to delete it.
    reset.run();
  }

  private void assertFails(TarBuilder tar, String entry, Errno errno) {
    assertThatThrownBy(() -> tree.apply(tar))
        .isInstanceOfSatisfying(
            TreeWriteException.class,
            failure -> {
              assertThat(failure.entry()).isEqualTo(LinuxPath.of(entry));
              assertThat(failure.errno()).isEqualTo(errno);
            })
        .hasMessageContaining("cannot write " + entry + ": ")
        .hasMessageContaining(errno.name());
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
