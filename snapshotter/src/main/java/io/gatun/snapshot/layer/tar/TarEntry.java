package io.gatun.snapshot.layer.tar;

import io.gatun.linux.LinuxPath;
import io.gatun.linux.file.Timespec;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * One entry of a tar, merged with the extensions before it, but not validated otherwise.
 *
 * @param offset of its own header in the tar, after its extensions
 * @param contentOffset of its first byte of content in the tar
 * @param name any bytes but NUL, possibly empty
 * @param linkName the target of a link
 * @param mode the raw number, whose low twelve bits are permissions; the ids and device numbers are
 *     raw as well
 * @param sizeBytes the length of the file including holes; 0 for entries without content
 * @param xattrs the extended attributes, with unique names
 * @param extents the parts of the file that follow as content, in order and without gaps in the tar
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
    Timespec modified,
    @Nullable Timespec accessed,
    List<TarXattr> xattrs,
    List<TarExtent> extents) {

  /** {@return the name and offset for messages} */
  public String description() {
    return "entry \"%s\" at offset %d".formatted(name, offset);
  }
}
