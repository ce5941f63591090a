package io.gatun.snapshot.layer.lower;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

class ImplicitDirectoryListTest {

  private static final ImplicitDirectory.Inherited[] INHERITED =
      ImplicitDirectory.Inherited.values();

  @Property
  void whatWasAddedIsThere(@ForAll("directories") List<ImplicitDirectory> directories) {
    ImplicitDirectoryList.Builder builder = new ImplicitDirectoryList.Builder();
    directories.forEach(each -> builder.add(each.path(), each.inherited()));
    ImplicitDirectoryList list = builder.build().orElseThrow();
    assertThat(list).containsExactlyElementsOf(directories);
    assertThat(list.isEmpty()).isEqualTo(directories.isEmpty());
    assertThat(ImplicitDirectoryList.ofBytes(list.bytes())).isEqualTo(list);
  }

  /** The list is read from a file that may be corrupt. */
  @Property
  void anyBytesAreAListOrRefused(@ForAll byte[] bytes) {
    ImplicitDirectoryList list;
    try {
      list = ImplicitDirectoryList.ofBytes(bytes);
    } catch (IllegalArgumentException e) {
      return;
    }
    assertThat(list).allSatisfy(each -> assertThat(each.path().isEmpty()).isFalse());
  }

  @Example
  void nothingIsKeptOfMoreThanCanBe() {
    ImplicitDirectoryList.Builder builder = new ImplicitDirectoryList.Builder(1000);
    for (int i = 0; i < 70; i++) {
      builder.add(LinuxPath.of("d" + i), ImplicitDirectory.Inherited.ATTRIBUTES);
    }
    assertThat(builder.build()).isPresent();
    for (int i = 0; i < 1000; i++) {
      builder.add(LinuxPath.of("e" + i), ImplicitDirectory.Inherited.ATTRIBUTES);
    }
    assertThat(builder.build()).isEmpty();
  }

  /** The path of one file can lead through two thousand directories. */
  @Example
  void deepPathsTakeLittle() {
    ImplicitDirectoryList.Builder builder = new ImplicitDirectoryList.Builder();
    StringBuilder path = new StringBuilder("d");
    for (int i = 0; i < 2000; i++) {
      builder.add(LinuxPath.of(path.toString()), ImplicitDirectory.Inherited.ATTRIBUTES_OR_GROUP);
      path.append("/d");
    }
    assertThat(builder.build().orElseThrow().sizeBytes()).isLessThan(20_000);
  }

  @Provide
  Arbitrary<List<ImplicitDirectory>> directories() {
    return Arbitraries.randomValue(ImplicitDirectoryListTest::random);
  }

  private static List<ImplicitDirectory> random(Random random) {
    List<ImplicitDirectory> directories = new ArrayList<>();
    LinuxPath last = LinuxPath.EMPTY;
    for (int left = random.nextInt(50); left > 0; left--) {
      byte[] name = new byte[1 + random.nextInt(random.nextInt(10) == 0 ? 250 : 5)];
      random.nextBytes(name);
      for (int i = 0; i < name.length; i++) {
        name[i] = name[i] == 0 || name[i] == '/' ? (byte) 'x' : name[i];
      }
      boolean isBeside = last.isEmpty() || random.nextInt(3) == 0;
      last = isBeside ? LinuxPath.ofBytes(name) : last.resolve(LinuxPath.ofBytes(name));
      directories.add(new ImplicitDirectory(last, INHERITED[random.nextInt(INHERITED.length)]));
    }
    return directories;
  }
}
