package io.gatun.snapshot.layer.entry;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.NodeType;
import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.fixture.Pieces;
import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.layer.tar.InvalidLayerException;
import io.gatun.snapshot.layer.tar.TarReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class LayerReaderTest {

  @ParameterizedTest
  @CsvSource({
    "a, '', a",
    "./a, '', a",
    "/a, '', a",
    "../../a, '', a",
    "a/b/c, a/b, c",
    "a//b/./c/, a/b, c",
    "a/../b, '', b",
    "a/b/../../../c, '', c",
    "..a/b., ..a, b.",
    ".../x, ..., x",
    ".wh.dir/file, .wh.dir, file"
  })
  void pathsAreMadeCleanByTheirText(String name, String directory, String last) throws IOException {
    assertThat(first(TarBuilder.pax().file(name, 0644, "")).path())
        .isEqualTo(new LayerPath(LinuxPath.of(directory), LinuxPath.of(last)));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", ".", "./", "/", "..", "../..", "a/..", "a/../", "//"})
  void entriesForTheRootSayNothing(String name) throws IOException {
    assertThat(read(TarBuilder.pax().owner(7, 7).directory(name, 0700))).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {".wh.", ".wh..", ".wh...", "d/.wh..", "d/.wh...", "d/.wh.", "d/.wh../"})
  void whiteoutsOfTheirDirectoryOrAboveAreRefused(String name) {
    assertRefused(TarBuilder.pax().file(name, 0644, ""), "whiteout");
  }

  @Test
  void whiteoutsNameWhatTheyHide() throws IOException {
    assertThat(first(TarBuilder.pax().owner(3, 4).whiteout("d/x")))
        .isEqualTo(
            new LayerEntry.Whiteout(new LayerPath(LinuxPath.of("d"), LinuxPath.of("x")), 3, 4));
    // Not an opaque marker, so the whiteout of a file with that name.
    assertThat(first(TarBuilder.pax().whiteout("d/.wh.plnk")).path().name())
        .isEqualTo(LinuxPath.of(".wh.plnk"));
    assertThat(first(TarBuilder.pax().opaque("d"))).isInstanceOf(LayerEntry.OpaqueDirectory.class);
  }

  @Test
  void aWhiteoutIsOneWhateverTypeItHas() throws IOException {
    assertThat(first(TarBuilder.pax().directory("d/.wh.x", 0755)))
        .isInstanceOf(LayerEntry.Whiteout.class);
  }

  @Test
  void attributesThatDecideAboutOverlayOrAreTrustedAreLeftOutAndCounted() throws IOException {
    TarBuilder tar =
        TarBuilder.pax()
            .xattr("trusted.overlay.opaque", bytes("y"))
            .xattr("user.overlay.redirect", bytes("/x"))
            .xattr("trusted.other", bytes("1"))
            .xattr("user.kept", bytes("2"))
            .xattr("user.overlayed", bytes("3"))
            .file("f", 0644, "");
    LayerReader reader = reader(tar);
    LayerEntry.RegularFile file = (LayerEntry.RegularFile) reader.next().orElseThrow();
    assertThat(file.attributes().xattrs())
        .extracting(xattr -> xattr.name().toString())
        .containsExactly("user.kept", "user.overlayed");
    assertThat(reader.overlayXattrsDropped()).isEqualTo(2);
    assertThat(reader.trustedXattrsDropped()).isEqualTo(1);
  }

  @Test
  void attributesThatTheKernelCannotKeepAreRefused() {
    assertRefused(
        TarBuilder.pax().xattr("user." + "a".repeat(251), new byte[0]).file("f", 0644, ""),
        "extended attribute");
    assertRefused(
        TarBuilder.pax().xattr("user.a", new byte[65_537]).file("f", 0644, ""),
        "extended attribute");
    assertRefused(
        TarBuilder.pax().xattr("", new byte[1]).file("f", 0644, ""), "extended attribute");
  }

  @ParameterizedTest
  @ValueSource(strings = {"-1", "4294967295", "4294967296"})
  void ownersThatNobodyIsAreRefused(String id) {
    assertRefused(TarBuilder.pax().record("uid", id).file("f", 0644, ""), "belongs to " + id);
    assertRefused(TarBuilder.pax().record("gid", id).file("f", 0644, ""), "belongs to " + id);
  }

  @Test
  void devicesBeyondLinuxNumbersAreRefused() throws IOException {
    assertThat(first(TarBuilder.pax().device('3', "c", 0600, 0xfff, 0xfffff)))
        .isInstanceOfSatisfying(
            LayerEntry.Node.class,
            node -> {
              assertThat(node.type()).isEqualTo(NodeType.CHARACTER_DEVICE);
              assertThat(node.major()).isEqualTo(0xfff);
              assertThat(node.minor()).isEqualTo(0xfffff);
            });
    assertRefused(TarBuilder.pax().device('3', "c", 0600, 0x1000, 0), "device 4096:0");
    assertRefused(TarBuilder.pax().device('4', "b", 0600, 0, 0x100000), "device 0:1048576");
    assertRefused(TarBuilder.pax().device('4', "b", 0600, -1, 0), "device -1:0");
  }

  @Test
  void timesAreBoundAndTheAccessNeverPrecedesTheChange() throws IOException {
    assertThat(times("100", "50")).containsExactly(100L, 100L);
    assertThat(times("100", "200")).containsExactly(200L, 100L);
    assertThat(times("-5", "7")).containsExactly(7L, 0L);
    assertThat(times("9223372037", "7")).containsExactly(0L, 0L);
    assertThat(times("9223372036", "")).containsExactly(9223372036L, 9223372036L);
  }

  private static List<Long> times(String modified, String accessed) throws IOException {
    TarBuilder tar = TarBuilder.pax().record("mtime", modified);
    if (!accessed.isEmpty()) {
      tar.record("atime", accessed);
    }
    LayerEntry.Creation file = (LayerEntry.Creation) first(tar.file("f", 0644, ""));
    Timespec access = file.attributes().accessed();
    return List.of(access.seconds(), file.attributes().modified().seconds());
  }

  @Test
  void modesLoseWhatIsNoPermission() throws IOException {
    LayerEntry.Creation file =
        (LayerEntry.Creation)
            first(TarBuilder.pax().entry('0', bytes("f"), 0104755, new byte[0], 0, 0, new byte[0]));
    assertThat(file.attributes().mode()).isEqualTo(04755);
  }

  @Test
  void unknownTypesAreRefused() {
    for (char type : "7ADMNVXz".toCharArray()) {
      assertRefused(
          TarBuilder.pax().entry(type, bytes("f"), 0644, new byte[0], 0, 0, new byte[0]),
          "type that layers cannot have");
    }
  }

  @Test
  void linkTargetsAreJudged() throws IOException {
    assertThat(first(TarBuilder.pax().symbolicLink("l", "../../etc//x")))
        .isInstanceOfSatisfying(
            LayerEntry.SymbolicLink.class,
            link -> assertThat(link.target()).isEqualTo(LinuxPath.of("../../etc//x")));
    assertThat(first(TarBuilder.pax().hardLink("l", 0644, "../../etc//x")))
        .isInstanceOfSatisfying(
            LayerEntry.HardLink.class,
            link -> assertThat(link.target().whole()).isEqualTo(LinuxPath.of("etc/x")));
    assertRefused(TarBuilder.pax().symbolicLink("l", ""), "target of 0 bytes");
    assertRefused(TarBuilder.pax().symbolicLink("l", "x".repeat(4096)), "target of 4096 bytes");
    assertRefused(TarBuilder.pax().hardLink("l", 0644, "../.."), "hard link to the root");
  }

  @Test
  void pathsLongerThanTheKernelTakesAreRefused() throws IOException {
    assertThat(read(TarBuilder.pax().file("a/".repeat(2047) + "b", 0644, ""))).hasSize(1);
    assertRefused(TarBuilder.pax().file("a/".repeat(2047) + "bc", 0644, ""), "4096 bytes");
  }

  private static LayerEntry first(TarBuilder tar) throws IOException {
    return read(tar).getFirst();
  }

  private static List<LayerEntry> read(TarBuilder tar) throws IOException {
    LayerReader reader = reader(tar);
    List<LayerEntry> entries = new ArrayList<>();
    for (Optional<LayerEntry> next = reader.next(); next.isPresent(); next = reader.next()) {
      entries.add(next.get());
    }
    return entries;
  }

  private static LayerReader reader(TarBuilder tar) {
    return new LayerReader(new TarReader(new Pieces(tar.finish(), 1000)));
  }

  private static void assertRefused(TarBuilder tar, String message) {
    assertThatThrownBy(() -> read(tar))
        .isInstanceOf(InvalidLayerException.class)
        .hasMessageContaining(message);
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
