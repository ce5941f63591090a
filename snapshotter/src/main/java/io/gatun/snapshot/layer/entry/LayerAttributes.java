package io.gatun.snapshot.layer.entry;

import io.gatun.linux.file.Timespec;
import io.gatun.snapshot.layer.tar.TarXattr;
import java.util.List;

/**
 * The attributes of a file, in the form in which the kernel takes them.
 *
 * @param mode permission bits with set-user-id, set-group-id and sticky
 * @param uid the owner, unsigned, never the value that means "unchanged" in chown(2)
 * @param gid the group, likewise
 * @param accessed not before {@code modified}, unless that exceeds the range that can be set
 * @param modified from 1970 to 2262
 * @param xattrs the extended attributes to set, without trusted ones and overlayfs's own
 */
public record LayerAttributes(
    int mode, int uid, int gid, Timespec accessed, Timespec modified, List<TarXattr> xattrs) {}
