/** Fast decompression of gzip with Intel's ISA-L, an optional library of the machine. */
@NullMarked
package io.gatun.isal;

import org.jspecify.annotations.NullMarked;
