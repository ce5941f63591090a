/** Tests of creating layers. */
@NullMarked
package io.gatun.snapshot.layer.pack;

import org.jspecify.annotations.NullMarked;
