/** Tests of the checks and repairs, on roots that are created by hand. */
@NullMarked
package io.gatun.snapshot.fsck;

import org.jspecify.annotations.NullMarked;
