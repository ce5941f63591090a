package io.gatun.snapshot.layer.extract;

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

class UnnamedDirectoryListTest {

  private static final UnnamedDirectory.Inherited[] INHERITED = UnnamedDirectory.Inherited.values();

  @Property
  void whatWasAddedIsThere(@ForAll("directories") List<UnnamedDirectory> directories) {
    UnnamedDirectoryList.Builder builder = new UnnamedDirectoryList.Builder();
    directories.forEach(each -> builder.add(each.path(), each.inherited()));
    UnnamedDirectoryList list = builder.build().orElseThrow();
    assertThat(list).containsExactlyElementsOf(directories);
    assertThat(list.isEmpty()).isEqualTo(directories.isEmpty());
    assertThat(UnnamedDirectoryList.ofBytes(list.bytes())).isEqualTo(list);
  }

  /** They may be read from a file that anything may have happened to. */
  @Property
  void anyBytesAreAListOrRefused(@ForAll byte[] bytes) {
    UnnamedDirectoryList list;
    try {
      list = UnnamedDirectoryList.ofBytes(bytes);
    } catch (IllegalArgumentException e) {
      return;
    }
    assertThat(list).allSatisfy(each -> assertThat(each.path().isEmpty()).isFalse());
  }

  @Example
  void nothingIsKeptOfMoreThanCanBe() {
    UnnamedDirectoryList.Builder builder = new UnnamedDirectoryList.Builder(1000);
    for (int i = 0; i < 70; i++) {
      builder.add(LinuxPath.of("d" + i), UnnamedDirectory.Inherited.ATTRIBUTES);
    }
    assertThat(builder.build()).isPresent();
    for (int i = 0; i < 1000; i++) {
      builder.add(LinuxPath.of("e" + i), UnnamedDirectory.Inherited.ATTRIBUTES);
    }
    assertThat(builder.build()).isEmpty();
  }

  /** The path of one file can lead through two thousand of them. */
  @Example
  void deepPathsTakeLittle() {
    UnnamedDirectoryList.Builder builder = new UnnamedDirectoryList.Builder();
    StringBuilder path = new StringBuilder("d");
    for (int i = 0; i < 2000; i++) {
      builder.add(LinuxPath.of(path.toString()), UnnamedDirectory.Inherited.ATTRIBUTES_OR_GROUP);
      path.append("/d");
    }
    assertThat(builder.build().orElseThrow().sizeBytes()).isLessThan(20_000);
  }

  @Provide
  Arbitrary<List<UnnamedDirectory>> directories() {
    return Arbitraries.randomValue(UnnamedDirectoryListTest::random);
  }

  private static List<UnnamedDirectory> random(Random random) {
    List<UnnamedDirectory> directories = new ArrayList<>();
    LinuxPath last = LinuxPath.EMPTY;
    for (int left = random.nextInt(50); left > 0; left--) {
      byte[] name = new byte[1 + random.nextInt(random.nextInt(10) == 0 ? 250 : 5)];
      random.nextBytes(name);
      for (int i = 0; i < name.length; i++) {
        name[i] = name[i] == 0 || name[i] == '/' ? (byte) 'x' : name[i];
      }
      boolean isBeside = last.isEmpty() || random.nextInt(3) == 0;
      last = isBeside ? LinuxPath.ofBytes(name) : last.resolve(LinuxPath.ofBytes(name));
      directories.add(new UnnamedDirectory(last, INHERITED[random.nextInt(INHERITED.length)]));
    }
    return directories;
  }
}
