/** Roots that earlier versions have written, which this one has to open. */
@NullMarked
package io.gatun.snapshot.upgrade;

import org.jspecify.annotations.NullMarked;
