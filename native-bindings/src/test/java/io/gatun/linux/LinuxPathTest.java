package io.gatun.linux;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.gatun.linux.file.Stat;
import java.io.ByteArrayOutputStream;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarOutputStream;
import java.util.jar.Manifest;
import java.util.stream.Stream;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class LinuxPathTest {

  @Test
  void stringsAreUtf8() {
    assertThat(LinuxPath.of("ä/b").bytes()).containsExactly(0xc3, 0xa4, '/', 'b');
    assertThat(LinuxPath.of("ä/b")).hasToString("ä/b");
    assertThat(LinuxPath.of("\ud83d\udc33")).hasToString("\ud83d\udc33");
  }

  @Test
  void nulIsRefusedWhereverItIs() {
    for (String path : List.of("\0", "a\0", "\0a", "a\0b")) {
      assertThatThrownBy(() -> LinuxPath.of(path))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("\\x00");
    }
    assertThatThrownBy(() -> LinuxPath.ofBytes(new byte[] {'a', 0}))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void unpairedSurrogateIsRefused() {
    assertThatThrownBy(() -> LinuxPath.of("a\ud800b"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("surrogate");
  }

  @Test
  void bytesThatAreNoUtf8AreShownInHex() {
    assertThat(LinuxPath.ofBytes(new byte[] {'a', (byte) 0xff, 'b', (byte) 0xc3}))
        .hasToString("a\\xFFb\\xC3");
    assertThat(LinuxPath.of("a\nb\u007f")).hasToString("a\\x0Ab\\x7F");
  }

  @Test
  void childrenAreResolvedAsTheKernelWould() {
    assertThat(LinuxPath.of("a").resolve("b")).isEqualTo(LinuxPath.of("a/b"));
    assertThat(LinuxPath.of("a/").resolve("b")).isEqualTo(LinuxPath.of("a/b"));
    assertThat(LinuxPath.of("/").resolve("b")).isEqualTo(LinuxPath.of("/b"));
    assertThat(LinuxPath.of("a").resolve("/b")).isEqualTo(LinuxPath.of("/b"));
    assertThat(LinuxPath.of("a").resolve("")).isEqualTo(LinuxPath.of("a"));
    assertThat(LinuxPath.EMPTY.resolve("b")).isEqualTo(LinuxPath.of("b"));
  }

  @Test
  void orderIsThatOfUnsignedBytes() {
    LinuxPath high = LinuxPath.ofBytes(new byte[] {(byte) 0x80});
    assertThat(Stream.of(high, LinuxPath.of("b"), LinuxPath.of("a"), LinuxPath.of("aa")).sorted())
        .containsExactly(LinuxPath.of("a"), LinuxPath.of("aa"), LinuxPath.of("b"), high);
  }

  @Test
  void bytesCannotBeChangedFromOutside() {
    byte[] bytes = {'a'};
    LinuxPath path = LinuxPath.ofBytes(bytes);
    bytes[0] = 'b';
    path.bytes()[0] = 'c';
    assertThat(path).isEqualTo(LinuxPath.of("a"));
  }

  @Test
  void wrappedBytesAreCheckedToo() {
    assertThat(LinuxPath.wrap(new byte[] {'a', '/', (byte) 0xff}))
        .isEqualTo(LinuxPath.ofBytes(new byte[] {'a', '/', (byte) 0xff}));
    assertThat(LinuxPath.wrap(new byte[0])).isSameAs(LinuxPath.EMPTY);
    assertThatThrownBy(() -> LinuxPath.wrap(new byte[] {'a', 0}))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void slicesAreOfBytes() {
    LinuxPath path = LinuxPath.of("usr/lib");
    assertThat(path.slice(0, 3)).isEqualTo(LinuxPath.of("usr"));
    assertThat(path.slice(3, 7)).isEqualTo(LinuxPath.of("/lib"));
    assertThat(path.slice(0, 7)).isSameAs(path);
    assertThat(path.slice(7, 7)).isSameAs(LinuxPath.EMPTY);
    assertThat(path.byteAt(3)).isEqualTo((byte) '/');
    assertThatThrownBy(() -> path.slice(4, 8)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> path.slice(-1, 2)).isInstanceOf(IndexOutOfBoundsException.class);
    assertThatThrownBy(() -> path.slice(8, 8)).isInstanceOf(IndexOutOfBoundsException.class);
  }

  @Test
  void prefixesAreOfBytes() {
    LinuxPath path = LinuxPath.of("usr/lib");
    for (String prefix : List.of("", "us", "usr", "usr/", "usr/lib")) {
      assertThat(path.hasPrefix(LinuxPath.of(prefix))).as(prefix).isTrue();
    }
    for (String other : List.of("u/", "usr/lib/", "sr")) {
      assertThat(path.hasPrefix(LinuxPath.of(other))).as(other).isFalse();
    }
  }

  @Test
  void pathsOfTheJdkKeepTheBytesThatItCannotShow(@TempDir Path temporary) throws Exception {
    LinuxPath name = LinuxPath.ofBytes(new byte[] {'x', (byte) 0xfe, '%', ' ', '#'});
    LinuxPath directory = LinuxPath.of(temporary).resolve(name);
    Stat.mkdirat(Fd.CURRENT_DIRECTORY, directory, 0755);
    Stat.mkdirat(Fd.CURRENT_DIRECTORY, directory.resolve("é"), 0755);
    try (Stream<Path> found = Files.walk(temporary)) {
      assertThat(found.map(LinuxPath::of))
          .containsExactly(LinuxPath.of(temporary.toString()), directory, directory.resolve("é"));
    }
  }

  @Test
  void relativePathsOfTheJdkStayRelative() {
    assertThat(LinuxPath.of(Path.of("a/b"))).isEqualTo(LinuxPath.of("a/b"));
    assertThat(LinuxPath.of(Path.of("ä/b"))).isEqualTo(LinuxPath.of("ä/b"));
    assertThat(LinuxPath.of(Path.of("../ä"))).isEqualTo(LinuxPath.of("../ä"));
    assertThat(LinuxPath.of(Path.of(""))).isEqualTo(LinuxPath.EMPTY);
    assertThat(LinuxPath.of(Path.of("/ä"))).isEqualTo(LinuxPath.of("/ä"));
  }

  @Test
  void pathsOfOtherFilesystemsAreRefused(@TempDir Path temporary) throws Exception {
    ByteArrayOutputStream empty = new ByteArrayOutputStream();
    new JarOutputStream(empty, new Manifest()).close();
    Path jar = Files.write(temporary.resolve("empty.jar"), empty.toByteArray());
    try (var filesystem = FileSystems.newFileSystem(jar)) {
      assertThatThrownBy(() -> LinuxPath.of(filesystem.getPath("/x")))
          .isInstanceOf(IllegalArgumentException.class);
    }
  }

  @Property
  void anyOtherBytesAreKept(@ForAll byte[] bytes) {
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = bytes[i] == 0 ? 1 : bytes[i];
    }
    LinuxPath path = LinuxPath.ofBytes(bytes);
    assertThat(path.bytes()).isEqualTo(bytes);
    assertThat(path.length()).isEqualTo(bytes.length);
    assertThat(path)
        .isEqualTo(LinuxPath.ofBytes(bytes))
        .hasSameHashCodeAs(LinuxPath.ofBytes(bytes));
    assertThat(path.toString()).doesNotContain("\n", "\ufffd");
  }
}
