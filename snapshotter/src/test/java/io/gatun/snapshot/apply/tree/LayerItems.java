package io.gatun.snapshot.apply.tree;

import io.gatun.snapshot.apply.tree.LayerItem.Kind;
import io.gatun.snapshot.fixture.TarBuilder;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;

/**
 * Layers of few names, so that entries meet: duplicates, replacements, links on the way, deletions
 * in all places. Most of them make sense, since one that fails at once shows little; some do not.
 */
public final class LayerItems {

  private static final List<String> NAMES = List.of("a", "b", "c", "usr", ".wh.q", "l");
  private static final int[] MODES = {0755, 0755, 0644, 0700, 0, 04755, 02755, 01777, 0777, 06711};
  private static final int[] IDS = {0, 0, 0, 5, 70_000};
  private static final List<String> TIMES =
      List.of("1", "5.000000001", "1000000000", "1700000000.999999999", "-5", "99999999999");

  /** Names that no machine has, for those that lead out. */
  private static final List<String> TARGETS =
      List.of(
          "a", "b", "c", "usr", "a/b", "/a", "/usr", "/usr/b", "/gatun/x", ".", "/", "no/where");

  private static final List<String> TARGETS_AT_TOP =
      List.of("..", "../a", "../../gatun/y", "../../../usr");

  private static final int ITEMS_MAX = 16;

  private final Random random;
  private final List<LayerItem> items = new ArrayList<>();

  /** Whether the layer may well be impossible. */
  private final boolean isRude;

  private LayerItems(Random random) {
    this.random = random;
    this.isRude = random.nextInt(4) == 0;
  }

  public static Arbitrary<List<LayerItem>> layers() {
    return Arbitraries.randomValue(random -> new LayerItems(random).make());
  }

  public static byte[] tar(List<LayerItem> items) {
    TarBuilder tar = TarBuilder.pax();
    items.forEach(item -> item.addTo(tar));
    return tar.finish();
  }

  private List<LayerItem> make() {
    int count = random.nextInt(ITEMS_MAX + 1);
    while (items.size() < count) {
      items.add(item());
    }
    return List.copyOf(items);
  }

  private LayerItem item() {
    Kind kind = kind();
    String path = kind == Kind.OPAQUE ? directory() : path();
    return new LayerItem(
        kind,
        path,
        target(kind, path),
        MODES[random.nextInt(MODES.length)],
        IDS[random.nextInt(IDS.length)],
        IDS[random.nextInt(IDS.length)],
        pick(TIMES),
        random.nextInt(4) == 0 ? pick(TIMES) : "",
        Math.max(0, random.nextInt(3 * LayerItem.XATTRS) - 2 * LayerItem.XATTRS),
        random.nextInt(4) == 0 ? random.nextInt(20_000) : random.nextInt(20));
  }

  private Kind kind() {
    int dice = random.nextInt(100);
    if (dice < 30) {
      return Kind.FILE;
    }
    if (dice < 55) {
      return Kind.DIRECTORY;
    }
    if (dice < 68) {
      return Kind.SYMBOLIC_LINK;
    }
    if (dice < 78) {
      return items.isEmpty() ? Kind.FILE : Kind.HARD_LINK;
    }
    if (dice < 90) {
      return Kind.WHITEOUT;
    }
    return dice < 94 ? Kind.OPAQUE : dice < 97 ? Kind.FIFO : Kind.DEVICE;
  }

  private String path() {
    for (int attempt = 0; ; attempt++) {
      String directory = directory();
      String path = (directory.isEmpty() ? "" : directory + "/") + pick(NAMES);
      if (isRude || attempt == 20 || isPossible(path)) {
        return path.endsWith(".wh.q") ? path.substring(0, path.length() - 5) + "q" : path;
      }
    }
  }

  /** {@return a path of at most two names} */
  private String directory() {
    int depth = random.nextInt(4);
    if (depth == 0) {
      return "";
    }
    return depth == 1 ? pick(NAMES) : pick(NAMES) + "/" + pick(NAMES);
  }

  /** {@return whether no file is in the way, as far as the text tells} */
  private boolean isPossible(String path) {
    for (int slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
      String above = path.substring(0, slash);
      LayerItem last = null;
      for (LayerItem item : items) {
        if (item.path().equals(above) && item.kind() != Kind.OPAQUE) {
          last = item;
        }
      }
      if (last != null
          && last.kind() != Kind.DIRECTORY
          && last.kind() != Kind.SYMBOLIC_LINK
          && last.kind() != Kind.WHITEOUT) {
        return false;
      }
    }
    return true;
  }

  private String target(Kind kind, String path) {
    if (kind == Kind.SYMBOLIC_LINK) {
      if (path.indexOf('/') < 0 && random.nextInt(4) == 0) {
        return pick(TARGETS_AT_TOP);
      }
      String target = pick(TARGETS);
      // Of itself, mostly in vain.
      return isRude || !target.contains(path.substring(path.lastIndexOf('/') + 1))
          ? target
          : "no/where";
    }
    if (kind != Kind.HARD_LINK) {
      return "";
    }
    List<LayerItem> files = items.stream().filter(item -> isLinkable(item, path)).toList();
    return files.isEmpty() || (isRude && random.nextInt(5) == 0)
        ? path()
        : files.get(random.nextInt(files.size())).path();
  }

  private boolean isLinkable(LayerItem item, String path) {
    boolean isFile = !item.kind().isDeletion() && item.kind() != Kind.DIRECTORY;
    boolean isLast =
        items.reversed().stream()
            .filter(other -> other.path().equals(item.path()))
            .findFirst()
            .equals(Optional.of(item));
    return isFile && isLast && !(item.path() + "/").startsWith(path + "/");
  }

  private <T> T pick(List<T> all) {
    return all.get(random.nextInt(all.size()));
  }
}
