package io.gatun.snapshot.layer.entry;

import static org.assertj.core.api.Assertions.assertThat;

import io.gatun.linux.LinuxPath;
import java.util.ArrayList;
import java.util.List;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class LayerPathProperties {

  @Property(tries = 5000)
  void eachComponentCountsAsItSays(@ForAll("components") List<String> components) {
    LinuxPath path = LinuxPath.of(String.join("/", components));
    byte[] before = path.bytes();

    assertThat(LayerPath.clean(path)).isEqualTo(LinuxPath.of(String.join("/", walked(components))));
    assertThat(path.bytes()).isEqualTo(before);
  }

  @Property
  void cleanPathsStayAsTheyAre(@ForAll("components") List<String> components) {
    LinuxPath clean = LayerPath.clean(LinuxPath.of(String.join("/", components)));

    assertThat(LayerPath.clean(clean)).isEqualTo(clean);
  }

  @Property
  void directoryAndNameAreTheWhole(@ForAll("components") List<String> components) {
    List<String> walked = walked(components);
    if (walked.isEmpty()) {
      return;
    }

    LayerPath split = LayerPath.split(LinuxPath.of(String.join("/", walked)));

    assertThat(split.name()).isEqualTo(LinuxPath.of(walked.removeLast()));
    assertThat(split.directory()).isEqualTo(LinuxPath.of(String.join("/", walked)));
  }

  @Test
  void pathsThatAreCleanAreNotCopied() {
    LinuxPath clean = LinuxPath.of("usr/.hidden/..name/a.");

    assertThat(LayerPath.clean(clean)).isSameAs(clean);
  }

  /** A walk that cannot go above the root. */
  private static List<String> walked(List<String> components) {
    List<String> at = new ArrayList<>();
    for (String component : components) {
      if (component.equals("..")) {
        if (!at.isEmpty()) {
          at.removeLast();
        }
      } else if (!component.isEmpty() && !component.equals(".")) {
        at.add(component);
      }
    }
    return at;
  }

  @Provide
  Arbitrary<List<String>> components() {
    return Arbitraries.of("", ".", "..", "...", ".a", "a.", "b", "..c", "long-name")
        .list()
        .ofMaxSize(8);
  }
}
