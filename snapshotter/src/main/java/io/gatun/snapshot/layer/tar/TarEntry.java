package io.gatun.snapshot.layer.tar;

import io.gatun.linux.LinuxPath;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One entry of a tar as it stands there, with the extensions that came before it merged in. Nothing
 * about it has been judged but that it can be read.
 *
 * @param offset where its own header is in the tar; extensions come before it
 * @param contentOffset where the first byte of its content is in the tar
 * @param type what it is
 * @param name any bytes but NUL, maybe none
 * @param linkName where a link leads to
 * @param mode the number as it stands there, of which the low twelve bits are permissions
 * @param uid the number as it stands there
 * @param gid the number as it stands there
 * @param sizeBytes the length of the file, holes included; 0 for what has no content
 * @param deviceMajor the number as it stands there
 * @param deviceMinor the number as it stands there
 * @param modified mtime
 * @param accessed atime, if there is one
 * @param xattrs its extended attributes, each name once
 * @param extents the parts of the file that follow as content, in order, one right after the other
 */
public record TarEntry(
    long offset,
    long contentOffset,
    TarType type,
    LinuxPath name,
    LinuxPath linkName,
    long mode,
    long uid,
    long gid,
    long sizeBytes,
    long deviceMajor,
    long deviceMinor,
    TarTime modified,
    @Nullable TarTime accessed,
    List<TarXattr> xattrs,
    List<TarExtent> extents) {

  /** {@return the entry for a message: its name and where it is} */
  public String description() {
    return "entry \"%s\" at offset %d".formatted(name, offset);
  }
}
