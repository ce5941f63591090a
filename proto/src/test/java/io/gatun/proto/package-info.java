/** Proves that the wire types are containerd's. */
@NullMarked
package io.gatun.proto;

import org.jspecify.annotations.NullMarked;
