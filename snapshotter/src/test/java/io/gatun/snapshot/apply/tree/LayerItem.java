package io.gatun.snapshot.apply.tree;

import io.gatun.snapshot.fixture.TarBuilder;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

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
    int sizeBytes) {

  public enum Kind {
    DIRECTORY,
    FILE,
    SYMBOLIC_LINK,
    HARD_LINK,
    FIFO,
    DEVICE,
    WHITEOUT,
    OPAQUE;

    boolean isDeletion() {
      return this == WHITEOUT || this == OPAQUE;
    }
  }

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
    return new LayerItem(kind, path, target, mode, uid, gid, modified, accessed, other, sizeBytes);
  }

  void addTo(TarBuilder tar) {
    tar.owner(uid, gid).record("mtime", modified);
    if (!accessed.isEmpty()) {
      tar.record("atime", accessed);
    }
    switch (xattr) {
      case 1 -> tar.xattr("user.a", bytes(path));
      case 2 -> tar.xattr("security.capability", CAPABILITY);
      case 3 -> {
        boolean isDirectory = kind == Kind.DIRECTORY;
        tar.xattr("system.posix_acl_" + (isDirectory ? "default" : "access"), ACL);
      }
      default -> {}
    }
    switch (kind) {
      case DIRECTORY -> tar.directory(path, mode);
      case FILE -> tar.file(path, mode, bytes("x".repeat(sizeBytes) + path));
      case SYMBOLIC_LINK -> tar.symbolicLink(path, target);
      case HARD_LINK -> tar.hardLink(path, mode, target);
      case FIFO -> tar.fifo(path, mode);
      case DEVICE -> tar.device('3', path, mode, 1, 3);
      case WHITEOUT -> tar.whiteout(path);
      case OPAQUE -> tar.opaque(path);
    }
  }

  private static byte[] bytes(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
