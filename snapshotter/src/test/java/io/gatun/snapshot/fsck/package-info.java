/** Tests of the verifier, on roots that are made by hand. */
@NullMarked
package io.gatun.snapshot.fsck;

import org.jspecify.annotations.NullMarked;
