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
 * One entry of a made-up layer, as plain data so that it can be read in the report of a failure.
 *
 * @param path of what it makes, hides or whose content it hides
 * @param target of a link; otherwise empty
 * @param mode of what it makes
 * @param uid the owner
 * @param gid the group
 * @param modified a PAX time
 * @param accessed a PAX time, or empty
 * @param xattr which of some extended attributes it has; 0 for none
 * @param sizeBytes of a file
 * @param spelling how it is written
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
    /** Of the type 7 of POSIX, which containerd has no use for. */
    CONTIGUOUS_FILE,
    SYMBOLIC_LINK,
    HARD_LINK,
    FIFO,
    CHARACTER_DEVICE,
    BLOCK_DEVICE,
    WHITEOUT,
    OPAQUE,
    /** Records for all that follows, which say nothing to a layer. */
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
    /** Longer than a header has room for, and than its prefix. */
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

    /** The same for the target of a hard link, which containerd does not make clean in each way. */
    String ofTarget(String path) {
      return switch (this) {
        case PLAIN, SLASH_AT_END, DOWN_AND_UP, FROM_ABOVE -> path;
        case SLASH_AT_START, DOT_AT_START, DOUBLE_SLASHES, LONG -> of(path);
      };
    }
  }

  /**
   * How an entry is written, whatever it means.
   *
   * @param format of its header
   * @param sparse how a file with holes is written
   * @param name how its path is
   * @param isBinary whether numbers are in binary also where digits would do
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

  /** {@return the same with other extended attributes} */
  public LayerItem withXattr(int other) {
    return new LayerItem(
        kind, path, target, mode, uid, gid, modified, accessed, other, sizeBytes, spelling);
  }

  /** {@return whether a sparse file has parts that are whole blocks of a tar} */
  public boolean isOfWholeBlocks() {
    return sizeBytes % 2 == 0;
  }

  /** {@return whether a sparse file ends in a hole} */
  public boolean isHoleAtEnd() {
    return kind == Kind.SPARSE_FILE && mode % 8 == 0;
  }

  /** {@return whether it is a directory that gives what is made in it an ACL} */
  public boolean hasDefaultAcl() {
    return kind == Kind.DIRECTORY && xattr == 3;
  }

  /** {@return whether it is a file with holes in the format that containerd does not take} */
  boolean isSparseInOldFormat() {
    return kind == Kind.SPARSE_FILE && spelling.sparse() == Sparse.OLD_GNU;
  }

  /** {@return whether it is a device, without numbers, that an overlay takes for a whiteout} */
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

  /** Holes before and between the parts, of which there are many if it is large. */
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
