package io.gatun.snapshot.layer.tar;

import io.gatun.linux.Timespec;
import java.util.List;

/**
 * What a file is to have besides its content, in the form in which the kernel takes it.
 *
 * @param mode permission bits with set-user-id, set-group-id and sticky
 * @param uid the owner, unsigned, never that which chown(2) takes as "leave it"
 * @param gid the group, likewise
 * @param accessed never before {@code modified}, unless that would be beyond what can be set
 * @param modified from 1970 to 2262
 * @param xattrs the extended attributes to set, none of them of the overlay filesystem or otherwise
 *     trusted
 */
public record LayerAttributes(
    int mode, int uid, int gid, Timespec accessed, Timespec modified, List<TarXattr> xattrs) {}
