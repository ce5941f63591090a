package io.gatun.snapshot.layer.extract;

import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TarBuilder.Format;
import io.gatun.snapshot.fixture.TarBuilder.Sparse;
import io.gatun.snapshot.layer.extract.LayerItem.Kind;
import io.gatun.snapshot.layer.extract.LayerItem.Name;
import io.gatun.snapshot.layer.extract.LayerItem.Spelling;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;

/**
 * Layers with few names, so that entries collide: duplicates, replacements, links on the path,
 * deletions everywhere. Most are valid, since one that fails at once shows little; some are not.
 * They come in every format of tar, some in several at once.
 */
public final class LayerItems {

  private static final List<String> NAMES = List.of("a", "b", "c", "usr", ".wh.q", "l");
  private static final int[] MODES = {0755, 0755, 0644, 0700, 0, 04755, 02755, 01777, 0777, 06711};

  /** Whiteout targets whose own names are unusual, like those that AUFS reserves. */
  private static final List<String> ODD_NAMES =
      List.of(".wh.plnk", ".wh.aufs", ".wh.q", "...", ".opq", "..a");

  /** Names that may not be deleted, so that the layer is refused. */
  private static final List<String> SELVES = List.of("", ".", "..");

  /** Used for nothing else, since containerd removes a file of this name: see LayerReader. */
  private static final String GLOBAL_NAME = "pax_global_header";

  private static final List<Sparse> PAX_SPARSE =
      List.of(Sparse.PAX_0_0, Sparse.PAX_0_1, Sparse.PAX_1_0);

  /** The last one needs more digits than a header has. */
  private static final int[] IDS = {0, 0, 0, 5, 70_000, 3_000_000};

  private static final List<String> TIMES =
      List.of("1", "5.000000001", "1000000000", "1700000000.999999999", "-5", "99999999999");

  /** Names that exist on no machine, for those that lead out. */
  private static final List<String> TARGETS =
      List.of(
          "a", "b", "c", "usr", "a/b", "/a", "/usr", "/usr/b", "/gatun/x", ".", "/", "no/where");

  private static final List<String> TARGETS_AT_TOP =
      List.of("..", "../a", "../../gatun/y", "../../../usr");

  private static final int ITEMS_MAX = 16;

  private final Random random;
  private final List<LayerItem> items = new ArrayList<>();

  /** Whether the layer may be invalid. */
  private final boolean isRude;

  /** The formats of the entries. */
  private final List<Format> formats;

  private LayerItems(Random random) {
    this.random = random;
    this.isRude = random.nextInt(4) == 0;
    this.formats = formats(random.nextInt(10));
  }

  private static List<Format> formats(int dice) {
    return switch (dice) {
      case 0, 1 -> List.of(Format.GNU);
      case 2 -> List.of(Format.USTAR);
      case 3 -> List.of(Format.values());
      default -> List.of(Format.PAX);
    };
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
    Format format = pick(formats);
    Kind kind = kind(format);
    String path = path(kind);
    return new LayerItem(
        kind,
        path,
        target(kind, path),
        MODES[random.nextInt(MODES.length)],
        IDS[random.nextInt(IDS.length)],
        IDS[random.nextInt(IDS.length)],
        pick(TIMES),
        random.nextInt(4) == 0 ? pick(TIMES) : "",
        xattr(format),
        random.nextInt(4) == 0 ? random.nextInt(20_000) : random.nextInt(20),
        spelling(format, kind));
  }

  private int xattr(Format format) {
    int xattr = Math.max(0, random.nextInt(3 * LayerItem.XATTRS) - 2 * LayerItem.XATTRS);
    return format == Format.PAX ? xattr : 0;
  }

  private Spelling spelling(Format format, Kind kind) {
    Name name = random.nextInt(4) == 0 ? pick(List.of(Name.values())) : Name.PLAIN;
    boolean isLink = kind == Kind.SYMBOLIC_LINK || kind == Kind.HARD_LINK;
    boolean isRoomForLong =
        switch (format) {
          case V7 -> false;
          case USTAR, STAR -> !isLink;
          case PAX, GNU -> true;
        };
    boolean isDirectoryByItsSlash = format == Format.V7 && kind == Kind.FILE;
    if ((name == Name.LONG && !isRoomForLong)
        || (name == Name.SLASH_AT_END && isDirectoryByItsSlash)) {
      name = Name.DOT_AT_START;
    }
    return new Spelling(
        format,
        format == Format.PAX ? pick(PAX_SPARSE) : Sparse.OLD_GNU,
        name,
        random.nextInt(4) == 0);
  }

  private Kind kind(Format format) {
    int dice = random.nextInt(100);
    if (dice < 30) {
      return file(format);
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
    return switch (dice) {
      case 90, 91, 92 -> Kind.OPAQUE;
      case 93 -> Kind.GLOBAL_RECORDS;
      case 94, 95, 96 -> Kind.FIFO;
      case 97 -> Kind.BLOCK_DEVICE;
      default -> Kind.CHARACTER_DEVICE;
    };
  }

  /** containerd fails on sparse files in the old format and on contiguous ones. */
  private Kind file(Format format) {
    if (isRude && random.nextInt(100) == 0) {
      return Kind.CONTIGUOUS_FILE;
    }
    boolean isSparse =
        (format == Format.PAX && random.nextInt(10) == 0)
            || (format == Format.GNU && isRude && random.nextInt(10) == 0);
    return isSparse ? Kind.SPARSE_FILE : Kind.FILE;
  }

  private String path(Kind kind) {
    if (kind == Kind.OPAQUE) {
      return directory();
    }
    if (kind == Kind.GLOBAL_RECORDS) {
      return GLOBAL_NAME;
    }
    if (kind == Kind.WHITEOUT && random.nextInt(8) == 0) {
      String directory = directory();
      String hidden = isRude && random.nextInt(4) == 0 ? pick(SELVES) : pick(ODD_NAMES);
      return (directory.isEmpty() ? "" : directory + "/") + hidden;
    }
    return path();
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

  /** {@return whether no file is on the path, judging by the names} */
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
      // Links to itself mostly fail.
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
    boolean isFile = item.kind().isNode() && item.kind() != Kind.DIRECTORY;
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
