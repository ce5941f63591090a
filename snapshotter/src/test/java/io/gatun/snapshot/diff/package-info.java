/** Tests of making layers. */
@NullMarked
package io.gatun.snapshot.diff;

import org.jspecify.annotations.NullMarked;
