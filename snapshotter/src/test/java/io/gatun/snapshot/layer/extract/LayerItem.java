package io.gatun.snapshot.layer.extract;

import io.gatun.snapshot.fixture.TarBuilder;
import io.gatun.snapshot.fixture.TarBuilder.Format;
import io.gatun.snapshot.fixture.TarBuilder.Part;
import io.gatun.snapshot.fixture.TarBuilder.Sparse;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;

/**
 * One entry of a random layer, as plain data that is readable in the report of a failure.
 *
 * @param path of the entry, or of the directory whose content it hides
 * @param target of a link; otherwise empty
 * @param mode of the entry
 * @param uid the owner
 * @param gid the group
 * @param modified a PAX time
 * @param accessed a PAX time, or empty
 * @param xattr selects its extended attributes; 0 for none
 * @param sizeBytes of a file
 * @param spelling how it is encoded
 */
public record LayerItem(
    Kind kind,
    String path,
    String target,
    int mode,
    int uid,
    int gid,
    String modified,
    String accessed,
    int xattr,
    int sizeBytes,
    Spelling spelling) {

  public enum Kind {
    DIRECTORY,
    FILE,
    SPARSE_FILE,
    /** Type 7 of POSIX, which containerd ignores. */
    CONTIGUOUS_FILE,
    SYMBOLIC_LINK,
    HARD_LINK,
    FIFO,
    CHARACTER_DEVICE,
    BLOCK_DEVICE,
    WHITEOUT,
    OPAQUE,
    /** Records for all later entries, which layers ignore. */
    GLOBAL_RECORDS;

    boolean isNode() {
      return this != WHITEOUT && this != OPAQUE && this != GLOBAL_RECORDS;
    }
  }

  /** Ways to write one path. */
  enum Name {
    PLAIN,
    SLASH_AT_END,
    SLASH_AT_START,
    DOT_AT_START,
    DOUBLE_SLASHES,
    DOWN_AND_UP,
    FROM_ABOVE,
    /** Longer than a header with its prefix can hold. */
    LONG;

    String of(String path) {
      return switch (this) {
        case PLAIN -> path;
        case SLASH_AT_END -> path + "/";
        case SLASH_AT_START -> "/" + path;
        case DOT_AT_START -> "./" + path;
        case DOUBLE_SLASHES -> path.replace("/", "//");
        case DOWN_AND_UP -> "x/../" + path;
        case FROM_ABOVE -> "../../" + path;
        case LONG -> "./".repeat(55) + path;
      };
    }

    /** The same for the target of a hard link, which containerd does not always clean. */
    String ofTarget(String path) {
      return switch (this) {
        case PLAIN, SLASH_AT_END, DOWN_AND_UP, FROM_ABOVE -> path;
        case SLASH_AT_START, DOT_AT_START, DOUBLE_SLASHES, LONG -> of(path);
      };
    }
  }

  /**
   * The encoding of an entry, which does not change its meaning.
   *
   * @param format of its header
   * @param sparse format of a file with holes
   * @param name how its path is written
   * @param isBinary whether to use binary numbers even where digits suffice
   */
  record Spelling(Format format, Sparse sparse, Name name, boolean isBinary) {}

  static final int XATTRS = 4;

  /** cap_net_raw permitted, in version 2: capability.h. */
  private static final byte[] CAPABILITY =
      HexFormat.of().parseHex("0100000200200000000000000000000000000000");

  /** u::rwx, g::r-x, o::r-x and u:1000:r-x, mask r-x: acl(5), posix_acl_xattr.h. */
  private static final byte[] ACL =
      HexFormat.of()
          .parseHex(
              "02000000"
                  + ("01000700ffffffff" + "02000500e8030000" + "04000500ffffffff")
                  + ("10000500ffffffff" + "20000500ffffffff"));

  /** {@return the same entry with other extended attributes} */
  public LayerItem withXattr(int other) {
    return new LayerItem(
        kind, path, target, mode, uid, gid, modified, accessed, other, sizeBytes, spelling);
  }

  /** {@return whether the extents of a sparse file are whole blocks of a tar} */
  public boolean isOfWholeBlocks() {
    return sizeBytes % 2 == 0;
  }

  /** {@return whether a sparse file ends in a hole} */
  public boolean isHoleAtEnd() {
    return kind == Kind.SPARSE_FILE && mode % 8 == 0;
  }

  /** {@return whether it is a directory with a default ACL} */
  public boolean hasDefaultAcl() {
    return kind == Kind.DIRECTORY && xattr == 3;
  }

  /** {@return whether it is a sparse file in a format that containerd does not support} */
  public boolean isSparseInOldFormat() {
    return kind == Kind.SPARSE_FILE && spelling.sparse() == Sparse.OLD_GNU;
  }

  /** {@return whether it is a 0:0 device, which an overlay treats as a whiteout} */
  public boolean isDeviceOfWhiteouts() {
    return kind == Kind.CHARACTER_DEVICE && spelling.format() == Format.V7;
  }

  void addTo(TarBuilder tar) {
    tar.format(spelling.format());
    if (kind == Kind.GLOBAL_RECORDS) {
      tar.extension('g', TarBuilder.encoded(Map.of("path", bytes(path), "uid", bytes("7"))));
      return;
    }
    tar.owner(uid, gid);
    if (spelling.isBinary()) {
      tar.binary();
    }
    addTimes(tar);
    if (spelling.format() == Format.PAX) {
      addXattr(tar);
    }
    String name = spelling.name().of(name());
    switch (kind) {
      case DIRECTORY -> {
        if (spelling.format() == Format.V7) {
          tar.file(name.endsWith("/") ? name : name + "/", mode, "");
        } else {
          tar.directory(name, mode);
        }
      }
      case FILE -> tar.file(name, mode, content());
      case SPARSE_FILE -> addSparse(tar, name);
      case CONTIGUOUS_FILE -> tar.entry('7', bytes(name), mode, new byte[0], 0, 0, content());
      case SYMBOLIC_LINK ->
          tar.symbolicLink(name, spelling.name() == Name.LONG ? Name.LONG.of(target) : target);
      case HARD_LINK -> tar.hardLink(name, mode, spelling.name().ofTarget(target));
      case FIFO -> tar.fifo(name, mode);
      case CHARACTER_DEVICE -> tar.device('3', name, mode, 1, 3);
      case BLOCK_DEVICE -> tar.device('4', name, mode, 4095, 1_048_575);
      case WHITEOUT, OPAQUE -> tar.file(name, 0644, "");
      case GLOBAL_RECORDS -> throw new AssertionError("no entry");
    }
  }

  private String name() {
    int slash = path.lastIndexOf('/');
    return switch (kind) {
      case WHITEOUT -> path.substring(0, slash + 1) + ".wh." + path.substring(slash + 1);
      case OPAQUE -> path + "/.wh..wh..opq";
      default -> path;
    };
  }

  private void addTimes(TarBuilder tar) {
    if (spelling.format() == Format.PAX) {
      tar.record("mtime", modified);
      if (!accessed.isEmpty()) {
        tar.record("atime", accessed);
      }
    } else {
      tar.modified(seconds(modified));
      if (!accessed.isEmpty()) {
        tar.accessed(seconds(accessed));
      }
    }
  }

  private void addXattr(TarBuilder tar) {
    switch (xattr) {
      case 1 -> tar.xattr("user.a", bytes(path));
      case 2 -> tar.xattr("security.capability", CAPABILITY);
      case 3 -> {
        boolean isDirectory = kind == Kind.DIRECTORY;
        tar.xattr("system.posix_acl_" + (isDirectory ? "default" : "access"), ACL);
      }
      default -> {}
    }
  }

  /** Holes before and between the extents, of which a large file has many. */
  private void addSparse(TarBuilder tar, String name) {
    int partBytes = isOfWholeBlocks() ? 2 * TarBuilder.BLOCK : 700;
    int holeBytes = isOfWholeBlocks() ? TarBuilder.BLOCK : 100;
    byte[] all = content();
    if (isOfWholeBlocks()) {
      all = Arrays.copyOf(all, -Math.floorDiv(-all.length, partBytes) * partBytes);
    }
    List<Part> parts = new ArrayList<>();
    long end = 0;
    for (int at = 0; at < all.length; at += partBytes) {
      byte[] part = Arrays.copyOfRange(all, at, Math.min(all.length, at + partBytes));
      part[0] = (byte) ('a' + parts.size());
      parts.add(new Part(end + holeBytes, part));
      end += holeBytes + part.length;
    }
    tar.sparseFile(
        spelling.sparse(), name, mode, isHoleAtEnd() ? end + holeBytes : end, List.copyOf(parts));
  }

  private byte[] content() {
    return bytes("x".repeat(sizeBytes) + path);
  }

  private static long seconds(String time) {
    int point = time.indexOf('.');
    return Long.parseLong(point < 0 ? time : time.substring(0, point));
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
